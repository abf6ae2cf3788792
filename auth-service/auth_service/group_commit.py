"""Changes that arrive together are written together: one leader writes for all who wait."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from auth_service.errors import AuthServiceError, Unavailable

QUEUE_SECONDS = 5.0

Change = TypeVar("Change")


class GroupCommit(Generic[Change]):
    """Takes changes from many threads; a burst of them costs one write, not one each."""

    def __init__(self, write: Callable[[list[Change]], list[Any]]) -> None:
        """Take what writes changes: it returns what each returned, or the AuthServiceError that it raised."""
        self._write = write
        self._turn, self._queueing = threading.Lock(), threading.Lock()
        self._queue: list[tuple[Change, Future[Any]]] = []

    def submit(self, change: Change) -> Any:
        """Have a change written and return what it returned.

        Raises:
            AuthServiceError: whatever the change itself raised.
            Unavailable: it was not written.
        """
        waiting = (change, Future[Any]())
        with self._queueing:
            self._queue.append(waiting)
        if not self._turn.acquire(timeout=QUEUE_SECONDS):
            with self._queueing:
                if waiting in self._queue:
                    self._queue.remove(waiting)
                    raise Unavailable("writing takes too long")
            self._turn.acquire()
        try:
            if not waiting[1].done():
                self._write_waiting()
        finally:
            self._turn.release()
        return waiting[1].result()

    def _write_waiting(self) -> None:
        with self._queueing:
            waiting, self._queue = self._queue, []
        outcomes: list[Any] = [Unavailable("this cannot be written now") for _ in waiting]
        try:
            outcomes = self._write([change for change, _ in waiting])
        finally:
            for (_, future), outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome, AuthServiceError):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)
