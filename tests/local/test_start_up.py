"""What is wrong at the start is said once, by name and with what to do; nothing starts half."""

import os
import socket
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from local.hand_started import Builder, Ended, command, provision, run, secret

# No address of this machine: should a service get as far as listening, it fails, and says something
# else.
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
    assert ended.code not in (0, None), ended.words
    assert "Traceback" not in ended.words, ended.words
    lines = [line for line in ended.words.splitlines() if "[INFO]" not in line]
    assert len(lines) == len(set(lines)), "said once"
    return "\n".join(lines)


@pytest.mark.parametrize("package", [AUTH, WEB])
def test_a_server_that_cannot_start_ends_at_once_with_one_message(
    package: str, given: dict[str, str]
) -> None:
    wrong = {
        "DOORWARD_IDLE_SECONDS": "soon",
        "DOORWARD_AUTH_LISTEN": UNUSED,
        "DOORWARD_WEB_LISTEN": UNUSED,
    }
    said = words_of_a_refusal(run(command(package), given | wrong))
    assert "DOORWARD_IDLE_SECONDS" in said
    assert f"{package.replace('_', '-')} cannot start" in said


SETTINGS = [
    # service, changed settings, what the message names
    (AUTH, {"DOORWARD_BCRYPT_ROUNDS": "9", "DOORWARD_TEST_FAST_HASH": ""}, "10 to 15"),
    (AUTH, {"DOORWARD_BCRYPT_ROUNDS": "16"}, "DOORWARD_BCRYPT_ROUNDS"),
    (AUTH, {"DOORWARD_BCRYPT_ROUNDS": "many"}, "DOORWARD_BCRYPT_ROUNDS"),
    (AUTH, {"DOORWARD_TEST_FAST_HASH": "perhaps"}, "DOORWARD_TEST_FAST_HASH"),
    (AUTH, {"DOORWARD_IDLE_SECONDS": "0"}, "DOORWARD_IDLE_SECONDS"),
    (AUTH, {"DOORWARD_IDLE_SECONDS": "-5"}, "DOORWARD_IDLE_SECONDS"),
    (AUTH, {"DOORWARD_IDLE_SECONDS": "1.5"}, "DOORWARD_IDLE_SECONDS"),
    (AUTH, {"DOORWARD_IDLE_SECONDS": "50000"}, "DOORWARD_ABSOLUTE_SECONDS"),
    (AUTH, {"DOORWARD_ABSOLUTE_SECONDS": "x"}, "DOORWARD_ABSOLUTE_SECONDS"),
    (AUTH, {"DOORWARD_PASSWORD_MIN_LENGTH": "7"}, "DOORWARD_PASSWORD_MIN_LENGTH"),
    (AUTH, {"DOORWARD_REGISTRATION": "maybe"}, "DOORWARD_REGISTRATION"),
    (AUTH, {"DOORWARD_DATA_DIR": ""}, "DOORWARD_DATA_DIR"),
    (AUTH, {"DOORWARD_DATA_DIR": "/nowhere/at/all"}, "DOORWARD_DATA_DIR"),
    (AUTH, {"DOORWARD_KEY_SET_FILE": ""}, "DOORWARD_KEY_SET_FILE"),
    (AUTH, {"DOORWARD_KEY_SET_FILE": "/nowhere/keys.json"}, "/nowhere/keys.json"),
    (AUTH, {"DOORWARD_EDGE_CREDENTIAL_FILE": ""}, "DOORWARD_EDGE_CREDENTIAL"),
    (AUTH, {"DOORWARD_EDGE_CREDENTIAL_FILE": "/nowhere/credential"}, "/nowhere/credential"),
    (AUTH, {"DOORWARD_SERVICE_CREDENTIAL": "short"}, "DOORWARD_SERVICE_CREDENTIAL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "http://door.example"}, "DOORWARD_ALLOW_INSECURE_HTTP"),
    (WEB, {"DOORWARD_PUBLIC_URL": "https://door.example"}, "DOORWARD_TRUSTED_PROXIES"),
    (WEB, {"DOORWARD_PUBLIC_URL": "ftp://localhost"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "localhost:8080"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "http://localhost/door"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "http://localhost:99999"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "http://user@localhost"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_PUBLIC_URL": "http://[::1"}, "DOORWARD_PUBLIC_URL"),
    (WEB, {"DOORWARD_RENEW_SECONDS": "31"}, "DOORWARD_RENEW_SECONDS"),
    (
        WEB,
        {"DOORWARD_RENEW_SECONDS": "10", "DOORWARD_IDLE_SECONDS": "10"},
        "DOORWARD_RENEW_SECONDS",
    ),
    (WEB, {"DOORWARD_IDLE_SECONDS": "50000"}, "DOORWARD_ABSOLUTE_SECONDS"),
    (WEB, {"DOORWARD_REGISTRATION": "OPEN!"}, "DOORWARD_REGISTRATION"),
    (WEB, {"DOORWARD_CSRF_KEY_FILE": ""}, "DOORWARD_CSRF_KEY"),
    (WEB, {"DOORWARD_CSRF_KEY_FILE": "/nowhere/key"}, "/nowhere/key"),
    (WEB, {"DOORWARD_KEY_SET_FILE": "/nowhere/keys.json"}, "/nowhere/keys.json"),
]


@pytest.mark.parametrize(("package", "changes", "named"), SETTINGS)
def test_a_wrong_setting_is_named(
    package: str, changes: dict[str, str], named: str, given: dict[str, str], refused: Refused
) -> None:
    assert named in refused(package, given | changes)


@pytest.mark.parametrize("package", [AUTH, WEB])
def test_everything_wrong_is_said_at_once(
    package: str, given: dict[str, str], refused: Refused
) -> None:
    wrong = {
        "DOORWARD_IDLE_SECONDS": "soon",
        "DOORWARD_REGISTRATION": "maybe",
        "DOORWARD_EDGE_CREDENTIAL_FILE": "",
        "DOORWARD_SERVICE_CREDENTIAL_FILE": "/nowhere/credential",
    }
    said = refused(package, given | wrong)
    for name in (
        "DOORWARD_IDLE_SECONDS",
        "DOORWARD_REGISTRATION",
        "DOORWARD_EDGE_CREDENTIAL",
        "/nowhere",
    ):
        assert name in said


@pytest.mark.fault(23)
@pytest.mark.proves("V11.2.3", "V13.2.3")
@pytest.mark.parametrize("package", [AUTH, WEB])
@pytest.mark.parametrize(
    "value",
    ["changeme", "x" * 43, "secret" * 8, "0123456789" * 5, "not base64url! " * 4, "\u00e4" * 50],
    ids=["a word", "one letter", "a word again and again", "digits", "other signs", "not ASCII"],
)
def test_a_secret_that_can_be_guessed_is_refused_and_not_repeated(
    package: str, value: str, given: dict[str, str], refused: Refused
) -> None:
    changes = {"DOORWARD_SERVICE_CREDENTIAL": value, "DOORWARD_SERVICE_CREDENTIAL_FILE": ""}
    said = refused(package, given | changes)
    assert "DOORWARD_SERVICE_CREDENTIAL" in said
    assert value not in said


@pytest.mark.fault(23)
@pytest.mark.parametrize("package", [AUTH, WEB])
def test_a_secret_given_twice_is_refused(
    package: str, given: dict[str, str], refused: Refused
) -> None:
    said = refused(package, given | {"DOORWARD_EDGE_CREDENTIAL": secret()})
    assert "DOORWARD_EDGE_CREDENTIAL" in said
    assert "DOORWARD_EDGE_CREDENTIAL_FILE" in said, "which of them, and that both are set"


@pytest.mark.fault(23)
@pytest.mark.parametrize("package", [AUTH, WEB])
def test_credentials_that_are_the_same_are_refused(
    package: str, given: dict[str, str], refused: Refused
) -> None:
    same = {"DOORWARD_EDGE_CREDENTIAL_FILE": given["DOORWARD_SERVICE_CREDENTIAL_FILE"]}
    said = refused(package, given | same)
    assert "DOORWARD_EDGE_CREDENTIAL" in said
    assert "are the same" in said


KEY_SETS = [
    ("", "keys.json"),
    ("{", "keys.json"),
    ('{"keys": []}', "holds no key"),
    ('{"keys": [{"kty": "oct", "kid": "a", "k": "c2hvcnQ"}]}', "5 bytes"),
    ('{"keys": [{"kty": "oct", "kid": "a", "k": "' + "QUFB" * 11 + '"}]}', "not random"),
    (
        '{"keys": [{"kty": "oct", "kid": "a", "k": "dGhpcyBpcyBhIHNlY3JldCBmcm9tIGEgdHV0b3JpYWwh"}]}',
        "text",
    ),
    ('{"keys": [{"kty": "RSA", "kid": "a", "n": "x", "e": "AQAB", "k": "x"}]}', "HS256"),
]


@pytest.mark.fault(23)
@pytest.mark.proves("RFC8725-3.5", "V11.2.3")
@pytest.mark.parametrize("package", [AUTH, WEB])
@pytest.mark.parametrize(("text", "named"), KEY_SETS)
def test_a_key_set_that_protects_nobody_is_refused(
    package: str, text: str, named: str, given: dict[str, str], refused: Refused
) -> None:
    Path(given["DOORWARD_KEY_SET_FILE"]).write_text(text)
    said = refused(package, given)
    assert given["DOORWARD_KEY_SET_FILE"] in said
    assert named in said


@pytest.fixture
def data(given: dict[str, str]) -> Path:
    """The data folder, with no users yet."""
    return Path(given["DOORWARD_DATA_DIR"])


USERS = [
    ("", "line 1"),
    ("{\n  nope", "line 2"),
    ('{"schema": 3, "revision": 1, "users": {}}', "newer"),
    ('{\n  "schema": 1,\n  "revision": 0,\n  "users": {}}', "line 3"),
    ('{"schema": 1, "revision": 1, "users": {}, "more": 1}', "more"),
    ('{"schema": 1, "revision": 1, "users": {"a": {}}}', "line 1"),
    ("\xff", "UTF-8"),
]


@pytest.mark.fault(27)
@pytest.mark.parametrize(("text", "named"), USERS)
def test_a_broken_users_json_is_refused_and_left_as_it_is(
    text: str, named: str, given: dict[str, str], data: Path, refused: Refused
) -> None:
    (data / "users.json").write_bytes(text.encode("latin-1"))
    said = refused(AUTH, given)
    assert str(data / "users.json") in said
    assert named in said
    assert (data / "users.json").read_bytes() == text.encode("latin-1")


def test_a_lost_users_json_is_not_taken_for_an_empty_one(
    given: dict[str, str], data: Path, refused: Refused
) -> None:
    (data / "users.json.committed").write_text('{"schema": 1, "revision": 1, "users": {}}')
    said = refused(AUTH, given)
    assert "users.json" in said
    assert "missing" in said
    assert not (data / "users.json").exists()


def test_an_unreadable_users_json_is_refused(
    given: dict[str, str], data: Path, refused: Refused
) -> None:
    (data / "users.json").mkdir()
    assert str(data / "users.json") in refused(AUTH, given)


def newer_database(path: Path) -> None:
    """Make a database of a schema that nobody knows yet."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE schema_version (version INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES (99)")
        connection.commit()


@pytest.mark.fault(26)
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda path: path.write_bytes(b"no database" * 100), id="not a database"),
        pytest.param(newer_database, id="a newer schema"),
        pytest.param(lambda path: path.mkdir(), id="a folder"),
    ],
)
@pytest.mark.parametrize(
    ("name", "cost"), [("state.db", "sign in"), ("throttle.db", "count from zero")]
)
def test_a_broken_database_is_refused_saying_what_it_costs(
    name: str,
    cost: str,
    spoil: Callable[[Path], object],
    given: dict[str, str],
    data: Path,
    refused: Refused,
) -> None:
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
    assert "Traceback" not in ended.words
    assert address.rpartition(":")[2] in ended.words
    assert "in use" in ended.words.lower()


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
    for words in (["users", "list"], ["users", "add", "somebody"], ["keys", "rotate"]):
        ended = run(["flask", "--app", "auth_service", *words], with_tools(given))
        assert ended.code != 0
        assert "12345" in ended.words
        assert "Traceback" not in ended.words
    assert sorted(data.rglob("*")) == before


def with_tools(given: dict[str, str]) -> dict[str, str]:
    """Return an environment in which `flask` is ours and reads no .env."""
    tools = Path(__file__).resolve().parents[2] / ".venv" / "bin"
    return given | {"PATH": f"{tools}:{os.environ['PATH']}", "FLASK_SKIP_DOTENV": "1"}


def test_nginx_names_everything_wrong_at_once(tmp_path: Path) -> None:
    wrong = {
        "DOORWARD_NGINX_LISTEN": "x",
        "DOORWARD_CREDENTIAL_RATE": "often",
        "DOORWARD_AUTH_UPSTREAM": "nowhere",
    }
    given = {"PATH": os.environ["PATH"], "DOORWARD_NGINX_DIR": str(tmp_path / "nginx"), **wrong}
    ended = run([sys.executable, "-m", "doorward_init", "edge"], given)
    assert ended.code == 78
    for name in (*wrong, "DOORWARD_EDGE_CREDENTIAL"):
        assert name in ended.words
    assert not (tmp_path / "nginx" / "nginx.conf").exists()


def test_init_never_overwrites_what_is_there(given: dict[str, str], data: Path) -> None:
    files = [path for path in (data / "secrets").rglob("*") if path.is_file()]
    assert len(files) == 4
    before = {path: path.read_bytes() for path in files}
    provision(given)
    assert {path: path.read_bytes() for path in files} == before
    assert {path.stat().st_mode & 0o777 for path in files} == {0o640}
    assert len(set(before.values())) == 4


def test_init_says_which_file_it_cannot_make(given: dict[str, str]) -> None:
    wrong = given | {
        "DOORWARD_EDGE_CREDENTIAL_FILE": "/etc/passwd/credential",
        "DOORWARD_CSRF_KEY_FILE": "",
    }
    ended = run([sys.executable, "-m", "doorward_init"], wrong)
    assert ended.code != 0
    assert "DOORWARD_EDGE_CREDENTIAL_FILE: /etc/passwd is not a folder" in ended.words
    assert "DOORWARD_CSRF_KEY_FILE" in ended.words
    assert "Traceback" not in ended.words


def test_a_short_password_minimum_is_allowed_with_a_warning(
    given: dict[str, str], builders: dict[str, Builder]
) -> None:
    ended = builders[AUTH].build(given | {"DOORWARD_PASSWORD_MIN_LENGTH": "8"})
    assert ended.code == 0
    assert "DOORWARD_PASSWORD_MIN_LENGTH is below 15, which is advised against" in ended.words


@pytest.mark.parametrize("package", [AUTH, WEB])
def test_with_nothing_wrong_both_can_be_built(
    package: str, given: dict[str, str], builders: dict[str, Builder]
) -> None:
    assert builders[package].build(given) == Ended(0, "")
