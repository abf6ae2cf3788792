"""What auth-service should hold after any calls: plain dictionaries, and no cleverness.

It knows the contract and nothing of the product's code: an account is what stands in users.json, a
session is dead as soon as its user is of another generation, and time is a number of seconds.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

IDLE, ABSOLUTE, RECENT = 1800, 43_200, 300
STRANGERS, OWNER = "strangers", "owner"
RULES = ((3, 64), frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-"))


def is_name(name: str) -> bool:
    (least, most), characters = RULES
    return least <= len(name) <= most and set(name) <= characters


def canonical(name: str) -> str:
    """Return the name without regard to case, which ASCII alone has here."""
    return "".join(chr(ord(each) + 32) if "A" <= each <= "Z" else each for each in name)


@dataclass
class Token:
    """A session token; `issued` numbers the key set that it was signed under."""

    text: str
    session: "Session"
    expires_at: int
    kid: str


@dataclass
class Session:
    """A session, with the tokens that were handed out for it."""

    id: str
    user: str
    generation: int
    created_at: int
    renewed_at: int
    ends_at: int
    authenticated_at: int
    wrong: int = 0
    ended: bool = False
    told: dict[str, int] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)


@dataclass
class Facts:
    """What is known about an account for its next sign-in; 0 is not known."""

    signed_in_at: int = 0
    password_set_at: int = 0
    wrong: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    told: tuple[int, int] = (0, 0)


@dataclass
class Counter:
    """Wrong guesses in a row from one side of an account, and when the last guess was."""

    wrong: int = 0
    used_at: int = 0


class Expected:
    """Accounts as users.json has them, their passwords by hash, sessions, keys and guesses."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.users: dict[str, dict[str, Any]] = {}
        self.passwords: dict[str, int] = {}
        self.sessions: list[Session] = []
        self.keys: dict[str, int | None] = {}
        self.counters: defaultdict[tuple[str, int], defaultdict[str, Counter]] = defaultdict(
            lambda: defaultdict(Counter)
        )
        self.facts: defaultdict[str, Facts] = defaultdict(Facts)

    # --- accounts
    # -----------------------------------------------------------------------------------

    def find(self, name: str) -> str | None:
        """Return the id of the account with this name."""
        return next(
            (key for key, user in self.users.items() if user["canonical"] == canonical(name)), None
        )

    def is_reserved(self, name: str) -> bool:
        """Whether an account had this name before."""
        former = [each for user in self.users.values() for each in user.get("former_usernames", [])]
        return canonical(name) in former

    def is_of_somebody_else(self, user: str, name: str) -> bool:
        """Whether another account has this name, or had it before."""
        others = [block for key, block in self.users.items() if key != user]
        return any(
            canonical(name) in (block["canonical"], *block.get("former_usernames", []))
            for block in others
        )

    def may_be_called(self, user: str, name: str) -> bool:
        """Whether the rules allow an account to take this name, if nobody has it."""
        return is_name(name) and name != self.users[user]["username"]

    def rename(self, user: str, name: str) -> None:
        """Give an account another name. The old one stays reserved, the newest last."""
        block = self.users[user]
        new = canonical(name)
        former = [each for each in block.pop("former_usernames", []) if each != new]
        if new != block["canonical"]:
            former.append(block["canonical"])
        block |= {"username": name, "canonical": new, "generation": block["generation"] + 1}
        if former:
            block["former_usernames"] = former

    def password_of(self, user: str) -> int:
        return self.passwords[self.users[user]["password_hash"]]

    # --- sessions
    # -----------------------------------------------------------------------------------

    def owner(self, session: Session) -> dict[str, Any] | None:
        """Return the account of a session that has not been ended."""
        user = self.users.get(session.user)
        if (
            session.ended
            or user is None
            or user["disabled"]
            or user["generation"] != session.generation
        ):
            return None
        return user

    def is_known(self, token: Token) -> bool:
        """Whether the key that signed it is there, and not retired."""
        if token.kid not in self.keys:
            return False
        retires_at = self.keys[token.kid]
        return retires_at is None or self.now < retires_at

    def opens(self, token: Token) -> bool:
        """Whether a token is good for anything but signing out."""
        return (
            self.now < token.expires_at
            and self.is_known(token)
            and self.owner(token.session) is not None
        )

    def live(self, user: str) -> list[Session]:
        """Return the sessions that a user is shown."""
        return [
            session
            for session in self.sessions
            if session.user == user
            and self.owner(session) is not None
            and self.now < min(session.renewed_at + IDLE, session.ends_at)
        ]

    # --- guesses
    # ------------------------------------------------------------------------------------

    def account(self, name: str) -> tuple[str, int]:
        user = self.find(name)
        return (
            (user, self.users[user]["generation"]) if user else (f"bucket of {canonical(name)}", 0)
        )

    def counted_in(self, name: str, device: str) -> tuple[str, ...] | None:
        """Return the counters that a guess is counted in, or None if it is refused."""
        counters = self.counters[self.account(name)]
        if device in counters and counters[device].wrong < 10 and counters[OWNER].wrong < 20:
            return device, OWNER
        wrong, used_at = counters[STRANGERS].wrong, counters[STRANGERS].used_at
        delay = 0 if wrong <= 4 else min(2 ** (wrong - 5), 900)
        return None if wrong >= 80 or self.now < used_at + delay else (STRANGERS,)

    def count(self, account: tuple[str, int], names: tuple[str, ...], *, right: bool) -> None:
        counters = self.counters[account]
        for name in names:
            counters[name] = Counter(0 if right else counters[name].wrong + 1, self.now)
        if right:
            counters[OWNER].wrong = 0
        else:
            user, generation = account
            self.facts[user].wrong[generation] += 1

    # --- facts
    # --------------------------------------------------------------------------------------

    def sign_in(self, session: Session) -> None:
        """Remember a sign-in, and what its session is told of the one before.

        Wrong passwords count from the sign-in before if that was in the same generation.
        """
        facts, generation = self.facts[session.user], session.generation
        so_far = facts.wrong[generation]
        told_generation, told_wrong = facts.told
        since = so_far - (told_wrong if told_generation == generation else 0)
        session.told = {
            "prev_at": facts.signed_in_at,
            "wrong": since if facts.signed_in_at else 0,
            "pwd_at": facts.password_set_at,
        }
        facts.signed_in_at, facts.told = session.created_at, (generation, so_far)

    def change_password(self, before: Session, after: Session) -> None:
        """Let a session with a new password take the place of another one."""
        self.facts[after.user].password_set_at = after.created_at
        after.told = {**before.told, "wrong": 0, "pwd_at": after.created_at}
