"""What is wrong at the start is said once, by name and with what to do; nothing starts half."""

import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.hand_started import Builder, Ended, command, run, secret

# No address of this machine: should a service get as far as listening, it says something else.
UNUSED = "192.0.2.1:8001"
AUTH, WEB = "auth_service", "web_frontend"
Refused = Callable[[str, dict[str, str]], str]


@pytest.fixture(scope="module")
def builders() -> Iterator[dict[str, Builder]]:
    """What builds each service's application."""
    made = {package: Builder(package) for package in (AUTH, WEB)}
    yield made
    for builder in made.values():
        builder.close()


@pytest.fixture
def refused(builders: dict[str, Builder]) -> Refused:
    """Return what a service says that must refuse to start."""

    def build(package: str, given: dict[str, str]) -> str:
        return words_of_a_refusal(builders[package].build(given))

    return build


def words_of_a_refusal(ended: Ended) -> str:
    """Check how a service ended that refused to start; return what it said."""
    assert ended.code not in (0, None), ended.output
    assert "Traceback" not in ended.output, ended.output
    lines = [line for line in ended.output.splitlines() if "[INFO]" not in line]
    assert len(lines) == len(set(lines)), "said once"
    return "\n".join(lines)


@pytest.mark.parametrize("package", [AUTH, WEB])
def test_a_server_that_cannot_start_ends_at_once_with_one_message(
    package: str, given: dict[str, str]
) -> None:
    wrong = {
        "DOORWARD_IDLE_SECONDS": "soon",
        "DOORWARD_SERVICE_CREDENTIAL_FILE": "/nowhere/credential",
        "DOORWARD_AUTH_LISTEN": UNUSED,
        "DOORWARD_WEB_LISTEN": UNUSED,
    }
    said = words_of_a_refusal(run(command(package), given | wrong))
    assert "DOORWARD_IDLE_SECONDS" in said
    assert "/nowhere/credential" in said
    assert f"{package.replace('_', '-')} cannot start" in said


WORD = "secret" * 8


@pytest.mark.fault(23)
@pytest.mark.proves("V11.2.3", "V13.2.3")
@pytest.mark.parametrize("package", [AUTH, WEB])
def test_a_secret_that_protects_nobody_is_refused_and_not_repeated(
    package: str, given: dict[str, str], refused: Refused
) -> None:
    edge, service = "DOORWARD_EDGE_CREDENTIAL", "DOORWARD_SERVICE_CREDENTIAL"
    for changes, said in (
        ({service: WORD, f"{service}_FILE": ""}, service),
        ({edge: secret()}, f"{edge}_FILE"),
        ({f"{edge}_FILE": given[f"{service}_FILE"]}, "are the same"),
    ):
        output = refused(package, given | changes)
        assert said in output
        assert WORD not in output


@pytest.mark.fault(23)
@pytest.mark.proves("RFC8725-3.5", "V11.2.3")
@pytest.mark.parametrize("package", [AUTH, WEB])
def test_a_key_set_that_protects_nobody_is_refused(
    package: str, given: dict[str, str], refused: Refused
) -> None:
    repeated = "QUFB" * 11
    for text, named in (
        ('{"keys": []}', "holds no key"),
        (f'{{"keys": [{{"kty": "oct", "kid": "a", "k": "{repeated}"}}]}}', "not random"),
    ):
        Path(given["DOORWARD_KEY_SET_FILE"]).write_text(text)
        said = refused(package, given)
        assert given["DOORWARD_KEY_SET_FILE"] in said
        assert named in said


@pytest.fixture
def data(given: dict[str, str]) -> Path:
    """The data folder, with no users yet."""
    return Path(given["DOORWARD_DATA_DIR"])


USERS = [("{\n  nope", "line 2"), ('{"schema": 3, "revision": 1, "users": {}}', "newer")]


@pytest.mark.fault(27)
@pytest.mark.parametrize(("text", "named"), USERS)
def test_a_broken_users_json_is_refused_and_left_as_it_is(
    text: str, named: str, given: dict[str, str], data: Path, refused: Refused
) -> None:
    (data / "users.json").write_text(text)
    said = refused(AUTH, given)
    assert str(data / "users.json") in said
    assert named in said
    assert (data / "users.json").read_text() == text


def newer_database(path: Path) -> None:
    """Make a database of a schema that nobody knows yet."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
        connection.commit()


def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 100)


@pytest.mark.fault(26)
@pytest.mark.parametrize("spoil", [no_database, newer_database, Path.mkdir])
@pytest.mark.parametrize(
    ("name", "cost"), [("state.db", "sign in"), ("throttle.db", "count from zero")]
)
def test_a_broken_database_is_refused_saying_what_it_costs(
    name: str, cost: str, spoil: Callable[[Path], None], given: dict[str, str], data: Path,
    refused: Refused,
) -> None:  # fmt: skip
    spoil(data / name)
    said = refused(AUTH, given)
    assert str(data / name) in said
    assert cost in said


@pytest.mark.parametrize(
    ("package", "name"), [(AUTH, "DOORWARD_AUTH_LISTEN"), (WEB, "DOORWARD_WEB_LISTEN")]
)
def test_a_port_in_use_is_named(package: str, name: str, given: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = run(command(package), given | {name: address})
    assert ended.code not in (0, None)
    assert "Traceback" not in ended.output
    assert address.rpartition(":")[2] in ended.output
    assert "in use" in ended.output.lower()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try this as another user")
def test_another_uid_is_refused_and_leaves_no_file_of_its_own(
    given: dict[str, str], data: Path, refused: Refused
) -> None:
    # The data is another's, and this runs as root.
    for path in (data, *data.rglob("*")):
        os.chown(path, 12345, 12345)
    before = sorted(data.rglob("*"))
    said = refused(AUTH, given)
    assert str(data) in said
    assert "12345" in said
    for arguments in (["users", "list"], ["users", "add", "somebody"], ["keys", "rotate"]):
        ended = run(["flask", "--app", "auth_service", *arguments], with_tools(given))
        assert ended.code != 0
        assert "12345" in ended.output
        assert "Traceback" not in ended.output
    assert sorted(data.rglob("*")) == before


def with_tools(given: dict[str, str]) -> dict[str, str]:
    """Return an environment in which `flask` is ours and reads no .env."""
    tools = Path(__file__).resolve().parents[2] / ".venv" / "bin"
    return given | {"PATH": f"{tools}:{os.environ['PATH']}", "FLASK_SKIP_DOTENV": "1"}


@pytest.mark.parametrize("package", [AUTH, WEB])
def test_with_nothing_wrong_both_can_be_built(
    package: str, given: dict[str, str], builders: dict[str, Builder]
) -> None:
    assert builders[package].build(given) == Ended(0, "")
