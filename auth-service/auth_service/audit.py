"""The audit log: what somebody who looks into an incident needs to know, and no secret."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from flask import request
from werkzeug.exceptions import InternalServerError, RequestEntityTooLarge

from auth_service import errors
from auth_service.api.bodies import MalformedJson, UnsupportedMediaType
from auth_service.models import User
from auth_service.storage.users_json.codec import canonical_username
from session_contract.audit_events import record_event
from session_contract.callers import Caller, WrongCredential
from session_contract.tokens import TokenExpired, TokenForeign, TokenInvalid

# What an endpoint refused, by event; other refusals are no security events. The first that fits
# counts.
_REFUSALS: dict[str, tuple[type[Exception], ...]] = {
    "authn_login_fail": (errors.InvalidCredentials, errors.IncorrectPassword),
    "authn_login_lock": (errors.TooManyAttempts, errors.TooManyConfirmations),
    "authz_fail": (
        errors.RegistrationClosed,
        errors.ReauthenticationRequired,
        errors.UnknownSession,
        errors.Unauthenticated,
        TokenForeign,
    ),
    "session_use_after_expire": (TokenExpired, errors.SessionEnded, errors.SessionLimitReached),
    "malicious_extraneous": (TokenInvalid, WrongCredential),
    "input_validation_fail": (
        errors.InvalidFields,
        MalformedJson,
        UnsupportedMediaType,
        RequestEntityTooLarge,
    ),
    "sys_crash": (InternalServerError,),
}
_PASSWORD_CHANGE = "account_api.change_password"  # noqa: S105 - the name of an endpoint


@dataclass(frozen=True)
class AuditLog:
    """Records security events.

    `find` returns the user of a canonical name, `pseudonym` what stands for the name of nobody:
    people type passwords where names belong.
    """

    find: Callable[[str], User | None]
    pseudonym: Callable[[str], str]

    def record(
        self, event: str, caller: Caller | None, *, username: str | None = None, **details: object
    ) -> None:
        """Record one event, of a request's caller or, where there is none, of an operator's command."""
        if username is not None:
            canonical = canonical_username(username)
            # Both are always looked up: the time must not tell which names are known.
            user, pseudonym = self.find(canonical), self.pseudonym(canonical)
            details["user_id"], details["unknown_name"] = (
                (user.id, None) if user else (None, pseudonym)
            )
        if caller is None:
            details["operator_uid"] = int(os.environ.get("SUDO_UID", os.getuid()))
        record_event(event, caller.user_agent if caller else None, **details)

    def refused(self, error: Exception, caller: Caller, **who: str) -> None:
        """Record what an endpoint refused, if it is a security event; `who` is as `record` takes it."""
        event = next((name for name, kinds in _REFUSALS.items() if isinstance(error, kinds)), None)
        if isinstance(error, errors.IncorrectPassword) and request.endpoint == _PASSWORD_CHANGE:
            event = "authn_password_change_fail"
        if event:
            self.record(event, caller, reason=type(error).__name__, act=request.endpoint, **who)


def short(identifier: str) -> str:
    """Return enough of an identifier to tell sessions apart, and too little to name one by."""
    return identifier[:8]
