"""The committed description of the API says what the code does."""

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
from pydantic import BaseModel
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from auth_service.accounts.passwords import MAXIMUM_BYTES, PasswordPolicy, load_blocklist
from auth_service.api import problems as http_errors
from auth_service.api.account import account_api
from auth_service.api.bodies import Credentials, PasswordChange, PasswordEntry, Registration
from auth_service.api.sessions import api
from auth_service.errors import InvalidFields, TooManyAttempts, Unavailable
from auth_service.storage.users_json.codec import USERNAME, canonical_username
from doorward_settings.auth_service import Settings
from session_contract.callers import Caller, WrongCredential
from session_contract.tokens import ALGORITHM, MAX_TOKEN_LENGTH, TOKEN_TYPE

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT: dict[str, Any] = json.loads(
    (ROOT / "auth-service/auth_service/api/openapi.json").read_text("utf-8")
)
NGINX = {line.strip() for line in (ROOT / "nginx/nginx.conf.j2").read_text("utf-8").splitlines()}
SCHEMAS = DOCUMENT["components"]["schemas"]
URI = "urn:openapi"
OPEN_TO_ALL = {"POST /api/v1/users", "POST /api/v1/sessions", "GET /api/v1/openapi.json"}
REGISTRY = Registry().with_resource(URI, DRAFT202012.create_resource(DOCUMENT))
PREFIX = "urn:doorward:problem:"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}


def resolved(node: dict[str, Any]) -> dict[str, Any]:
    """Return what a node refers to, or the node itself."""
    while "$ref" in node:
        node = REGISTRY.resolver(URI).lookup(node["$ref"]).contents
    return node


