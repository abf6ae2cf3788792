"""The description of the API is valid, and says what the code does."""

import base64
import json
import re
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
from auth_service.api import bodies, openapi, openapi_texts
from auth_service.api.account import account_api
from auth_service.api.operations import OPERATIONS
from auth_service.api.problems import PROBLEMS
from auth_service.api.sessions import sessions_api
from auth_service.usernames import USERNAME, canonical_username
from doorward_settings.auth_service import Settings
from session_contract.tokens import ALGORITHM, MAX_TOKEN_LENGTH, TOKEN_TYPE
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


def test_every_reference_resolves_and_every_component_is_referred_to() -> None:
    used = {
        node["$ref"] for _, node in below(DOCUMENT) if isinstance(node, dict) and "$ref" in node
    }
    there = {
        f"#/components/{kind}/{name}"
        for kind in ("schemas", "headers")
        for name in DOCUMENT["components"][kind]
    }
    assert used == there


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
    assert "too common" in SCHEMAS["Registration"]["properties"]["password"]["description"]
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


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_response_names_the_headers_that_it_always_has(name: str) -> None:
    of_status = {"401": {"WWW-Authenticate"}, "429": {"Retry-After"}, "503": {"Retry-After"}}
    for status, response in DESCRIBED[name]["responses"].items():
        always = {"Cache-Control", "X-Request-ID"} | of_status.get(status, set())
        assert set(response["headers"]) - {"Allow"} == always


@pytest.mark.parametrize("name", DESCRIBED)
def test_errors_are_problem_details_and_all_else_is_json_or_nothing(name: str) -> None:
    for status, response in DESCRIBED[name]["responses"].items():
        content = set(response.get("content", {}))
        if status == "204":
            assert content == set()
        else:
            assert content == ({JSON} if status.startswith("2") else {PROBLEM})


def test_every_example_fits_its_schema() -> None:
    found = 0
    for pointer, node in below(DOCUMENT):
        if pointer.endswith(("/application~1json", "/application~1problem+json")):
            assert node["examples"]
            for example in node["examples"].values():
                assert schema_errors(f"{pointer}/schema", example["value"]) == []
                found += 1
    assert found > 50


@pytest.mark.parametrize(
    "model", [operation.body for operation in OPERATIONS.values() if operation.body]
)
def test_the_example_of_a_body_is_accepted(model: type[bodies.RequestBody]) -> None:
    for described in DESCRIBED.values():
        content = described.get("requestBody", {}).get("content", {}).get(JSON, {})
        if content.get("schema", {}).get("$ref", "").endswith(f"/{model.__name__}"):
            body = model.model_validate(content["examples"]["example"]["value"])
            if isinstance(body, bodies.Registration):
                policy = PasswordPolicy(15, load_blocklist())
                assert USERNAME.fullmatch(body.username)
                assert policy.problems(body.password, canonical_username(body.username)) == []


def test_a_field_too_many_does_not_fit_a_request_schema() -> None:
    body = {"username": "Alice", "password": "seven herons cross the quarry"}
    for name in ("Credentials", "Registration"):
        assert schema_errors(f"/components/schemas/{name}", body) == []
        assert schema_errors(f"/components/schemas/{name}", {**body, "admin": True}) != []


def test_the_rules_for_user_names_and_passwords_are_those_of_the_code() -> None:
    username = SCHEMAS["Registration"]["properties"]["username"]
    pattern = SCHEMAS["NewUser"]["properties"]["username"]["pattern"]
    assert username["pattern"] == pattern == f"^{USERNAME.pattern}$"
    assert (username["minLength"], username["maxLength"]) == (3, 64)
    password = SCHEMAS["Registration"]["properties"]["password"]
    assert password["minLength"] == Settings.model_fields["password_min_length"].default
    assert password["maxLength"] == MAXIMUM_BYTES
    assert f"at least {password['minLength']} code points" in password["description"]
    assert f"at most {MAXIMUM_BYTES:,} bytes" in password["description"]
    changed = SCHEMAS["PasswordChange"]["properties"]["new_password"]
    rules = ("type", "format", "minLength", "maxLength", "pattern")
    assert [changed[rule] for rule in rules] == [password[rule] for rule in rules]


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x85", "\x9f"])
def test_control_characters_are_refused_by_schema_and_policy_alike(character: str) -> None:
    password = f"seven herons {character} cross the quarry"
    assert schema_errors("/components/schemas/Registration/properties/password", password) != []
    assert PasswordPolicy(15, b"").problems(password, "alice") != []


def test_a_link_leads_from_an_answer_to_the_end_of_its_session() -> None:
    found = 0
    for described in DESCRIBED.values():
        for response in described["responses"].values():
            for link in response.get("links", {}).values():
                (name, source), *_ = link["parameters"].items()
                assert (link["operationId"], name) == ("endSession", "session_id")
                value = response["content"][JSON]["examples"]["example"]["value"]
                for step in source.removeprefix("$response.body#/").split("/"):
                    value = value[int(step)] if isinstance(value, list) else value[step]
                assert re.fullmatch(r"[\w-]{22}", value)
                found += 1
    assert found == 5


def test_the_example_of_a_token_has_the_form_of_ours_and_a_made_up_signature() -> None:
    tokens = set(re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", json.dumps(DOCUMENT)))
    assert tokens
    for token in tokens:
        header, payload, signature = token.split(".")
        fields = json.loads(base64.urlsafe_b64decode(header + "=="))
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert (fields["alg"], fields["typ"]) == (ALGORITHM, TOKEN_TYPE)
        assert claims["exp"] - claims["iat"] == Settings.model_fields["idle_seconds"].default
        assert "made-up" in signature
    assert SCHEMAS["Issued"]["properties"]["token"]["maxLength"] == MAX_TOKEN_LENGTH


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


def test_only_refusals_of_a_known_kind_can_be_described() -> None:
    for operation in OPERATIONS.values():
        for kind in operation.problems:
            assert issubclass(kind, errors.Refusal)
            assert kind in PROBLEMS
