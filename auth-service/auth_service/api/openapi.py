"""Generates the OpenAPI 3.1 document from routes, bodies, answers and problems."""

import inspect
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Flask, Response, json
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from auth_service import errors
from auth_service.api import openapi_texts as texts
from auth_service.api.operations import OPERATIONS, Operation, key_of
from auth_service.api.problems import PROBLEMS, describe

PATH = "/api/v1/openapi.json"
Json = dict[str, Any]


class _Schemas(GenerateJsonSchema):
    """JSON Schemas without titles, which would repeat the names of the fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def description_of(app: Flask) -> Blueprint:
    """Return the call that answers with the description of an application's other calls."""
    blueprint = Blueprint("description", __name__)
    content = json.dumps(document(app))

    @blueprint.get(PATH)
    def get_description() -> Response:
        return Response(content, mimetype="application/json")

    return blueprint


def document(app: Flask) -> Json:
    """Return the description of the calls that an application answers."""
    paths: dict[str, Json] = {}
    operations = _routes(app)
    schemas = {**_model_schemas(operation for _, _, operation, _ in operations), **texts.SCHEMAS}
    for path, method, operation, documentation in operations:
        described = _describe_operation(operation, documentation, schemas)
        paths.setdefault(path, {})[method] = described
    paths[PATH] = {"get": _describe_itself()}
    return {
        "openapi": "3.1.0",
        "info": texts.INFO,
        "servers": [{"url": "/", "description": "The Doorward that this document came from"}],
        "tags": texts.TAGS,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": texts.HEADERS,
            "securitySchemes": texts.SECURITY_SCHEMES,
        },
    }


def _routes(app: Flask) -> list[tuple[str, str, Operation, str]]:
    """Return path, method, operation and documentation of every described call."""
    found = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        operation = OPERATIONS.get(key_of(view))
        if operation is not None:
            path = rule.rule.replace("<", "{").replace(">", "}")
            (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
            found.append((path, method.lower(), operation, inspect.getdoc(view) or ""))
    return found


def _model_schemas(operations: Iterable[Operation]) -> dict[str, Json]:
    models: dict[str, type[BaseModel]] = {}
    for operation in operations:
        for model in (operation.body, operation.answer):
            if model is not None:
                models[model.__name__] = model
    _, schema = models_json_schema(
        [(model, "validation") for model in models.values()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Schemas,
    )
    definitions: dict[str, Json] = schema["$defs"]
    for definition in definitions.values():
        definition.pop("title", None)
    return definitions


def _describe_operation(operation: Operation, documentation: str, schemas: Json) -> Json:
    summary, _, description = documentation.partition("\n\n")
    described: Json = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": summary.removesuffix("."),
        "description": " ".join(description.split()),
        "security": [{"sessionToken": []}] if operation.takes_token else [],
        "responses": _responses(operation, schemas),
    }
    if operation.parameters:
        described["parameters"] = [each.describe() for each in operation.parameters]
    if operation.body:
        content = _json_content(operation.body.__name__, schemas)
        described["requestBody"] = {"required": True, "content": content}
    return described


def _responses(operation: Operation, schemas: Json) -> Json:
    success: Json = {"description": operation.answered, "headers": texts.COMMON_HEADERS}
    if operation.answer:
        success["content"] = _json_content(operation.answer.__name__, schemas)
    if operation.session_at:
        success["links"] = {"endSession": texts.end_session_link(operation.session_at)}
    of_service = [_problem_of(kind) for kind in operation.all_problems()]
    problems = _problem_responses([*of_service, *texts.OF_NGINX])
    return {str(operation.status): success, **problems, "default": _other_problems()}


def _problem_of(kind: type[errors.Refusal]) -> texts.Problem:
    status, code = PROBLEMS[kind]
    meaning, _, _ = (inspect.getdoc(kind) or "").partition("\n\n")
    return texts.Problem(status, code, kind.detail, meaning)


def _problem_responses(problems: Iterable[texts.Problem]) -> dict[str, Json]:
    by_status: dict[int, list[texts.Problem]] = {}
    for problem in sorted(problems):
        by_status.setdefault(problem.status, []).append(problem)
    return {str(status): _problem_response(of_it) for status, of_it in by_status.items()}


def _problem_response(problems: list[texts.Problem]) -> Json:
    """Describe the problems of one status; the schema lists their codes."""
    status = problems[0].status
    meanings = [problem.meaning for problem in problems]
    codes = [f"urn:doorward:problem:{problem.code}" for problem in problems]
    schema = "FieldsProblem" if status == 422 else "Problem"
    return {
        "description": " ".join(dict.fromkeys(meanings)),
        "headers": {**texts.COMMON_HEADERS, **texts.HEADERS_OF.get(status, {})},
        "content": {
            "application/problem+json": {
                "schema": {
                    "allOf": [{"$ref": f"#/components/schemas/{schema}"}],
                    "properties": {"type": {"enum": list(dict.fromkeys(codes))}},
                },
                "examples": _problem_examples(problems),
            }
        },
    }


def _problem_examples(problems: Iterable[texts.Problem]) -> Json:
    examples = {}
    for problem in problems:
        value = describe(problem.status, problem.code, problem.detail)
        value["request_id"] = texts.EXAMPLE_REQUEST_ID
        if problem.code == "invalid-fields":
            value["errors"] = texts.EXAMPLE_FIELDS
        examples[problem.code] = {"summary": problem.meaning, "value": value}
    return examples


def _other_problems() -> Json:
    """Describe the refusals that any call may get, mostly before its route is known."""
    kinds = (
        errors.BadRequest,
        errors.UnknownAddress,
        errors.MethodNotAllowed,
        errors.ContentTooLarge,
        errors.InternalServerError,
        errors.WrongCredential,
    )
    of_service = [_problem_of(kind) for kind in kinds]
    return {
        "description": texts.OTHER_PROBLEMS,
        "headers": {**texts.COMMON_HEADERS, "Allow": {"$ref": "#/components/headers/Allow"}},
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": _problem_examples([*of_service, *texts.OF_NGINX_ALONE]),
            }
        },
    }


def _json_content(model: str, schemas: Json) -> Json:
    schema = {"$ref": f"#/components/schemas/{model}"}
    example = {"value": _example_of(schema, schemas)}
    return {"application/json": {"schema": schema, "examples": {"example": example}}}


def _example_of(schema: Json, schemas: Json) -> Any:
    """Return an example for a schema, made of the examples of its fields."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "items" in schema:
        return [_example_of(schema["items"], schemas)]
    return {name: _example_of(field, schemas) for name, field in schema["properties"].items()}


def _describe_itself() -> Json:
    example = {"openapi": "3.1.0", "info": {"title": "Doorward"}, "paths": {}}
    return {
        "operationId": "getDescription",
        "tags": ["about"],
        "summary": "Describe this API",
        "description": "Returns this document.",
        "security": [],
        "responses": {
            "200": {
                "description": "This document.",
                "headers": texts.COMMON_HEADERS,
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Description"},
                        "examples": {"description": {"value": example}},
                    }
                },
            },
            **_problem_responses([_problem_of(errors.Unavailable), *texts.OF_NGINX]),
            "default": _other_problems(),
        },
    }