def responses(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {status: resolved(response) for status, response in operation["responses"].items()}


ALL_RESPONSES = [
    pytest.param(status, response, id=f"{name} {status}")
    for name, operation in OPERATIONS.items()
    for status, response in responses(operation).items()
]


def below(node: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every node of the document with its JSON pointer."""
    yield pointer, node
    children = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    for key, child in children:
        yield from below(child, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


def media_types() -> Iterator[tuple[str, dict[str, Any]]]:
    for pointer, node in below(DOCUMENT):
        if pointer.endswith(("/application~1json", "/application~1problem+json")):
            yield pointer, node


def problems() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every problem that stands as an example, with the status it is documented for."""
    for operation in OPERATIONS.values():
        for status, response in responses(operation).items():
            content = response.get("content", {}).get("application/problem+json", {})
            for example in content.get("examples", {}).values():
                yield status, example["value"]


def links() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every link with an example of each answer that it is documented for."""
    for operation in OPERATIONS.values():
        for response in responses(operation).values():
            for link in response.get("links", {}).values():
                for example in response["content"]["application/json"]["examples"].values():
                    yield resolved(link), example["value"]


def schema_errors(pointer: str, instance: Any) -> list[str]:
    validator = Draft202012Validator(
        {"$ref": f"{URI}#{pointer}"},
        registry=REGISTRY,
        format_checker=Draft202012Validator.FORMAT_CHECKER,
    )
    return [error.message for error in validator.iter_errors(instance)]


def known_problems() -> set[tuple[int, str, str]]:
    """Return status, code and detail of everything that auth-service itself answers with."""
    of_http = {(status, *words) for status, words in http_errors._HTTP_CODES.items()}
    return {*http_errors._PROBLEMS.values(), *of_http}


def answer_to(error: Exception) -> Any:
    """Return what the service really answers when a view raises this."""
    app = Flask(__name__, static_folder=None)
    http_errors.register(app, lambda _error: None)

    @app.get("/")
    def fail() -> str:
        raise error

    return app.test_client().get("/")


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_it_names_version_licence_and_a_server_that_is_wherever_it_came_from() -> None:
    assert DOCUMENT["info"]["version"] == "0.1.0"
    assert DOCUMENT["info"]["license"]["identifier"] == "MIT"
    assert [server["url"] for server in DOCUMENT["servers"]] == ["/"]


def test_every_reference_resolves_and_every_component_is_referred_to() -> None:
    used = {
        node["$ref"] for _, node in below(DOCUMENT) if isinstance(node, dict) and "$ref" in node
    }
    there = {
        f"#/components/{kind}/{name}"
        for kind, components in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in components
    }
    assert used == there


def test_it_has_the_routes_of_the_blueprint_and_itself_with_the_same_methods_and_no_others() -> (
    None
):
    app = Flask(__name__, static_folder=None)
    app.register_blueprint(api)
    app.register_blueprint(account_api)
    routes = {
        f"{method} {rule.rule.replace('<', '{').replace('>', '}')}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert set(OPERATIONS) == routes | {"GET /api/v1/openapi.json"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_has_a_summary_and_an_example_of_a_response(name: str) -> None:
    assert OPERATIONS[name]["summary"]
    assert OPERATIONS[name]["description"]
    contents = [response.get("content", {}) for response in responses(OPERATIONS[name]).values()]
    assert any(media.get("examples") for content in contents for media in content.values())


def test_every_operation_has_an_id_of_its_own() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)
    assert all(ids)


def test_a_link_takes_the_parameters_of_its_operation_from_the_answer() -> None:
    by_id = {operation["operationId"]: operation for operation in OPERATIONS.values()}
    found = set()
    for link, answer in links():
        named = {each["name"] for each in by_id[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) == named
        for source in link["parameters"].values():
            value: Any = answer
            for step in source.removeprefix("$response.body#/").split("/"):
                value = value[int(step)] if isinstance(value, list) else value.get(step, {})
            if value:
                found.add(source)
                assert schema_errors("/components/schemas/SessionId", value) == []
    assert found == {source for link, _ in links() for source in link["parameters"].values()}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_says_whether_it_takes_a_token(name: str) -> None:
    scheme = DOCUMENT["components"]["securitySchemes"]["sessionToken"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    takes_token = name not in OPEN_TO_ALL
    assert OPERATIONS[name]["security"] == ([{"sessionToken": []}] if takes_token else [])
    assert not takes_token or "401" in responses(OPERATIONS[name])


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_with_a_body_or_a_query_says_how_that_can_be_refused(name: str) -> None:
    of_bodies = {"400", "413", "415", "422"}
    query = [each for each in OPERATIONS[name].get("parameters", []) if each["in"] == "query"]
    refusals = of_bodies if "requestBody" in OPERATIONS[name] else {"422"} if query else set()
    assert of_bodies & set(responses(OPERATIONS[name])) == refusals


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_can_be_refused_by_the_edge_or_in_a_way_not_its_own(name: str) -> None:
    assert {"429", "503", "default"} <= set(responses(OPERATIONS[name]))


@pytest.mark.parametrize(("status", "response"), ALL_RESPONSES)
def test_a_response_names_the_headers_that_it_always_has(
    status: str, response: dict[str, Any]
) -> None:
    headers = {name: resolved(header) for name, header in response["headers"].items()}
    always = {"Cache-Control", "X-Request-ID"}
    always |= {"401": {"WWW-Authenticate"}, "429": {"Retry-After"}, "503": {"Retry-After"}}.get(
        status, set()
    )
    assert {name for name, header in headers.items() if header.get("required")} == always
    assert headers["Cache-Control"]["schema"]["const"] == "no-store"


@pytest.mark.parametrize(("status", "response"), ALL_RESPONSES)
def test_errors_are_problem_details_and_all_else_is_json_or_nothing(
    status: str, response: dict[str, Any]
) -> None:
    content = set(response.get("content", {}))
    if status == "204":
        assert content == set()
    elif status.startswith("2"):
        assert content == {"application/json"}
    else:
        assert content == {"application/problem+json"}


def test_every_problem_of_the_service_is_documented_for_its_status() -> None:
    documented = {
        (problem["status"], problem["type"].removeprefix(PREFIX)) for _, problem in problems()
    }
    for status, code, _ in known_problems():
        assert (status, code) in documented


def test_every_documented_problem_is_one_that_the_service_or_nginx_answers_with() -> None:
    answer = answer_to(RuntimeError("unforeseen")).json
    unexpected = (answer["status"], answer["type"].removeprefix(PREFIX), answer["detail"])
    for _, problem in problems():
        status, code, detail = (
            problem["status"],
            problem["type"].removeprefix(PREFIX),
            problem["detail"],
        )
        of_nginx = {f"{status} {code};", f'{code} "{detail}";'} <= NGINX
        assert of_nginx or (status, code, detail) in known_problems() | {unexpected}


def test_an_example_of_a_problem_has_the_status_that_it_is_documented_for() -> None:
    for status, problem in problems():
        assert status in {str(problem["status"]), "default"}


@pytest.mark.parametrize("kind", http_errors._PROBLEMS)
def test_a_real_problem_has_the_documented_form_and_headers(kind: type[Exception]) -> None:
    special: dict[type, tuple[Any, ...]] = {
        InvalidFields: ({"username": ["It is too short."]},),
        TooManyAttempts: (900,),
        WrongCredential: ("X-Edge-Credential", Caller("192.0.2.1", "", "0" * 32)),
    }
    arguments = () if kind.__init__ is Exception.__init__ else special.get(kind, ("a reason",))
    answer = answer_to(kind(*arguments))
    name = "FieldsProblem" if kind is InvalidFields else "Problem"
    assert answer.mimetype == "application/problem+json"
    assert schema_errors(f"/components/schemas/{name}", answer.json) == []
    challenge = answer.headers.get("WWW-Authenticate")
    assert (challenge is not None) == (answer.status_code == 401)
    assert (
        challenge is None or schema_errors("/components/headers/Challenge/schema", challenge) == []
    )
    retry_after = answer.headers.get("Retry-After", type=int)
    assert (retry_after is not None) == issubclass(kind, Unavailable | TooManyAttempts)
    assert (
        retry_after is None
        or schema_errors("/components/headers/RetryAfter/schema", retry_after) == []
    )


@pytest.mark.parametrize("model", [Credentials, Registration, PasswordEntry, PasswordChange])
def test_a_request_schema_has_the_fields_of_its_model_and_forbids_others(
    model: type[BaseModel],
) -> None:
    described, real = SCHEMAS[model.__name__], model.model_json_schema()
    assert described["additionalProperties"] is real["additionalProperties"] is False
    assert described["required"] == real["required"]
    types, real_types = (
        {
            name: (field["type"], field.get("default"))
            for name, field in schema["properties"].items()
        }
        for schema in (described, real)
    )
    assert types == real_types


@pytest.mark.parametrize(
    ("name", "model"),
    [("POST /api/v1/users", Registration), ("POST /api/v1/sessions", Credentials)],
)
def test_examples_of_requests_are_accepted(
    name: str, model: type[Registration] | type[Credentials]
) -> None:
    media = OPERATIONS[name]["requestBody"]["content"]["application/json"]
    assert media["schema"]["$ref"] == f"#/components/schemas/{model.__name__}"
    policy = PasswordPolicy(Settings.model_fields["password_min_length"].default, load_blocklist())
    for example in media["examples"].values():
        body = model.model_validate(example["value"])
        assert USERNAME.fullmatch(body.username)
        assert policy.problems(body.password, canonical_username(body.username)) == []


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("POST /api/v1/sessions/current/reauthentication", PasswordEntry),
        ("PUT /api/v1/users/me/password", PasswordChange),
        ("DELETE /api/v1/users/me", PasswordEntry),
    ],
)
def test_examples_of_what_the_signed_in_send_are_accepted(
    name: str, model: type[BaseModel]
) -> None:
    media = OPERATIONS[name]["requestBody"]["content"]["application/json"]
    assert media["schema"]["$ref"] == f"#/components/schemas/{model.__name__}"
    for example in media["examples"].values():
        assert model.model_validate(example["value"])


def test_a_changed_password_is_described_by_the_rules_of_a_registration() -> None:
    rules = ("type", "format", "minLength", "maxLength", "pattern")
    new, first = (
        SCHEMAS[schema]["properties"][name]
        for schema, name in (("PasswordChange", "new_password"), ("Registration", "password"))
    )
    assert [new[rule] for rule in rules] == [first[rule] for rule in rules]


def test_the_rules_for_user_names_and_passwords_are_those_of_the_code() -> None:
    username, password = (
        SCHEMAS["Registration"]["properties"][name] for name in ("username", "password")
    )
    assert username["pattern"] == SCHEMAS["Username"]["pattern"] == f"^{USERNAME.pattern}$"
    assert (username["minLength"], username["maxLength"]) == (3, 64)
    assert password["minLength"] == Settings.model_fields["password_min_length"].default
    assert password["maxLength"] == MAXIMUM_BYTES
    assert f"at least {password['minLength']} code points" in password["description"]
    assert f"at most {MAXIMUM_BYTES:,} bytes" in password["description"]


@pytest.mark.parametrize("character", ["\x00", "\t", "\n", "\x1f", "\x7f", "\x85", "\x9f"])
def test_a_control_character_makes_a_password_unacceptable_in_schema_and_policy_alike(
    character: str,
) -> None:
    password = f"seven herons {character} cross the quarry"
    assert schema_errors("/components/schemas/Registration/properties/password", password) != []
    assert PasswordPolicy(15, b"").problems(password, "alice") != []


@pytest.mark.parametrize(
    ("pointer", "media"), [pytest.param(*found, id=found[0]) for found in media_types()]
)
def test_every_example_fits_its_schema(pointer: str, media: dict[str, Any]) -> None:
    assert media["examples"]
    for example in media["examples"].values():
        assert schema_errors(f"{pointer}/schema", example["value"]) == []


def test_a_field_too_many_does_not_fit_a_request_schema() -> None:
    body = {"username": "Alice", "password": "seven herons cross the quarry"}
    for name in ("Credentials", "Registration"):
        assert schema_errors(f"/components/schemas/{name}", body) == []
        assert schema_errors(f"/components/schemas/{name}", {**body, "admin": True}) != []


def test_examples_of_tokens_have_the_form_of_ours_and_a_signature_that_is_plainly_made_up() -> None:
    text = json.dumps(DOCUMENT)
    tokens = set(re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text))
    assert tokens
    for token in tokens:
        header, payload, signature = token.split(".")
        fields = json.loads(base64.urlsafe_b64decode(header + "=="))
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        assert (fields["alg"], fields["typ"]) == (ALGORITHM, TOKEN_TYPE)
        assert claims["exp"] - claims["iat"] == Settings.model_fields["idle_seconds"].default
        assert "made-up" in signature
    assert SCHEMAS["IssuedSession"]["properties"]["token"]["maxLength"] == MAX_TOKEN_LENGTH
