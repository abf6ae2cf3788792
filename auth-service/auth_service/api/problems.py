"""The one place where exceptions become answers: problem details (RFC 9457)."""

import logging
from collections.abc import Callable
from typing import Any

from flask import Flask, Response, json
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES

from auth_service import errors
from auth_service.api.request_context import known_context

log = logging.getLogger(__name__)

PROBLEMS: dict[type[errors.Refusal], tuple[int, str]] = {
    errors.BadRequest: (400, "bad-request"),
    errors.MalformedJson: (400, "malformed-json"),
    errors.InvalidCredentials: (401, "invalid-credentials"),
    errors.Unauthenticated: (401, "unauthenticated"),
    errors.UnusableToken: (401, "invalid-token"),
    errors.TokenForeign: (401, "invalid-token"),
    errors.TokenInvalid: (401, "invalid-token"),
    errors.TokenExpired: (401, "invalid-token"),
    errors.SessionEnded: (401, "session-ended"),
    errors.TooManyConfirmations: (401, "session-ended"),
    errors.SessionLimitReached: (401, "session-limit-reached"),
    errors.RegistrationClosed: (403, "registration-closed"),
    errors.IncorrectPassword: (403, "incorrect-password"),
    errors.IncorrectCurrentPassword: (403, "incorrect-password"),
    errors.ReauthenticationRequired: (403, "reauthentication-required"),
    errors.RenameOff: (403, "rename-off"),
    errors.UnknownAddress: (404, "not-found"),
    errors.UnknownSession: (404, "not-found"),
    errors.MethodNotAllowed: (405, "method-not-allowed"),
    errors.UsernameTaken: (409, "username-taken"),
    errors.ContentTooLarge: (413, "content-too-large"),
    errors.UnsupportedMediaType: (415, "unsupported-media-type"),
    errors.InvalidFields: (422, "invalid-fields"),
    errors.TooManyAttempts: (429, "too-many-attempts"),
    errors.InternalServerError: (500, "internal-error"),
    errors.WrongCredential: (502, "bad-gateway-credential"),
    errors.Unavailable: (503, "unavailable"),
    errors.Busy: (503, "busy"),
}
"""Status and code of every refusal."""

# RFC 9110 changed the names of these two.
TITLES = {**HTTP_STATUS_CODES, 413: "Content Too Large", 422: "Unprocessable Content"}


def register(app: Flask, record_refusal: Callable[[errors.Refusal], None]) -> None:
    """Make the application record every refusal, and answer every exception with a problem."""

    def answer_refusal(error: errors.Refusal) -> Response:
        record_refusal(error)
        return problem(error)

    def answer_http_error(error: HTTPException) -> Response:
        return answer_refusal(refusal_of(error))

    app.register_error_handler(errors.Refusal, answer_refusal)
    app.register_error_handler(HTTPException, answer_http_error)


def problem(error: errors.Refusal) -> Response:
    """Return the answer for a refusal."""
    status, code = PROBLEMS[type(error)]
    if isinstance(error, errors.BadRequest):
        status = error.status
    if isinstance(error, errors.Unavailable):
        log.warning("%s: %s", code, error)
    body = describe(status, code, error.detail)
    if isinstance(error, errors.InvalidFields):
        body["errors"] = error.errors
    context = known_context()
    if context is not None:
        body["request_id"] = context.caller.request_id
    content_type = "application/problem+json"
    return Response(json.dumps(body), status, _headers(error, status), mimetype=content_type)


def describe(status: int, code: str, detail: str) -> dict[str, Any]:
    """Return the members that every problem has."""
    kind = f"urn:doorward:problem:{code}"
    return {"type": kind, "title": TITLES[status], "status": status, "detail": detail}


def refusal_of(error: HTTPException) -> errors.Refusal:
    """Return the refusal for an error of Flask or Werkzeug."""
    status = error.code or 500
    if status == 404:
        return errors.UnknownAddress()
    if status == 405:
        return errors.MethodNotAllowed(dict(error.get_headers()).get("Allow", ""))
    if status == 413:
        return errors.ContentTooLarge()
    # Flask logs the cause.
    if status >= 500:
        return errors.InternalServerError()
    return errors.BadRequest(status)


def _headers(error: errors.Refusal, status: int) -> dict[str, str]:
    if isinstance(error, errors.TryLater):
        return {"Retry-After": str(error.retry_after)}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": error.allowed}
    if isinstance(error, errors.UnusableToken | errors.SessionEnded | errors.SessionLimitReached):
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}
    if status == 401:
        return {"WWW-Authenticate": "Bearer"}
    return {}
