"""The collaborators of the commands, and their messages to operators."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import click
from flask import current_app
from flask.cli import AppGroup

from auth_service.accounts.administration import Administration
from auth_service.audit import AuditLog
from auth_service.errors import (
    AuthServiceError,
    InvalidFields,
    UserChanged,
    UsernameTaken,
)
from auth_service.storage.ports import EditableUsers
from auth_service.usecases.account_overview import AccountOverview
from auth_service.usecases.session_administration import SessionAdministration
from doorward_settings.auth_service import Settings
from session_contract.audit_events import audit_log
from session_contract.keyset import KeySetError
from session_contract.log_lines import JsonLine

EXTENSION = "auth_service_operator"


@dataclass(frozen=True)
class Operator:
    """The collaborators of the commands."""

    administration: Administration
    overview: AccountOverview
    sessions: SessionAdministration
    users: EditableUsers
    audit: AuditLog
    settings: Settings

    def record(self, event: str, **details: str | None) -> None:
        """Record an event in the service's log or, if that is not writable, on stderr."""
        handler = self._log_handler()
        handler.setFormatter(JsonLine("auth-service", dict))
        audit_log.addHandler(handler)
        self.audit.record(event, None, **details)
        audit_log.removeHandler(handler)
        handler.close()

    def _log_handler(self) -> logging.Handler:
        if self.settings.command_log_file:
            with suppress(OSError):
                return logging.FileHandler(self.settings.command_log_file)
        return logging.StreamHandler()


class OperatorGroup(AppGroup):
    """A group of commands that print an error as one sentence and exit with a non-zero status."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command of the group."""
        with _problems_shown():
            return super().invoke(ctx)


def current_operator() -> Operator:
    """Return the collaborators of the current command."""
    return cast("Operator", current_app.extensions[EXTENSION])


@contextmanager
def _problems_shown() -> Iterator[None]:
    try:
        yield
    except InvalidFields as error:
        messages = [message for field in error.errors.values() for message in field]
        raise click.ClickException(" ".join(messages)) from None
    except UsernameTaken:
        raise click.ClickException("This username is taken.") from None
    except UserChanged:
        problem = "The account was changed at the same moment. Nothing was changed; try again."
        raise click.ClickException(problem) from None
    except BrokenPipeError:
        raise  # the reader of the output has left, as `head` does, and Click ends quietly
    except (AuthServiceError, KeySetError, OSError) as error:
        raise click.ClickException(f"{error}. Nothing was changed.") from None
