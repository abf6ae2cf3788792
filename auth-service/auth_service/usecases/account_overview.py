"""What operators see of accounts."""

from collections.abc import Callable
from dataclasses import dataclass

from auth_service.guessing.standing import Standing, standing
from auth_service.models import Account, User
from auth_service.sessions.service import OwnedSession, SessionService
from auth_service.storage.ports import AccountFacts, Guesses, Users


@dataclass(frozen=True)
class AccountSummary:
    """An account in the list of all; `last_sign_in` is in Unix seconds, None if not known."""

    user: User
    last_sign_in: int | None
    live_sessions: int


@dataclass(frozen=True)
class AccountDetails:
    """An account with its live sessions, and who may guess its password at `seen_at`.

    `seen_at` is in Unix seconds.
    """

    summary: AccountSummary
    sessions: list[OwnedSession]
    standing: Standing
    seen_at: float


@dataclass(frozen=True)
class AccountOverview:
    """Describes accounts; `clock` returns Unix seconds. Every method raises Unavailable."""

    users: Users
    sessions: SessionService
    guesses: Guesses
    facts: AccountFacts
    clock: Callable[[], float]

    def of_all(self) -> list[AccountSummary]:
        """Return all accounts in order of creation."""
        last_sign_ins = self.facts.last_sign_ins()
        live = self.sessions.live_counts()
        return [
            AccountSummary(
                user=user,
                last_sign_in=last_sign_ins.get(user.id),
                live_sessions=live.get(Account.of(user), 0),
            )
            for user in self.users.all()
        ]

    def of(self, user: User) -> AccountDetails:
        """Return one account with all that decides whether its user can sign in."""
        now = self.clock()
        counters = self.guesses.counters(Account.of(user))
        sessions = [OwnedSession(user, record) for record in self.sessions.live(user)]
        return AccountDetails(
            summary=AccountSummary(
                user=user,
                last_sign_in=self.facts.last_sign_in(user.id).at or None,
                live_sessions=len(sessions),
            ),
            sessions=sessions,
            standing=standing(counters, now),
            seen_at=now,
        )
