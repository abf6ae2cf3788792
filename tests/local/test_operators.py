"""Commands for operators work on the stack that runs, whatever the calling shell has set."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from journeys.visitor import Api, new_name
from running_stack import LocalStack, StackFailed


class Elsewhere(LocalStack):
    """A stack with its data in a folder of its own, started from a shell that is gone."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "state", {"DOORWARD_DATA_DIR": str(folder / "data")})

    def forget_the_shell(self) -> None:
        """Run commands without the settings that it was started with from now on."""
        for name in [name for name in self._environment if name.startswith("DOORWARD_")]:
            del self._environment[name]
        self.mode = "auto"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    made = Elsewhere(tmp_path_factory.mktemp("elsewhere"))
    try:
        made.up()
        made.forget_the_shell()
        yield made
    finally:
        made.down()


def test_a_backup_holds_the_users_and_a_restore_ends_the_sessions(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    file = tmp_path / "backup.tar.gz"
    before = new_name()
    later = new_name()
    with Api(elsewhere.base_url) as api:
        token = api.register(before, sign_in=True).json()["session"]["token"]
        elsewhere.script("backup", "--file", str(file))
        assert api.register(later).status_code == 201
    said = elsewhere.script("restore", "--file", str(file), "--yes")
    assert "All sessions have ended" in said
    with Api(elsewhere.base_url) as api:
        assert api.current(token).status_code == 401
        assert api.sign_in(before).status_code == 201
        assert api.sign_in(later).status_code == 401


def test_commands_of_auth_service_see_the_users_of_the_stack_that_runs(
    elsewhere: Elsewhere,
) -> None:
    name = new_name()
    with Api(elsewhere.base_url) as api:
        assert api.register(name, sign_in=True).status_code == 201
    assert name in elsewhere.script("flask", "users", "list")
    assert name in elsewhere.script("flask", "sessions", "list")


def test_rotating_replaces_the_credentials_of_the_stack_that_runs(elsewhere: Elsewhere) -> None:
    credential = Path(elsewhere.settings["DOORWARD_DATA_DIR"], "secrets/edge/credential")
    before = credential.read_text()
    elsewhere.rotate_credentials()
    assert credential.read_text() != before


def test_commands_of_auth_service_need_a_stack_that_runs(tmp_path: Path) -> None:
    with pytest.raises(StackFailed, match="make up"):
        Elsewhere(tmp_path).script("flask", "users", "list")
