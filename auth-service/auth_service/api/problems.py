"""The one place where exceptions become answers: problem details (RFC 9457)."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, Response, g, json
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from auth_service import errors
from auth_service.api.bodies import MalformedJson, UnsupportedMediaType
from session_contract.callers import WrongCredential
from session_contract.tokens import TokenError

log = logging.getLogger(__name__)

# RFC 9110 renamed these two.
_TITLES = {**HTTP_STATUS_CODES, 413: "Content Too Large", 422: "Unprocessable Content"}
_UNAUTHENTICATED = {"WWW-Authenticate": "Bearer"}
_INVALID_TOKEN = {"WWW-Authenticate": 'Bearer error="invalid_token"'}

_PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    MalformedJson: (400, "malformed-json", "The body is not JSON, or names a key twice."),
    UnsupportedMediaType: (415, "unsupported-media-type", "Send application/json."),
    errors.InvalidFields: (422, "invalid-fields", "Some fields are not acceptable."),
    errors.UsernameTaken: (409, "username-taken", "This username is taken. Choose another."),
    errors.InvalidCredentials: (401, "invalid-credentials", "Incorrect username or password."),
    errors.TooManyAttempts: (
        429,
        "too-many-attempts",
        "Too many wrong passwords in a row. Try again later.",
    ),
    errors.RegistrationClosed: (
        403,
        "registration-closed",
        "New accounts are made by the operator.",
    ),
    errors.SessionEnded: (401, "session-ended", "This session has ended. Sign in again."),
    errors.SessionLimitReached: (
        401,
        "session-limit-reached",
        "This session's time is over. Sign in again.",
    ),
    errors.UnknownSession: (404, "not-found", "There is nothing at this address."),
    errors.ReauthenticationRequired: (
        403,
        "reauthentication-required",
        "Confirm your password first.",
    ),
    errors.IncorrectPassword: (403, "incorrect-password", "The password is not correct."),
    errors.Unauthenticated: (401, "unauthenticated", "Send a session token."),
    TokenError: (401, "invalid-token", "The session token is not valid. Sign in again."),
    WrongCredential: (
        502,
        "bad-gateway-credential",
        "What passed this on is not who it should be.",
    ),
    errors.Busy: (503, "busy", "Too many sign-ins at once. Try again shortly."),
    errors.Unavailable: (
        503,
        "unavailable",
        "This cannot be done at the moment. Try again shortly.",
    ),
}
_HTTP_CODES = {
    404: ("not-found", "There is nothing at this address."),
    405: ("method-not-allowed", "This address does not take that method."),
    413: ("content-too-large", "The body is larger than 16 KB."),
    # Flask logs what was behind it.
    500: ("internal-error", "Something went wrong here. Try again in a moment."),
}


def problem(
    status: int, code: str, detail: str, headers: Mapping[str, str] = {}, **members: Any
) -> Response:
    """Return a problem details answer; `members` are added to the standard ones."""
    kind = f"urn:doorward:problem:{code}"
    body = {"type": kind, "title": _TITLES[status], "status": status, "detail": detail, **members}
    if "caller" in g:
        body["request_id"] = g.caller.request_id
    return Response(json.dumps(body), status, dict(headers), mimetype="application/problem+json")


def register(app: Flask, observe: Callable[[Exception], None]) -> None:
    """Make the application answer every exception with a problem; `observe` is told of each first."""

    def answer(error: Exception) -> Response:
        observe(error)
        return _http(error) if isinstance(error, HTTPException) else _known(error)

    kinds: list[type[Exception]] = [HTTPException, *_PROBLEMS]
    for kind in kinds:
        app.register_error_handler(kind, answer)


def _known(error: Exception) -> Response:
    status, code, detail = next(
        _PROBLEMS[kind] for kind in type(error).__mro__ if kind in _PROBLEMS
    )
    headers, members = {}, {}
    if isinstance(error, errors.TryLater):
        headers = {"Retry-After": str(error.retry_after)}
        if isinstance(error, errors.Unavailable):
            log.warning("%s: %s", code, error)
    elif isinstance(error, errors.InvalidFields):
        members = {"errors": error.errors}
    elif isinstance(error, errors.SessionEnded | errors.SessionLimitReached | TokenError):
        headers = _INVALID_TOKEN
    elif status == 401:
        headers = _UNAUTHENTICATED
    return problem(status, code, detail, headers, **members)


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    code, detail = _HTTP_CODES.get(status, ("bad-request", "The request cannot be understood."))
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return problem(status, code, detail, headers)
