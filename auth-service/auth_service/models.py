"""The records of the service: users, sessions and counts of guesses."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

STRANGERS = "strangers"
OWNER = "owner"
"""Two counters of every account; each known device has one more, under its token's hash."""

PasswordScheme = Literal["bcrypt-sha256", "bcrypt", "unknown"]
"""How a password was hashed: our way, as plain bcrypt, or in one of these ways."""


@dataclass(frozen=True, slots=True)
class User:
    """An account.

    `canonical` is the user name in lower case. `generation` rises whenever all sessions of the
    account must end. `created_at` is a time in UTC (RFC 3339). `password_scheme` says whether the
    hash was computed over the password's SHA-256, over the password itself, or over one of the two.
    `former_usernames` are canonical names that the account had before, the newest last. They stay
    reserved for it.
    """

    id: str
    username: str
    canonical: str
    password_hash: str
    generation: int
    disabled: bool
    created_at: str
    display_name: str = ""
    password_scheme: PasswordScheme = "bcrypt-sha256"
    former_usernames: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The canonical names that nobody else can take: the present one and the former ones."""
        return (self.canonical, *self.former_usernames)

    def is_still(self, current: "User | None") -> bool:
        """Whether a check against this record is still valid for the current one."""
        if current is None or current.disabled:
            return False
        return current.id == self.id and current.generation == self.generation

    def with_password(self, password_hash: str) -> "User":
        """Return the user with a new password, of the next generation: every session ends."""
        renewed = self.with_renewed_hash(password_hash)
        return replace(renewed, generation=self.generation + 1)

    def with_renewed_hash(self, password_hash: str) -> "User":
        """Return the user with another hash of the same password: sessions go on."""
        scheme: PasswordScheme = "bcrypt-sha256"
        return replace(self, password_hash=password_hash, password_scheme=scheme)

    def with_display_name(self, display_name: str) -> "User":
        """Return the user with another display name: sessions go on."""
        return replace(self, display_name=display_name)

    def with_username(self, username: str, canonical: str) -> "User":
        """Return the user with another name, of the next generation: every session ends."""
        others = tuple(name for name in self.former_usernames if name != canonical)
        is_another = canonical != self.canonical
        return replace(
            self,
            username=username,
            canonical=canonical,
            former_usernames=(*others, self.canonical) if is_another else others,
            generation=self.generation + 1,
        )

    def changed_like(self, before: "User", after: "User") -> "User":
        """Return the user with the fields that differ between two records of the same user."""
        changes = {
            field.name: getattr(after, field.name)
            for field in fields(self)
            if getattr(after, field.name) != getattr(before, field.name)
        }
        return replace(self, **changes)

    def disabled_now(self) -> "User":
        """Return the user disabled, of the next generation."""
        return replace(self, disabled=True, generation=self.generation + 1)

    def enabled_now(self) -> "User":
        """Return the user enabled, of the next generation."""
        return replace(self, disabled=False, generation=self.generation + 1)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session.

    Times are Unix seconds: `ends_at` is the absolute limit, `authenticated_at` the last time that
    the password was entered. `failed_confirmations` counts wrong entries of it since then.

    The facts that the user is shown do not change while the session lives: the time and the
    User-Agent of the sign-in before this one, the number of wrong passwords between the two, and
    when the password was set. A time of 0 is not known.
    """

    id: str
    user_id: str
    generation: int
    created_at: int
    renewed_at: int
    ends_at: int
    client_address: str
    user_agent: str
    authenticated_at: int
    failed_confirmations: int = 0
    previous_at: int = 0
    previous_user_agent: str = ""
    wrong_passwords: int = 0
    password_set_at: int = 0


@dataclass(frozen=True, slots=True)
class LastSignIn:
    """When an account was last signed in to, with which User-Agent, and when its password was set.

    Times are Unix seconds. A time of 0 is not known.
    """

    at: int = 0
    user_agent: str = ""
    password_set_at: int = 0


@dataclass(frozen=True, slots=True)
class ActiveSession:
    """A session that was just opened or used, and how many live sessions its user has."""

    record: SessionRecord
    live_sessions: int


@dataclass(frozen=True, slots=True)
class Account:
    """The target of a guess: a user's id and generation, or a bucket of unknown names and 0."""

    subject: str
    generation: int

    @classmethod
    def of(cls, user: User) -> "Account":
        """Return the user's account; each generation has an account of its own."""
        return cls(user.id, user.generation)


@dataclass(frozen=True, slots=True)
class GuessCounter:
    """Failures since the last success, and when it was last used (Unix seconds).

    Guesses are numbered. Those up to `cleared` no longer count; the others up to `reserved` do.
    `wrong` is the number of all guesses that were not right, or are still being hashed.
    """

    reserved: int = 0
    cleared: int = 0
    used_at: float = 0.0
    wrong: int = 0

    @property
    def failures(self) -> int:
        """How many guesses in a row failed or are still being hashed."""
        return self.reserved - self.cleared

    def with_guess(self, now: float) -> "GuessCounter":
        """Return the counter after one more guess, which counts as wrong until it is known."""
        return GuessCounter(self.reserved + 1, self.cleared, now, self.wrong + 1)


class GuessCounters(dict[str, GuessCounter]):
    """The counters of an account by name; a missing counter was never used."""

    def __missing__(self, _name: str) -> GuessCounter:
        return GuessCounter()


@dataclass(frozen=True, slots=True)
class Reservation:
    """A guess that counts as failed.

    `before` has the counters as they were before it. `owner_reserved` is the owner's `reserved`.
    """

    account: Account
    before: Mapping[str, GuessCounter]
    owner_reserved: int
