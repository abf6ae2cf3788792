"""Texts of the OpenAPI document that stand nowhere else in the code."""

from typing import Any, NamedTuple

Json = dict[str, Any]


class Problem(NamedTuple):
    """A problem as it is described."""

    status: int
    code: str
    detail: str
    meaning: str


EXAMPLE_REQUEST_ID = "5f0c6a1e9b7d43c28e15d0a4b36f7c92"
EXAMPLE_FIELDS = {"password": ["This password is too common. Choose another."]}

INFO: Json = {
    "title": "Doorward",
    "summary": "Accounts and sessions.",
    "version": "0.1.0",
    "license": {"name": "MIT", "identifier": "MIT"},
    "description": """Makes accounts, signs people in, and renews and ends their sessions.

**Requests.** Bodies are JSON objects in UTF-8 without a byte-order mark (RFC 8259), uncompressed, \
at most 16 KB (16,384 bytes), sent as `application/json`. A missing or unknown member or one of \
another type gets 422, malformed JSON or a duplicate key gets 400, and another content type, \
charset or content encoding gets 415. Send the session's token as `Authorization: Bearer …`; \
cookies are ignored.

**Answers.** Errors are problem details (RFC 9457) as `application/problem+json`, whose `type` is \
`urn:doorward:problem:` and a code. Every 401 carries `WWW-Authenticate`, every 429 and 503 \
`Retry-After` in seconds. Caches may not store answers. Answers may gain members: ignore unknown \
ones.

**Sessions.** A token is valid for 30 minutes (1,800 seconds). Renewing gives another one for as \
long, until 12 hours (43,200 seconds) after the sign-in. An operator may set other limits, so rely \
on `expires_in`. The API refuses an ended session at once, even if its token has not expired.""",
}
TAGS = [
    {"name": "users", "description": "Accounts."},
    {"name": "sessions", "description": "Signing in, staying signed in, signing out."},
    {"name": "about", "description": "The description of this API."},
]
SECURITY_SCHEMES: Json = {
    "sessionToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `token` of a session, as signing in or renewing returned it.",
    }
}
HEADERS: Json = {
    "RequestId": {
        "description": "The id of this request in all logs; problems repeat it as `request_id`.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": EXAMPLE_REQUEST_ID,
    },
    "NoStore": {
        "description": "Caches may not store answers.",
        "required": True,
        "schema": {"type": "string", "const": "no-store"},
    },
    "RetryAfter": {
        "description": "Seconds to wait before trying again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 1},
        "example": 5,
    },
    "Challenge": {
        "description": '`Bearer`, with `error="invalid_token"` where a token was sent and refused '
        "(RFC 6750).",
        "required": True,
        "schema": {"type": "string", "enum": ["Bearer", 'Bearer error="invalid_token"']},
        "example": "Bearer",
    },
    "Allow": {
        "description": "With 405 from the service: the methods that this address takes.",
        "schema": {"type": "string"},
        "example": "POST, OPTIONS",
    },
}
COMMON_HEADERS: Json = {
    "Cache-Control": {"$ref": "#/components/headers/NoStore"},
    "X-Request-ID": {"$ref": "#/components/headers/RequestId"},
}
_RETRY_AFTER = {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}}
HEADERS_OF: dict[int, Json] = {
    401: {"WWW-Authenticate": {"$ref": "#/components/headers/Challenge"}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}
"""Headers that every problem of a status has."""
OF_NGINX: tuple[Problem, ...] = (
    Problem(
        429,
        "too-many-requests",
        "Too many requests came from your network. Wait a moment, then try again.",
        "Too many requests from one client address (IPv6: from one /64). Registrations, sign-ins "
        "and other calls with a password are limited together, also those through the pages, by "
        "default to 30 a minute with a burst of 20. Any call is refused while 512 others are under "
        "way.",
    ),
)
"""Problems that nginx may answer to any call."""
OF_NGINX_ALONE: tuple[Problem, ...] = (
    Problem(
        403,
        "https-required",
        "Use HTTPS. Others could have read what you just sent over HTTP.",
        "The call came over plain HTTP although there is a certificate. It is never redirected.",
    ),
    Problem(414, "uri-too-long", "The address is too long.", "The address is too long."),
    Problem(
        431,
        "header-too-large",
        "The request headers are too large. Clearing this site's cookies may help.",
        "The request headers are too large.",
    ),
)
"""Problems that nginx answers before the route is known."""
OTHER_PROBLEMS = (
    "Any other refusal, mostly before the route is known. 404: there is nothing at this address. "
    "405: the address does not allow this method; `Allow` lists those it allows. 400, 413, 414, "
    "431: the request as a whole is malformed or too large. 403 `https-required`: Doorward has a "
    "certificate, and the request came over plain HTTP. 500: an error in Doorward. 502: the "
    "gateway sent the service a wrong credential, which only the operator can correct."
)
SCHEMAS: Json = {
    "Problem": {
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {
                "description": "The kind of problem, for programs.",
                "type": "string",
                "format": "uri",
                "pattern": "^urn:doorward:problem:[a-z]+(-[a-z]+)*$",
            },
            "title": {"description": "The name of the status.", "type": "string"},
            "status": {
                "description": "The status of the answer.",
                "type": "integer",
                "minimum": 400,
                "maximum": 599,
            },
            "detail": {
                "description": "What went wrong and what to do, for people. The text may change, "
                "so do not compare it.",
                "type": "string",
            },
            "request_id": {"description": "The same as the header X-Request-ID.", "type": "string"},
        },
    },
    "FieldsProblem": {
        "description": "Problem details with the errors of each field.",
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "description": "The name of each wrong field with messages for people; `body` if "
                "the body is not an object.",
                "type": "object",
                "minProperties": 1,
                "additionalProperties": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string"},
                },
            }
        },
    },
    "Description": {
        "description": "An OpenAPI 3.1 document.",
        "type": "object",
        "required": ["openapi", "info", "paths"],
        "properties": {
            "openapi": {"type": "string", "pattern": "^3\\.1\\."},
            "info": {"type": "object"},
            "paths": {"type": "object"},
        },
    },
}


def end_session_link(session_at: str) -> Json:
    """Return the link from an answer to the call that ends the session in it."""
    return {
        "operationId": "endSession",
        "description": "Ends this session.",
        "parameters": {"session_id": f"$response.body#{session_at}"},
    }
