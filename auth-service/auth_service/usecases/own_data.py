"""Everything that is kept about people, for themselves (GDPR, article 15)."""

from collections.abc import Callable
from dataclasses import dataclass

from auth_service.guessing.standing import KnownDevice, known_devices
from auth_service.models import Account, LastSignIn, SessionRecord, User
from auth_service.sessions.service import SessionService
from auth_service.storage.ports import AccountFacts, Guesses


@dataclass(frozen=True)
class PersonalData:
    """A user with live sessions, known devices and the last sign-in; `current` is the session."""

    user: User
    current: SessionRecord
    sessions: list[SessionRecord]
    devices: list[KnownDevice]
    last_sign_in: LastSignIn


@dataclass(frozen=True)
class OwnData:
    """Collects the data of people who are signed in; `clock` returns Unix seconds."""

    sessions: SessionService
    guesses: Guesses
    facts: AccountFacts
    clock: Callable[[], float]

    def of(self, user: User, current: SessionRecord) -> PersonalData:
        """Return what is kept about the user of a session. Raises Unavailable."""
        counters = self.guesses.counters(Account.of(user))
        return PersonalData(
            user=user,
            current=current,
            sessions=self.sessions.live(user),
            devices=known_devices(counters, self.clock()),
            last_sign_in=self.facts.last_sign_in(user.id),
        )
