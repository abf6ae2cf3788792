"""Issues session tokens. Nothing else in the product does that."""

import secrets

import jwt

from auth_service.models import SessionRecord, User
from session_contract.keyset import KeySetFile
from session_contract.tokens import ALGORITHM, TOKEN_TYPE, Claims


class TokenIssuer:
    """Signs with the key that is the first of the set at the moment."""

    def __init__(self, keys: KeySetFile, idle_seconds: int) -> None:
        self._keys = keys
        self._idle_seconds = idle_seconds

    def issue(self, user: User, session: SessionRecord) -> tuple[str, Claims]:
        """Return a token for a session that was just created or renewed, and its claims."""
        claims = Claims(
            user_id=user.id,
            username=user.username,
            display_name=user.display_name,
            session_id=session.id,
            token_id=secrets.token_urlsafe(12),
            issued_at=session.renewed_at,
            authenticated_at=session.created_at,
            expires_at=min(session.renewed_at + self._idle_seconds, session.ends_at),
        )
        key = self._keys.current().signing_key
        headers = {"typ": TOKEN_TYPE, "kid": key.kid}
        return jwt.encode(claims.to_payload(), key.secret, ALGORITHM, headers), claims
