"""How exceptions become answers."""

import json
import logging
from collections.abc import Iterator

import pytest
from flask import Flask, abort, g
from flask.testing import FlaskClient

from auth_service import errors
from auth_service.api import problems
from auth_service.api.request_context import RequestContext
from session_contract.callers import Caller
from session_contract.tokens import Claims

# Errors that are no refusal: what they say is for the log alone.
INTERNAL = [
    (errors.Unavailable("which disk", 7), 503, "unavailable"),
    (errors.TokenInvalid("what is wrong with it"), 401, "invalid-token"),
    (ZeroDivisionError("internal detail"), 500, "internal-error"),
    (errors.NoSingleMatch("for operators only"), 500, "internal-error"),
]
EXAMPLES = {
    errors.InvalidFields: ({"username": ["It is too short."]},),
    errors.TokenExpired: (Claims("user", "Alice", "session", "token", 0, 0, 0),),
    errors.WrongCredential: ("X-Edge-Credential",),
}


def every_class(kind: type[errors.Refusal] = errors.Refusal) -> Iterator[type[errors.Refusal]]:
    """Yield the classes that can be raised, which have a message of their own."""
    for each in kind.__subclasses__():
        if hasattr(each, "detail"):
            yield each
        yield from every_class(each)


def made(kind: type[errors.Refusal]) -> errors.Refusal:
    default = ("why",) if issubclass(kind, errors.TryLater) else ()
    return kind(*EXAMPLES.get(kind, default))


def record_nothing(_error: errors.Refusal) -> None:
    pass


def client_of(error: Exception | int, *, with_caller: bool = True) -> FlaskClient:
    app = Flask(__name__)
    problems.register(app, record_nothing)

    @app.before_request
    def know_the_caller() -> None:
        if with_caller:
            g.request_context = RequestContext(Caller("192.0.2.1", "", "request-1"))

    @app.route("/")
    def fail() -> str:
        if isinstance(error, int):
            abort(error)
        raise error

    return app.test_client()


@pytest.mark.proves("V16.5.1")
@pytest.mark.parametrize(
    ("error", "status", "code"), INTERNAL, ids=[type(case[0]).__name__ for case in INTERNAL]
)
def test_an_answer_tells_nothing_internal(error: Exception, status: int, code: str) -> None:
    answer = client_of(error).get("/")
    body = answer.get_json()
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert (body["type"], body["status"]) == (f"urn:doorward:problem:{code}", status)
    assert body["request_id"] == "request-1"
    assert str(error) not in answer.text


@pytest.mark.parametrize("kind", tuple(every_class()))
def test_every_class_of_refusal_has_a_status_a_code_a_message_and_its_headers(
    kind: type[errors.Refusal],
) -> None:
    status, code = problems.PROBLEMS[kind]
    answer = client_of(made(kind)).get("/")
    assert answer.status_code == status
    assert answer.get_json()["type"] == f"urn:doorward:problem:{code}"
    assert answer.get_json()["detail"] == kind.detail
    assert kind.detail.endswith(".")
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Retry-After" in answer.headers) == (status in (429, 503))


def test_every_class_has_a_status_and_no_status_is_kept_for_a_class_that_is_gone() -> None:
    assert set(problems.PROBLEMS) == set(every_class())


def test_a_challenge_says_that_a_token_was_invalid_only_if_there_was_one() -> None:
    with_token = client_of(errors.SessionEnded()).get("/").headers["WWW-Authenticate"]
    without = client_of(errors.Unauthenticated()).get("/").headers["WWW-Authenticate"]
    assert (with_token, without) == ('Bearer error="invalid_token"', "Bearer")


def test_retry_after_is_what_the_error_says() -> None:
    for seconds in (1, 7):
        answer = client_of(errors.Unavailable("why", seconds)).get("/")
        assert answer.headers["Retry-After"] == f"{seconds}"


@pytest.mark.parametrize("status", [400, 403, 404, 405, 406, 408, 413, 414, 415, 431])
def test_errors_of_the_framework_are_problems_too(status: int) -> None:
    answer = client_of(status).get("/")
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    assert answer.get_json()["type"].startswith("urn:doorward:problem:")


@pytest.mark.proves("V16.3.4")
def test_what_is_unexpected_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    client_of(ZeroDivisionError("internal detail")).get("/")
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info
    assert "internal detail" in caplog.text


def test_what_is_unavailable_is_logged_in_one_line_with_its_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client_of(errors.Unavailable("which disk")).get("/")
    (record,) = caplog.records
    assert "which disk" in record.getMessage()
    assert not record.exc_info


def test_an_error_before_the_caller_is_known_is_answered_all_the_same() -> None:
    body = client_of(errors.UsernameTaken(), with_caller=False).get("/").get_json()
    assert (body["status"], "request_id" in body) == (409, False)


@pytest.mark.proves("V1.1.2", "V1.2.3")
def test_a_problem_is_plain_json_whatever_is_in_it() -> None:
    answer = client_of(errors.InvalidFields({"\ud800<script>": ["x"]})).get("/")
    assert json.loads(answer.data.decode("ascii"))["errors"] == {"\ud800<script>": ["x"]}
