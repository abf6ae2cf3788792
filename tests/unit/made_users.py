"""Users whose password nobody knows."""

import hashlib

from auth_service.models import User
from auth_service.usernames import canonical_username


def make_user(username: str = "Alice", **changes: object) -> User:
    """Make the same user for the same name every time."""
    fields: dict[str, object] = {
        "id": hashlib.sha256(username.encode()).hexdigest()[:24],
        "username": username,
        "canonical": canonical_username(username),
        "password_hash": "$2b$10$" + "." * 53,
        "generation": 1,
        "disabled": False,
        "created_at": "2026-11-22T10:00:00Z",
    }
    return User(**{**fields, **changes})  # type: ignore[arg-type]
