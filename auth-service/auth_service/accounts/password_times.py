"""When passwords were set, which people are told."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from auth_service.errors import Unavailable
from auth_service.models import User
from auth_service.storage.ports import AccountFacts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PasswordTimes:
    """Records when passwords were set; `clock` returns Unix seconds."""

    facts: AccountFacts
    clock: Callable[[], float]

    def record(self, user: User) -> None:
        """Record that the password of a stored user was set just now.

        The password counts already, so a failure is only logged.
        """
        try:
            self.facts.record_password(user.id, int(self.clock()))
        except Unavailable as error:
            log.warning("when a password was set is not known: %s", error)
