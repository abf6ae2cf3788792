"""What the description of the API says that stands nowhere else in the code."""

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
at most 16 KB (16,384 bytes), sent as `application/json`. A member that is missing, unknown or of \
another type is refused with 422, malformed JSON or a duplicate key with 400, another content \
type, charset or content encoding with 415. A session is shown by its token as \
`Authorization: Bearer …`; cookies are ignored.

**Answers.** Errors are problem details (RFC 9457) as `application/problem+json`, whose `type` is \
`urn:doorward:problem:` and a code. Every 401 carries `WWW-Authenticate`, every 429 and 503 \
`Retry-After` in seconds. Caches may not store answers. Answers may gain members: ignore those \
that you do not know.

**Sessions.** A token is good for 30 minutes (1,800 seconds), and renewing it gives another one \
for as long, until 12 hours (43,200 seconds) after the sign-in; `expires_in` says how long it \
really is, because an operator may set other limits. An ended session is refused here at once, \
whatever its token says.""",
}
TAGS = [
    {"name": "users", "description": "Accounts."},
    {"name": "sessions", "description": "Signing in, staying signed in, signing out."},
    {"name": "about", "description": "What this API is."},
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
        "description": "Names this request in every log; problems repeat it as `request_id`.",
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": EXAMPLE_REQUEST_ID,
    },
    "NoStore": {
        "description": "No cache may keep an answer.",
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
        "and calls that take the password are limited together, those through the pages included, "
        "by default to 30 a minute with a burst of 20; any call is refused while 512 others are "
        "under way.",
    ),
)
"""What nginx answers every call with, where there is reason."""
OF_NGINX_ALONE: tuple[Problem, ...] = (
    Problem(
        403,
        "https-required",
        "Use HTTPS. Others could have read what you just sent over HTTP.",
        "The call came over plain HTTP, where there is a certificate; it is never redirected.",
    ),
    Problem(414, "uri-too-long", "The address is too long.", "The address is too long."),
    Problem(
        431,
        "header-too-large",
        "The request headers are too large. Clearing this site's cookies may help.",
        "The request headers are too large.",
    ),
)
"""What nginx answers before it is known which call it is."""
OTHER_PROBLEMS = (
    "Any other refusal; most come before a call is known. 404: there is nothing at this address. "
    "405: it does not take this method; `Allow` names those it takes. 400, 413, 414, 431: the "
    "request as a whole is malformed or too large. 403 `https-required`: Doorward has a "
    "certificate, and this came over plain HTTP. 500: a fault of Doorward's own. 502: the gateway "
    "showed the service a wrong credential, which only the operator can mend."
)
SCHEMAS: Json = {
    "Problem": {
        "description": "Problem details (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {
                "description": "What went wrong, for programs.",
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
                "description": "What went wrong and what to do, for people. It may change: do not "
                "compare it.",
                "type": "string",
            },
            "request_id": {"description": "As the header X-Request-ID.", "type": "string"},
        },
    },
    "FieldsProblem": {
        "description": "Problem details that say what is wrong with which field.",
        "allOf": [{"$ref": "#/components/schemas/Problem"}],
        "type": "object",
        "required": ["errors"],
        "properties": {
            "errors": {
                "description": "The name of each such field with messages for people; `body` where "
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
