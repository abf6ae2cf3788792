"""Recognises visitors: verifies session tokens and renews them at auth-service."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from session_contract.audit_events import record_event
from session_contract.callers import Caller
from session_contract.tokens import Claims, TokenError, TokenExpired, TokenForeign, TokenVerifier
from web_frontend.auth_service.answers import Refused, Unavailable, Unreachable
from web_frontend.auth_service.client import AuthClient

FUTURE_SECONDS = 60
"""How far the clock of auth-service may be ahead."""
OFFLINE_SECONDS = 300
REMEMBERED_REFUSALS = 4096

Reason = Literal["idle", "ended", "limit"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Visitor:
    """A visitor, with or without a session.

    `token` is the token that came. `claims` are those of a live session; `signed` are those of any
    token with our signature, even an expired one. `reason` says why a session of ours has ended.
    `fresh_token` is a renewed token for the cookie. `offline` means that auth-service could not be
    reached, so that only reading is allowed.
    """

    token: str = ""
    claims: Claims | None = None
    signed: Claims | None = None
    reason: Reason | None = None
    fresh_token: str | None = None
    offline: bool = False

    @property
    def session_id(self) -> str:
        """The session id in a token with our signature, or ""."""
        return self.signed.session_id if self.signed else ""


class SignedOut(Exception):
    """The page needs a live session; `reason` says why the one that came has ended."""

    def __init__(self, reason: Reason | None) -> None:
        super().__init__(reason)
        self.reason = reason


class Visitors:
    """Verifies tokens, and renews them when they are no longer fresh.

    `clock` returns Unix seconds, as the times in tokens are.
    """

    def __init__(
        self,
        verifier: TokenVerifier,
        auth: AuthClient,
        clock: Callable[[], float],
        *,
        renew_seconds: int,
        absolute_seconds: int,
    ) -> None:
        self._verifier = verifier
        self._auth = auth
        self._clock = clock
        self._renew_seconds = renew_seconds
        self._absolute_seconds = absolute_seconds
        self._refused: OrderedDict[str, None] = OrderedDict()

    def recognise(
        self, tokens: Collection[str], ended_sessions: Collection[str], caller: Caller
    ) -> Visitor:
        """Return the visitor who sent these tokens, from the tokens alone.

        A live session comes first, then an ended one of ours. A token that names no key of ours is
        ignored and its cookie is kept, because all ports of localhost share cookies.
        `ended_sessions` were ended in this browser just now; a late renewal must not restore them.
        """
        found = [self._visitor(token, ended_sessions) for token in tokens]
        best = max(found, key=_certainty, default=Visitor())
        _record(best, caller)
        return best

    def renewed(self, visitor: Visitor, caller: Caller) -> Visitor:
        """Return the visitor, after renewing the session if its token is no longer fresh.

        Raises:
            Unavailable: auth-service answered, but not with a renewal or a refusal.
            Unreachable: it did not answer, and the token is too old to go on without it.
        """
        if visitor.claims is None or self._is_fresh(visitor.claims, self._renew_seconds):
            return visitor
        try:
            issued = self._auth.renew(visitor.token, caller)
        except Refused as error:
            return self._after_refusal(visitor.token, visitor.claims, error, caller)
        except Unreachable:
            # A session that was refused once must not come back while a flood keeps auth-service
            # from answering.
            was_refused = visitor.claims.session_id in self._refused
            if was_refused or not self._is_fresh(visitor.claims, OFFLINE_SECONDS):
                raise
            return Visitor(visitor.token, visitor.claims, visitor.claims, offline=True)
        return self.with_token(visitor.claims, issued.token)

    def with_token(self, before: Claims, token: str) -> Visitor:
        """Return the visitor of a session with a new token for it.

        Raises:
            Unavailable: the token does not verify here, or is another session's.
        """
        fresh = self.accepted(token)
        if (fresh.session_id, fresh.user_id) != (before.session_id, before.user_id):
            log.error("auth-service answered a renewal with another session's token")
            raise Unavailable("auth-service sent another session's token")
        return Visitor(token, fresh, fresh, fresh_token=token)

    def accepted(self, token: str) -> Claims:
        """Return the claims of a token that auth-service just issued. Raises Unavailable."""
        try:
            return self._verifier.verify(token)
        except TokenError as error:
            log.error("auth-service issued a token that does not verify here: %s", error)
            raise Unavailable("auth-service sent a token that does not verify") from error

    def _visitor(self, token: str, ended_sessions: Collection[str]) -> Visitor:
        try:
            claims = self._verifier.verify(token)
        except TokenExpired as error:
            limit = error.claims.authenticated_at + self._absolute_seconds
            at_limit = error.claims.expires_at >= limit
            return Visitor(token, signed=error.claims, reason="limit" if at_limit else "idle")
        except TokenForeign:
            return Visitor(token)
        except TokenError:
            return Visitor(token, reason="ended")
        # A cookie for a longer path cannot be cleared. If refused sessions were accepted here,
        # sign-in page and dashboard would redirect to each other for ever.
        is_over = claims.session_id in ended_sessions or claims.session_id in self._refused
        if is_over:
            return Visitor(token, signed=claims, reason="ended")
        return Visitor(token, claims, claims)

    def _is_fresh(self, claims: Claims, seconds: int) -> bool:
        age = self._clock() - claims.issued_at
        return -FUTURE_SECONDS <= age <= seconds

    def _after_refusal(self, token: str, claims: Claims, error: Refused, caller: Caller) -> Visitor:
        if error.status != 401:
            raise Unavailable(f"auth-service answered a renewal with {error.status}") from error
        if self._clock() >= claims.expires_at:  # it has expired during the call
            return self.recognise([token], (), caller)
        self._refused[claims.session_id] = None
        if len(self._refused) > REMEMBERED_REFUSALS:
            self._refused.popitem(last=False)
        at_limit = error.code == "session-limit-reached"
        return Visitor(token, signed=claims, reason="limit" if at_limit else "ended")


def _certainty(visitor: Visitor) -> int:
    """Return the rank of a visitor: a live session is highest, a foreign token lowest."""
    if visitor.claims:
        return 3
    if visitor.signed:
        return 2
    return 1 if visitor.reason else 0


def _record(visitor: Visitor, caller: Caller) -> None:
    """Record a token that was not accepted, if there was one."""
    if visitor.signed and visitor.reason in ("idle", "limit"):
        user_id = visitor.signed.user_id
        record_event("session_expired", caller.user_agent, user_id=user_id, reason=visitor.reason)
    elif visitor.reason and not visitor.signed:
        record_event("malicious_extraneous", caller.user_agent, reason="TokenInvalid")
    elif visitor.token and not visitor.signed:
        reason = "the token names no key of ours"
        record_event("session_use_after_expire", caller.user_agent, reason=reason)
