"""Requests by Schemathesis from the OpenAPI document, good and bad: each answer is as described.

With all of its checks: status, headers and body of each answer, unknown methods, requests without a
token or with a wrong one, data that the document forbids, and what its links lead to.
"""

import os
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from werkzeug.serving import WSGIRequestHandler, make_server

from auth_service.accounts.creation import NewAccount
from auth_service.api.services import Services
from auth_service.models import Account
from session_contract.callers import Caller
from unit.conftest import MakeApp
from unit.test_openapi import DOCUMENT

LONG = os.environ.get("LONG") == "1"
USERNAME, PASSWORD = "Alice", "seven herons cross the quarry"  # those of the document's examples
# What a schema cannot say: that a new password is blocklisted, the name or the current one, or that
# a display name has characters that Unicode does not assign.
UNDESCRIBED_RULES = {
    "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 409, 422, 429]}
}
SEED = random.SystemRandom().randrange(2**32) if LONG else 1
CONFIGURATION: dict[str, Any] = {
    "seed": SEED,
    "workers": 1,
    "continue-on-failure": True,
    "generation": {
        "deterministic": not LONG,
        "max-examples": 300 if LONG else 6,
        "database": "none",
    },
    "phases": {"fuzzing": {"enabled": LONG}},
    "output": {"sanitization": {"enabled": False}},
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 429]},
        # A wrong X-Service-Credential, which fuzzing may hit upon, gets 502.
        "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 502]},
    },
    "operations": [
        {"include-operation-id": "registerUser", "checks": UNDESCRIBED_RULES},
        {"include-operation-id": "changePassword", "checks": UNDESCRIBED_RULES},
        {"include-operation-id": "changeDisplayName", "checks": UNDESCRIBED_RULES},
        {"include-operation-id": "changeUsername", "checks": UNDESCRIBED_RULES},
    ],
}

OPEN_TO_ALL = {"POST /api/v1/users", "POST /api/v1/sessions"}
# The document itself is what Schemathesis begins with; it does not ask for it again.
OPERATIONS = {
    f"{method.upper()} {path}"
    for path, item in DOCUMENT["paths"].items()
    for method in item
    if not path.endswith("/openapi.json")
}


class BehindNginx:
    """The service with what nginx adds to its answers: the request's id."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            return start_response(status, [*headers, ("X-Request-ID", "0" * 32)], *more)

        return self._app(environ, start)


class Quiet(WSGIRequestHandler):
    def log(self, *_words: object) -> None:
        """Say nothing: what went wrong is in the report."""


@pytest.fixture
def app(make_app: MakeApp) -> Flask:
    """Return auth-service with every call switched on."""
    return make_app(rename="on")


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    """Serve the API on a loopback port."""
    server = make_server("127.0.0.1", 0, BehindNginx(app), request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sign_in(app: Flask) -> Callable[[], str]:
    """Return a function that returns a new token of somebody with the password of the examples."""
    services: Services = app.extensions["auth_service"]
    users = services.registration.users
    guesses = services.signing_in.throttle.guesses

    def make() -> str:
        user = users.holder(USERNAME.lower())
        if user and user.generation > 1:
            users.remove(user)
            user = None
        user = user or services.registration.register(NewAccount(USERNAME, PASSWORD))
        guesses.reset(Account.of(user))
        return services.sessions.open(user, Caller("127.0.0.1", "", "0" * 32), 0).token

    return make


def traffic(schema: Any) -> tuple[Counter[tuple[str, int]], list[str]]:
    """Let Schemathesis try all; return the answers by operation and status, and the faults."""
    answers, faults = Counter[tuple[str, int]](), list[str]()
    for event in from_schema(schema).execute():
        if isinstance(event, events.FatalError):
            raise event.exception
        if isinstance(event, events.NonFatalError):
            faults.append(f"{event.label}: {event.value!r}")
        if isinstance(event, events.ScenarioFinished):
            recorder = event.recorder
            for case, interaction in recorder.interactions.items():
                if interaction.response:
                    label = recorder.cases[case].value.operation.label
                    answers[label, interaction.response.status_code] += 1
            faults += [
                f"{recorder.label}: {check.failure_info.failure}\n{check.failure_info.code_sample}"
                for checks in recorder.checks.values()
                for check in checks
                if check.failure_info
            ]
    return answers, faults


@pytest.mark.enable_socket
@pytest.mark.prolonged
@pytest.mark.timeout(7200 if LONG else 900)
# An example that is too long to be printed is as good as any.
@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@pytest.mark.parametrize("signed_in", [pytest.param(False, marks=pytest.mark.slow), True])
def test_every_answer_is_as_described(
    base_url: str, sign_in: Callable[[], str], *, signed_in: bool
) -> None:
    configuration = SchemathesisConfig.from_dict(CONFIGURATION)
    schema = schemathesis.openapi.from_url(f"{base_url}/api/v1/openapi.json", config=configuration)

    class Bearer:
        """Shows a new token with every request: the last one may have ended its session."""

        def get(self, _case: object, _context: object) -> str:
            return sign_in()

        def set(self, case: schemathesis.Case, token: str, _context: object) -> None:
            case.headers["Authorization"] = f"Bearer {token}"

    if signed_in:
        schema.auth(refresh_interval=None)(Bearer)
    answers, faults = traffic(schema)
    assert faults == [], "\n\n".join([f"seed {SEED}", *faults])
    tried = {label for label, _ in answers}
    succeeded = {label for label, status in answers if 200 <= status < 300}
    assert tried == OPERATIONS
    assert succeeded == (OPERATIONS if signed_in else OPEN_TO_ALL)
    assert {status for _, status in answers} >= {201, 400, 401, 405, 409, 415, 422}
