"""The audit log: what somebody who looks into an incident needs to know, and no secret."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from flask import request
from werkzeug.exceptions import InternalServerError, RequestEntityTooLarge

from auth_service import errors
from auth_service.json_body import MalformedJson, UnsupportedMediaType
from auth_service.models import User
from auth_service.userfile import canonical_username
from session_contract.audit_events import record_event
from session_contract.callers import Caller, WrongCredential
from session_contract.tokens import TokenExpired, TokenForeign, TokenInvalid

# What an endpoint refused, by the exception that says so; others are no security events.
_REFUSALS: dict[type[Exception], str] = {
    errors.InvalidCredentials: "authn_login_fail",
    errors.IncorrectPassword: "authn_login_fail",
    errors.TooManyAttempts: "authn_login_lock",
    errors.RegistrationClosed: "authz_fail",
    errors.ReauthenticationRequired: "authz_fail",
    errors.UnknownSession: "authz_fail",
    errors.Unauthenticated: "authz_fail",
    TokenForeign: "authz_fail",
    TokenInvalid: "malicious_extraneous",
    TokenExpired: "session_use_after_expire",
    errors.TooManyAttempts: "authn_login_lock",
    errors.TooManyConfirmations: "authn_login_lock",
    errors.SessionEnded: "session_use_after_expire",
    errors.SessionLimitReached: "session_use_after_expire",
    errors.InvalidFields: "input_validation_fail",
    MalformedJson: "input_validation_fail",
    UnsupportedMediaType: "input_validation_fail",
    RequestEntityTooLarge: "input_validation_fail",
    WrongCredential: "malicious_extraneous",
    InternalServerError: "sys_crash",
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
        self,
        event: str,
        caller: Caller | None,
        *,
        user_id: str | None = None,
        username: str | None = None,
        **details: object,
    ) -> None:
        """Record one event, of a request's caller or, where there is none, of an operator's command."""
        if username is not None:
            canonical = canonical_username(username)
            # Both are always looked up: the time must not tell which names are known.
            user, pseudonym = self.find(canonical), self.pseudonym(canonical)
            user_id, details["unknown_name"] = (user.id, None) if user else (None, pseudonym)
        if caller is None:
            details["operator_uid"] = int(os.environ.get("SUDO_UID", os.getuid()))
        record_event(event, caller.user_agent if caller else None, user_id=user_id, **details)

    def refused(self, error: Exception, caller: Caller, **who: str) -> None:
        """Record what an endpoint refused, if it is a security event; `who` is as `record` takes it."""
        event = next((_REFUSALS[kind] for kind in type(error).__mro__ if kind in _REFUSALS), None)
        if isinstance(error, errors.IncorrectPassword) and request.endpoint == _PASSWORD_CHANGE:
            event = "authn_password_change_fail"
        if event:
            self.record(event, caller, reason=type(error).__name__, act=request.endpoint, **who)


def short(identifier: str) -> str:
    """Return enough of an identifier to tell sessions apart, and too little to name one by."""
    return identifier[:8]
