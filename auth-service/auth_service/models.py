"""The records that the service keeps."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class User:
    """An account.

    `canonical` is the user name without regard to case; `generation` rises whenever every
    session of the account must die; `created_at` is RFC 3339 in UTC.
    """

    id: str
    username: str
    canonical: str
    password_hash: str
    generation: int
    disabled: bool
    created_at: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session.

    Times are Unix seconds: `ends_at` is the absolute limit, `authenticated_at` the last time that
    the password was entered. `failed_confirmations` counts wrong entries of it since then.
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
