"""People who guess passwords."""

from contextlib import AbstractContextManager
from typing import Any

from auth_service.errors import InvalidCredentials, TooManyAttempts
from auth_service.guessing.throttle import Throttle
from auth_service.models import User

RIGHT, WRONG = True, False


class Person:
    """Somebody who guesses: a stranger or, with a token, a device; at a known name or not."""

    def __init__(
        self, throttle: Throttle, user: User | None, name: str = "alice", device: str = ""
    ) -> None:
        self.throttle, self.user, self.name, self.device = throttle, user, name, device
        self.hashed = 0

    def guess(self, right: bool = WRONG) -> int:
        """Guess once; return 0 if the password was hashed, otherwise for how long to wait."""
        return self._enter(self.throttle.guess(self.user, self.name, self.device), right)

    def again(self, right: bool = WRONG) -> int:
        """Guess in the user's own session; return as `guess`."""
        assert self.user
        return self._enter(self.throttle.owner_guess(self.user), right)

    def _enter(self, guess: AbstractContextManager[None], right: bool) -> int:
        try:
            with guess:
                self.hashed += 1
                if not right:
                    raise InvalidCredentials
        except InvalidCredentials:
            pass
        except TooManyAttempts as error:
            return error.retry_after
        return 0

    def fails(self, times: int) -> None:
        """Guess wrongly that often, each guess being hashed."""
        assert [self.guess() for _ in range(times)] == [0] * times

    def insist(self, clock: Any, times: int = 1000) -> int:
        """Guess as soon as it is allowed, until waiting is useless; return how many were hashed."""
        before, useless = self.hashed, 0
        while useless < 2 and self.hashed - before < times:
            wait = self.guess()
            clock.now += wait
            useless = useless + 1 if wait else 0
        return self.hashed - before
