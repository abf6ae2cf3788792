"""Log lines of both services: one JSON object each, on stdout. Logging slows no request down."""

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from queue import Full, Queue
from typing import Any

from session_contract.audit_events import audit_log

QUEUED_LINES = 4096
FLUSH_SECONDS = 1.0
LONGEST_LINE = 4096
"""Bytes. Linux writes PIPE_BUF bytes in one piece; longer lines of processes could mix."""

Context = Callable[[], Mapping[str, str]]


class JsonLine(logging.Formatter):
    """Makes a JSON object (RFC 8259) of a record, in ASCII: no value can start a new line."""

    def __init__(self, service: str, context: Context) -> None:
        """Name the service; `context` returns the fields of the request under way, if any."""
        super().__init__()
        self._service = service
        self._context = context

    def format(self, record: logging.LogRecord) -> str:
        """Return one line without its end, of at most `LONGEST_LINE` bytes."""
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z",
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "event" if record.name == audit_log.name else "message": record.getMessage(),
            **self._context(),
            **getattr(record, "details", {}),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        line = json.dumps(fields)
        while len(line) >= LONGEST_LINE:
            _shorten_longest(fields)
            line = json.dumps(fields)
        return line


def _shorten_longest(fields: dict[str, Any]) -> None:
    """Cut the middle third out of the longest value: its beginning and end say most."""
    longest = max(fields, key=lambda name: len(str(fields[name])))
    text = str(fields[longest])
    third = len(text) // 3
    fields[longest] = f"{text[:third]} … {text[-third:]}"


class LineHandler(logging.Handler):
    """Queues lines for a thread that writes them, so that no request waits for the log's reader.

    When the queue is full, lines are lost. Their number is logged once the log is read again. Every
    process has its own queue and thread, also after a fork.
    """

    def __init__(self, service: str, context: Context, descriptor: int = 1) -> None:
        """Write to the open file `descriptor`; 1 is stdout."""
        super().__init__()
        self.setFormatter(JsonLine(service, context))
        self._descriptor = descriptor
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._queue: Queue[str] = Queue(QUEUED_LINES)
        self._lost = 0
        self._writer: threading.Thread | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line; the caller, `Handler.handle`, holds the lock."""
        try:
            self._queue.put_nowait(self.format(record))
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_lines, name="log", daemon=True)
                self._writer.start()
        except Full:
            self._lost += 1
        except Exception:  # noqa: BLE001 - a bad line must not break the request
            self.handleError(record)

    def flush(self) -> None:
        """Wait a second at most until all is written; `logging.shutdown` calls this at exit."""
        with self._queue.all_tasks_done:
            self._queue.all_tasks_done.wait_for(
                lambda: not self._queue.unfinished_tasks, FLUSH_SECONDS
            )

    def _write_lines(self) -> None:
        reported = 0
        while True:
            line = self._queue.get()
            try:
                self._write(line)
                lost = self._lost - reported
                if lost:
                    self._write_loss(lost)
                    reported += lost
            except OSError:
                reported -= 1  # this line is lost too: the disk is full, or the reader has gone
            self._queue.task_done()

    def _write_loss(self, lines: int) -> None:
        text = f"{lines} lines were lost here: the log was not read"
        record = logging.LogRecord(__name__, logging.ERROR, __file__, 0, text, None, None)
        self._write(self.format(record))

    def _write(self, line: str) -> None:
        rest = f"{line}\n".encode()
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]


def configuration(service: str, context: Context) -> dict[str, Any]:
    """Return gunicorn's `logconfig_dict` with one handler for all lines, gunicorn's included."""
    return {
        "handlers": {"lines": {"()": LineHandler, "service": service, "context": context}},
        "root": {"level": "INFO", "handlers": ["lines"]},
        "loggers": {"gunicorn.error": {"level": "INFO", "propagate": True}},
        "formatters": {},
    }
