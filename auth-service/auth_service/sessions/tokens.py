"""Issues session tokens. Nothing else in the product does that."""

import re
import secrets

import jwt

from auth_service.models import ActiveSession, User
from session_contract.keyset import KeySetFile
from session_contract.tokens import ALGORITHM, TOKEN_TYPE, Claims

USER_AGENT_LENGTH = 200
"""Characters of a User-Agent in a token; browsers name themselves in the first 150."""
_AWKWARD = re.compile(r'[^ -~]|["\\]')
"""Characters that JSON would escape; no browser needs them to name itself."""


class TokenIssuer:
    """Signs with the key that is the first of the set at the moment."""

    def __init__(self, keys: KeySetFile, idle_seconds: int) -> None:
        self._keys = keys
        self._idle_seconds = idle_seconds

    def issue(self, user: User, active: ActiveSession) -> tuple[str, Claims]:
        """Return a token for a session that was just opened or used, and its claims.

        The User-Agent is shortened, so that no token exceeds 2,048 characters.
        """
        session = active.record
        claims = Claims(
            user_id=user.id,
            username=user.username,
            display_name=user.display_name,
            session_id=session.id,
            token_id=secrets.token_urlsafe(12),
            issued_at=session.renewed_at,
            authenticated_at=session.created_at,
            expires_at=min(session.renewed_at + self._idle_seconds, session.ends_at),
            previous_at=session.previous_at,
            previous_user_agent=_shortened(session.previous_user_agent),
            wrong_passwords=session.wrong_passwords,
            live_sessions=active.live_sessions,
            password_set_at=session.password_set_at,
        )
        key = self._keys.current().signing_key
        headers = {"typ": TOKEN_TYPE, "kid": key.kid}
        return jwt.encode(claims.to_payload(), key.secret, ALGORITHM, headers), claims


def _shortened(user_agent: str) -> str:
    return _AWKWARD.sub("", user_agent)[:USER_AGENT_LENGTH]
