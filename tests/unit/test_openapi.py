"""The description of the API is valid, and says what the code does."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from auth_service import errors
from auth_service.accounts.passwords import MAXIMUM_BYTES, PasswordPolicy, load_blocklist
from auth_service.api import openapi, openapi_texts
from auth_service.api.account import account_api
from auth_service.api.operations import OPERATIONS
from auth_service.api.problems import PROBLEMS
from auth_service.api.sessions import sessions_api
from auth_service.usernames import USERNAME
from doorward_settings.auth_service import Settings
from unit.auth_service.test_http_errors import client_of, made

ROOT = Path(__file__).resolve().parents[2]
APP = Flask(__name__, static_folder=None)
APP.register_blueprint(sessions_api)
APP.register_blueprint(account_api)
DOCUMENT: dict[str, Any] = openapi.document(APP)
SCHEMAS = DOCUMENT["components"]["schemas"]
URI = "urn:openapi"
REGISTRY = Registry().with_resource(URI, DRAFT202012.create_resource(DOCUMENT))
OPEN_TO_ALL = {"POST /api/v1/users", "POST /api/v1/sessions", "GET /api/v1/openapi.json"}
DESCRIBED = {
    f"{method.upper()} {path}": described
    for path, item in DOCUMENT["paths"].items()
    for method, described in item.items()
}
JSON = "application/json"
PROBLEM = "application/problem+json"


def below(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every node of the document with its JSON pointer."""
    yield pointer, node
    children: Any = ()
    if isinstance(node, dict):
        children = node.items()
    elif isinstance(node, list):
        children = enumerate(node)
    for key, child in children:
        yield from below(child, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


def schema_errors(pointer: str, instance: Any) -> list[str]:
    validator = Draft202012Validator(
        {"$ref": f"{URI}#{pointer}"},
        registry=REGISTRY,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    return [error.message for error in validator.iter_errors(instance)]


def codes(described: dict[str, Any], status: str) -> set[str]:
    """Return the codes of the problems that a call is described to answer with, by status."""
    schema = described["responses"][status]["content"][PROBLEM]["schema"]
    kinds = schema["properties"]["type"]["enum"]
    return {kind.removeprefix("urn:doorward:problem:") for kind in kinds}


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_the_service_answers_with_the_document(app: Flask) -> None:
    answer = app.test_client().get("/api/v1/openapi.json")
    assert (answer.status_code, answer.mimetype) == (200, JSON)
    assert answer.get_json() == json.loads(json.dumps(DOCUMENT))


def test_every_call_of_the_api_is_described_and_no_other(app: Flask) -> None:
    routes = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/")
    }
    assert set(DESCRIBED) == routes
    assert len(OPERATIONS) == len(routes) - 1, "the description of the document stands apart"


@pytest.mark.parametrize("name", DESCRIBED)
def test_every_call_has_an_id_texts_and_an_example(name: str) -> None:
    described = DESCRIBED[name]
    ids = [each["operationId"] for each in DESCRIBED.values()]
    assert ids.count(described["operationId"]) == 1
    assert described["summary"]
    assert described["description"]
    assert not described["summary"].endswith(".")
    takes_token = name not in OPEN_TO_ALL
    assert described["security"] == ([{"sessionToken": []}] if takes_token else [])


@pytest.mark.parametrize("key", OPERATIONS)
def test_every_problem_of_a_call_is_described_with_its_status_and_code(key: str) -> None:
    operation = OPERATIONS[key]
    (described,) = [each for each in DESCRIBED.values() if each["operationId"] == operation.id]
    for kind in operation.all_problems():
        status, code = PROBLEMS[kind]
        assert code in codes(described, str(status))
    assert {"429", "503", "default"} <= set(described["responses"])


def test_every_refusal_is_described_somewhere() -> None:
    described = {
        (str(example["value"]["status"]), example["value"]["type"])
        for pointer, node in below(DOCUMENT)
        if pointer.endswith("/examples") and "problem+json" in pointer
        for example in node.values()
    }
    for status, code in PROBLEMS.values():
        assert (str(status), f"urn:doorward:problem:{code}") in described


def test_a_password_that_is_too_common_is_described_for_registration_and_change() -> None:
    for name in ("POST /api/v1/users", "PUT /api/v1/users/me/password"):
        content = DESCRIBED[name]["responses"]["422"]["content"][PROBLEM]
        (example,) = content["examples"].values()
        assert "too common" in str(example["value"]["errors"])
    policy = PasswordPolicy(15, load_blocklist())
    (said,) = policy.problems("passwordpassword", "alice")
    assert {"password": [said]} == openapi_texts.EXAMPLE_FIELDS
    assert "too common" in SCHEMAS["RegistrationBody"]["properties"]["password"]["description"]
    assert "passwordpassword" in DESCRIBED["POST /api/v1/users"]["description"]


@pytest.mark.parametrize("problem", [*openapi_texts.OF_NGINX, *openapi_texts.OF_NGINX_ALONE])
def test_the_problems_of_nginx_are_those_that_it_answers_with(
    problem: tuple[int, str, str, str],
) -> None:
    status, code, detail, _ = problem
    configuration = "".join(
        file.read_text("utf-8") for file in (ROOT / "nginx").rglob("*") if file.is_file()
    )
    assert f"{status} {code};" in configuration
    assert f'{code} "{detail}";' in configuration


def test_every_example_fits_its_schema() -> None:
    found = 0
    for pointer, node in below(DOCUMENT):
        if pointer.endswith(("/application~1json", "/application~1problem+json")):
            assert node["examples"]
            for example in node["examples"].values():
                assert schema_errors(f"{pointer}/schema", example["value"]) == []
                found += 1
    assert found > 50


def test_a_field_too_many_does_not_fit_a_request_schema() -> None:
    body = {"username": "Alice", "password": "seven herons cross the quarry"}
    for name in ("SignInBody", "RegistrationBody"):
        assert schema_errors(f"/components/schemas/{name}", body) == []
        assert schema_errors(f"/components/schemas/{name}", {**body, "admin": True}) != []


def test_the_rules_for_user_names_and_passwords_are_those_of_the_code() -> None:
    username = SCHEMAS["RegistrationBody"]["properties"]["username"]
    pattern = SCHEMAS["NewUser"]["properties"]["username"]["pattern"]
    assert username["pattern"] == pattern == f"^{USERNAME.pattern}$"
    assert (username["minLength"], username["maxLength"]) == (3, 64)
    password = SCHEMAS["RegistrationBody"]["properties"]["password"]
    assert password["minLength"] == Settings.model_fields["password_min_length"].default
    assert password["maxLength"] == MAXIMUM_BYTES
    assert f"at least {password['minLength']} code points" in password["description"]
    assert f"at most {MAXIMUM_BYTES:,} bytes" in password["description"]
    changed = SCHEMAS["PasswordChangeBody"]["properties"]["new_password"]
    rules = ("type", "format", "minLength", "maxLength", "pattern")
    assert [changed[rule] for rule in rules] == [password[rule] for rule in rules]


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x85", "\x9f"])
def test_control_characters_are_refused_by_schema_and_policy_alike(character: str) -> None:
    password = f"seven herons {character} cross the quarry"
    assert schema_errors("/components/schemas/RegistrationBody/properties/password", password) != []
    assert PasswordPolicy(15, b"").problems(password, "alice") != []


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_real_problem_has_the_documented_form_and_headers(kind: type[errors.Refusal]) -> None:
    answer = client_of(made(kind)).get("/")
    name = "FieldsProblem" if kind is errors.InvalidFields else "Problem"
    assert schema_errors(f"/components/schemas/{name}", answer.get_json()) == []
    headers = {"Challenge": "WWW-Authenticate", "RetryAfter": "Retry-After"}
    for described, header in headers.items():
        value: Any = answer.headers.get(header)
        if value is not None:
            value = int(value) if described == "RetryAfter" else value
            assert schema_errors(f"/components/headers/{described}/schema", value) == []
