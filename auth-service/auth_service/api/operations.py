"""Describes the calls of the API, beside their views."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from auth_service import errors
from auth_service.api.answers import Answer
from auth_service.api.bodies import RequestBody

View = TypeVar("View", bound=Callable[..., Any])
Problems = tuple[type[errors.Refusal], ...]

OF_BODIES: Problems = (
    errors.MalformedJson,
    errors.BadRequest,
    errors.ContentTooLarge,
    errors.UnsupportedMediaType,
    errors.InvalidFields,
)
"""Problems of every call with a body."""
OF_TOKENS: Problems = (errors.Unauthenticated, errors.UnusableToken)
"""Problems of every call that takes a token."""
OF_PASSWORDS: Problems = (errors.TooManyAttempts, errors.Busy)
"""Problems of every call that checks a password."""


@dataclass(frozen=True)
class Parameter:
    """A parameter in the path or the query; `schema` is its JSON Schema."""

    name: str
    place: str
    description: str
    schema: dict[str, Any]
    example: str

    def describe(self) -> dict[str, Any]:
        """Return the parameter as OpenAPI has it."""
        return {
            "name": self.name,
            "in": self.place,
            "required": True,
            "description": self.description,
            "schema": self.schema,
            "example": self.example,
        }


@dataclass(frozen=True)
class Operation:
    """A call of the API.

    `answer` is None if the answer has no body. `problems` are those of this call beside the
    problems of its body and its token. `session_at` is the place of a session's id in the answer.
    """

    id: str
    tag: str
    status: int
    answered: str
    answer: type[Answer] | None = None
    body: type[RequestBody] | None = None
    problems: Problems = ()
    takes_token: bool = True
    parameters: tuple[Parameter, ...] = ()
    session_at: str | None = None

    def all_problems(self) -> Problems:
        """Return every problem that this call itself can answer."""
        of_body = OF_BODIES if self.body else ()
        of_token = OF_TOKENS if self.takes_token else ()
        return (*of_body, *of_token, *self.problems, errors.Unavailable)


OPERATIONS: dict[str, Operation] = {}
"""Every operation by the name of its view's module and function."""


def operation(described: Operation) -> Callable[[View], View]:
    """Describe a view."""

    def register(view: View) -> View:
        OPERATIONS[key_of(view)] = described
        return view

    return register


def key_of(view: Callable[..., Any]) -> str:
    """Return the key of a view in `OPERATIONS`."""
    return f"{view.__module__}.{view.__qualname__}"
