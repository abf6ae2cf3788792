"""What tests of auth-service share: a folder with users.json, and a store on it."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask

from auth_service.storage.users_json.store import UserStore
from unit.auth_service.users_folder import UsersFolder
from unit.made_users import make_user

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask) -> Run:
    """Return a function that runs a command as `flask --app auth_service …` does."""
    runner = app.test_cli_runner()

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        result: Result = runner.invoke(args=arguments, input=stdin)
        assert "Traceback" not in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return result

    return invoke


@pytest.fixture
def folder(tmp_path: Path, clock: Callable[[], float]) -> UsersFolder:
    """Return a folder in which no process has started yet."""
    return UsersFolder(tmp_path / "users", clock)


@pytest.fixture
def store(folder: UsersFolder) -> UserStore:
    """Return a store with Alice and Bob."""
    store = folder.open()
    store.add(make_user("Alice"))
    store.add(make_user("Bob"))
    return store
