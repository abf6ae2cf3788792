"""scripts/stack.py: the decisions and files behind `make up` and its siblings."""

import io
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO

import pytest

from scripts.doorward_stack import (
    archive,
    cli,
    engine,
    env_file,
    local_settings,
    ports,
    processes,
    saving,
    settings,
    state,
    supervisor_config,
)
from scripts.doorward_stack.compose import ComposeStack
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import ROOT, Layout

LAUNCH = ROOT / "scripts" / "doorward_stack" / "launch.py"


# --- settings
# ---------------------------------------------------------------------------------------


def test_settings_come_from_the_file_and_the_environment_wins(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PORT=9000\nDOORWARD_CONTACT='Ann $1 #2'\n")
    read = settings.load(layout, {"DOORWARD_PORT": "9001"})
    assert (read.port, read.values["DOORWARD_CONTACT"]) == (9001, "Ann $1 #2")
    assert read.public_url == "http://localhost:9001"


def test_an_empty_setting_is_an_unset_one_and_hides_the_file(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PORT=9000\n")
    assert settings.load(layout, {"DOORWARD_PORT": ""}).port == 8080


def test_every_problem_is_named_at_once_with_the_nearest_setting(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PROT=1\nnonsense\n")
    with pytest.raises(StackError) as caught:
        settings.load(layout, {"DOORWARD_PORT": "99999", "DOORWARD_BIND": "::1"})
    told = "\n".join(caught.value.problems)
    assert "DOORWARD_PROT is no setting of Doorward. Did you mean DOORWARD_PORT?" in told
    assert ".env, line 2" in told
    assert "1 to 65535" in told
    assert "[::1]" in told


def test_stopping_works_with_settings_that_are_wrong(layout: Layout) -> None:
    wrong = {"DOORWARD_PROT": "1", "DOORWARD_PORT": "x", "DOORWARD_BIND": "0.0.0.0.0"}
    (layout.root / ".env").write_text("DOORWARD_PORT=x\n")
    read = settings.load(layout, wrong, lenient=True)
    assert read.port == 0
    told = engine.Engine(layout, read).environ
    assert (told["DOORWARD_PORT"], told["DOORWARD_BIND"]) == ("", ""), "Compose would refuse them"


@pytest.mark.parametrize("wrong", ["0.0.0.0.0", "localhost", "::1", "[127.0.0.1]"])
def test_what_is_no_address_is_refused_naming_the_setting(layout: Layout, wrong: str) -> None:
    with pytest.raises(StackError, match="DOORWARD_BIND") as caught:
        settings.load(layout, {"DOORWARD_BIND": wrong})
    assert repr(wrong) in str(caught.value)
    for right in ("0.0.0.0", "[::1]"):
        assert settings.load(layout, {"DOORWARD_BIND": right}).bind == right


def test_a_separate_stack_does_not_inherit_the_settings_of_the_real_one(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_DATA_DIR=/srv/real\nBASE_IMAGE=own\n")
    beside = Layout(layout.root, layout.root / "elsewhere")
    read = settings.load(beside, {})
    assert read.data_dir == beside.state
    assert dict(read.values) == {"BASE_IMAGE": "own"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A=b # remark", "b"),
        ("A=", ""),
        ("A= # remark", ""),
        ('A="b \\"c\\" # d"', 'b "c" # d'),
        ("A='b $c'", "b $c"),
        ("A=b#c", "b#c"),
    ],
)
def test_env_lines_mean_what_they_mean_to_compose(line: str, value: str) -> None:
    assert env_file.parse(line, ".env") == ({"A": value}, [])


@pytest.mark.parametrize("line", ["A=$B", 'A="$B"', "A='b", "A", "1A=b", 'A="b" c'])
def test_env_lines_that_could_mean_two_things_are_refused(line: str) -> None:
    values, problems = env_file.parse(line, ".env")
    assert values == {}
    assert len(problems) == 1


# --- ports
# ------------------------------------------------------------------------------------------


@pytest.mark.enable_socket
def test_a_port_in_use_is_refused_naming_the_setting_and_the_program(layout: Layout) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        wanted = settings.load(layout, {"DOORWARD_PORT": str(taken.getsockname()[1])})
        with pytest.raises(StackError, match=rf"DOORWARD_PORT.*\(process {os.getpid()}\)"):
            ports.check_public_ports(wanted)
    ports.check_public_ports(wanted)


@pytest.mark.enable_socket
def test_an_address_of_another_machine_is_refused(layout: Layout) -> None:
    with pytest.raises(StackError, match=r"DOORWARD_BIND: 192\.0\.2\.1 is no address"):
        ports.check_public_ports(settings.load(layout, {"DOORWARD_BIND": "192.0.2.1"}))


@pytest.mark.enable_socket
def test_service_ports_are_kept_while_they_are_free() -> None:
    first = ports.free_port(None, set())
    assert ports.free_port(first, set()) == first
    assert ports.free_port(first, {first}) != first
    with socket.create_server(("127.0.0.1", first)):
        assert ports.free_port(first, set()) != first


# --- which way to run
# -------------------------------------------------------------------------------


class FakeEngine(engine.Engine):
    """An engine of which only the answers are known."""

    def __init__(self, missing: str | None, *, base: bool = True, built: bool = False) -> None:
        self.base_image = "debian:trixie-slim"
        self._missing, self._base, self._built = missing, base, built

    def missing(self) -> str | None:
        return self._missing

    def can_build(self) -> bool:
        return self._base

    def has_image(self, name: str) -> bool:
        return self._built

    def project(self) -> str:
        return "doorward"


@pytest.mark.parametrize(
    ("fake", "mode", "why"),
    [
        (FakeEngine(None), "compose", "a Docker engine answers"),
        (FakeEngine("no Docker engine answers"), "local", "no Docker engine answers"),
        (FakeEngine(None, base=False), "local", "debian:trixie-slim"),
        (FakeEngine(None, base=False, built=True), "compose", "a Docker engine answers"),
    ],
)
def test_without_a_wish_compose_is_taken_where_it_works(
    fake: FakeEngine, mode: str, why: str
) -> None:
    choice = engine.choose(fake, "auto")
    assert choice.mode == mode
    assert why in choice.why


def test_images_that_are_there_are_kept_when_none_can_be_built() -> None:
    assert not engine.choose(FakeEngine(None, base=False, built=True), "compose").build


@pytest.mark.parametrize(
    "fake", [FakeEngine("no Docker engine answers"), FakeEngine(None, base=False)]
)
def test_compose_is_not_replaced_where_it_was_asked_for(fake: FakeEngine) -> None:
    with pytest.raises(StackError, match="MODE=compose is not possible"):
        engine.choose(fake, "compose")


def test_local_mode_does_not_even_ask_for_an_engine() -> None:
    assert engine.choose(FakeEngine("must not be asked"), "local").why == "MODE=local asks for it"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"info": (127, "")}, "Docker is not installed"),
        ({"info": (1, "")}, "no Docker engine answers"),
        ({"info": (0, "\n")}, "no Docker engine answers"),
        ({"info": (0, "20.10"), "compose": (1, "")}, "Docker has no Compose plugin"),
        ({"info": (0, "20.10"), "compose": (0, "2.19.1")}, "Docker Compose is 2.19.1, and 2.20 or"),
    ],
)
def test_it_says_what_compose_lacks(
    layout: Layout, answers: dict[str, tuple[int, str]], reason: str
) -> None:
    assert reason in str(_answering(layout, answers).missing())


@pytest.mark.parametrize("version", ["2.20.0", "v2.20.3", "5.6.1", "2.100.0-desktop.1"])
def test_compose_from_2_20_is_taken(layout: Layout, version: str) -> None:
    assert _answering(layout, {"info": (0, "29"), "compose": (0, version)}).missing() is None


def _answering(layout: Layout, answers: dict[str, tuple[int, str]]) -> engine.Engine:
    class Answering(engine.Engine):
        def run(self, command, *, seconds=None, show=False):
            code, text = answers[command[1]]
            return CompletedProcess(command, code, text, "")

    return Answering(layout, settings.load(layout, {}))


def test_a_separate_stack_is_another_compose_project_without_the_settings_file(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Named after the real one, it would take that one's volumes with it when it is removed.
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "the-real-one")
    beside = Layout(layout.root, layout.root / "elsewhere")
    command = engine.Engine(beside, settings.load(beside, {})).compose_command("ps")
    assert re.fullmatch("doorward-[0-9a-f]{10}", command[command.index("-p") + 1])
    assert command[command.index("--env-file") + 1] == os.devnull
    named = Layout(layout.root, layout.root / "elsewhere", "of-its-own")
    assert "of-its-own" in engine.Engine(named, settings.load(named, {})).compose_command("ps")
    plain = engine.Engine(layout, settings.load(layout, {})).compose_command("ps")
    assert plain == ["docker", "compose", "ps"]


def test_another_checkout_with_the_same_project_name_is_left_alone(layout: Layout) -> None:
    class SharedName(FakeEngine):
        def run(self, command, *, seconds=None, show=False):
            return CompletedProcess(command, 0, "/home/ann/doorward\n", "")

        def containers(self):
            return [{"State": "running"}]

    stack = ComposeStack(layout, settings.load(layout, {}), SharedName(None))
    assert not stack.running
    assert not stack.down()
    for action in (stack.check, lambda: stack.down(volumes=True)):
        with pytest.raises(StackError, match="in use by /home/ann/doorward"):
            action()


@pytest.mark.parametrize("text", ['[{"ID": "a"}, {"ID": "b"}]', '{"ID": "a"}\n{"ID": "b"}\n'])
def test_both_forms_of_compose_ps_are_read(text: str) -> None:
    assert [one["ID"] for one in engine.parse_ps(text)] == ["a", "b"]


# --- local mode's files
# -----------------------------------------------------------------------------


def test_the_supervisor_socket_stays_short_in_a_deep_checkout(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 60) / ("b" * 60)
    deep.mkdir(parents=True)
    first = supervisor_config.socket_path(deep, None)
    assert len(first) <= supervisor_config.LONGEST_SOCKET_PATH
    assert Path(first).parent.stat().st_mode & 0o77 == 0
    assert supervisor_config.socket_path(deep, first) == first
    Path(first).parent.rmdir()
    assert supervisor_config.socket_path(Path("/r"), None) == "/r/supervisor.sock"


def test_the_supervisor_configuration_names_no_folder_of_the_machine(tmp_path: Path) -> None:
    run = tmp_path / "run"
    text = supervisor_config.render(run, str(run / "supervisor.sock"), root_user=False)
    assert str(tmp_path) not in text
    assert text.count("stopasgroup=true") == len(supervisor_config.NAMES)
    assert "user=" not in text


def test_local_programs_get_their_wiring_and_whoever_sets_it_by_hand_is_obeyed(
    layout: Layout,
) -> None:
    chosen = {"nginx": 8080, "auth-service": 20001, "web-frontend": 20002}
    plain = local_settings.environment(layout, settings.load(layout, {}), chosen)
    assert plain["DOORWARD_AUTH_URL"] == "http://127.0.0.1:20001"
    assert plain["DOORWARD_NGINX_LISTEN"] == "127.0.0.1:8080"
    assert plain["DOORWARD_CSRF_KEY_FILE"] == str(layout.state / "secrets" / "csrf" / "key")
    by_hand = {"DOORWARD_CSRF_KEY": "k" * 43, "DOORWARD_AUTH_URL": "http://127.0.0.1:7"}
    given = local_settings.environment(layout, settings.load(layout, by_hand), chosen)
    assert given["DOORWARD_AUTH_URL"] == "http://127.0.0.1:7"
    assert "DOORWARD_CSRF_KEY_FILE" not in given


def test_a_changed_setting_or_source_changes_the_fingerprint(layout: Layout) -> None:
    source = layout.root / "nginx" / "render"
    source.parent.mkdir()
    source.write_text("one")
    first = local_settings.fingerprint(layout, {"DOORWARD_PORT": "1", "HOME": "/a"})
    assert local_settings.fingerprint(layout, {"DOORWARD_PORT": "1", "HOME": "/b"}) == first
    assert local_settings.fingerprint(layout, {"DOORWARD_PORT": "2"}) != first
    source.write_text("two")
    assert local_settings.fingerprint(layout, {"DOORWARD_PORT": "1"}) != first


def test_memory_is_given_back_alike_in_the_image_and_in_local_mode(layout: Layout) -> None:
    image = (ROOT / "auth-service" / "Dockerfile").read_text("utf-8")
    chosen = {"nginx": 1, "auth-service": 2, "web-frontend": 3}
    given = local_settings.environment(layout, settings.load(layout, {}), chosen)
    assert given.items() >= local_settings.ALLOCATOR.items()
    assert all(f"{name}={value}" in image for name, value in local_settings.ALLOCATOR.items())


def test_what_runs_is_forgotten_but_the_ports_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "stack.json"
    assert state.read(file) == {}
    state.write(file, {"mode": "local", "ports": {"nginx": 1}})
    state.forget(file)
    assert state.read(file) == {"ports": {"nginx": 1}}


def test_a_second_command_on_the_same_stack_is_refused(layout: Layout) -> None:
    with layout.locked(), pytest.raises(StackError, match="Another command"), layout.locked():
        pytest.fail("it must not get here")


@pytest.mark.parametrize(
    "wrong", ["1:2:3", "0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.1, example.com"]
)
def test_who_is_no_network_or_everybody_may_not_be_trusted(layout: Layout, wrong: str) -> None:
    with pytest.raises(StackError, match="DOORWARD_TRUSTED_PROXIES"):
        settings.load(layout, {"DOORWARD_TRUSTED_PROXIES": wrong})


def test_addresses_and_networks_may_be_trusted(layout: Layout) -> None:
    trusted = "10.0.0.1, 192.168.1.7/16  2001:db8::/32,"
    assert settings.load(layout, {"DOORWARD_TRUSTED_PROXIES": trusted}).values[
        "DOORWARD_TRUSTED_PROXIES"
    ]


# --- processes
# --------------------------------------------------------------------------------------


def test_only_processes_of_the_remembered_session_are_found_and_ended() -> None:
    command = ["/bin/sh", "-c", "sleep 60 & sleep 60"]
    ours, other = (subprocess.Popen(command, cwd=ROOT, start_new_session=True) for _ in range(2))
    try:
        session = processes.Session.of(ours.pid)
        assert session is not None
        _wait(lambda: len(session.members(ROOT)) == 3)
        assert session.members(Path("/nowhere")) == []
        assert processes.Session(ours.pid, session.started + 1, session.boot).members(ROOT) == []
        assert processes.Session(ours.pid, session.started, "another boot").members(ROOT) == []
        ours.kill()
        ours.wait()
        assert len(session.members(ROOT)) == 2
        processes.stop(session, ROOT, patience=5)
        assert session.members(ROOT) == []
        assert other.poll() is None
    finally:
        for process in (ours, other):
            _end_session(process)


def test_what_does_not_end_by_itself_is_ended_by_force() -> None:
    stubborn = subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"],
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        session = processes.Session.of(stubborn.pid)
        assert session is not None
        _wait(lambda: len(session.members(ROOT)) == 2)
        processes.stop(session, ROOT, patience=0.3)
        assert not session.leader_lives
        assert session.members(ROOT) == []
    finally:
        _end_session(stubborn)


def test_a_program_that_dies_at_once_is_started_again_after_a_pause(tmp_path: Path) -> None:
    took = []
    for _ in range(2):
        begin = time.monotonic()
        assert _launch(tmp_path, "true").wait() == 0
        took.append(time.monotonic() - begin)
    assert took[0] < 1 <= took[1]
    assert (tmp_path / "program").read_text().split()[0] == "2"


def test_starting_a_program_again_ends_what_its_last_start_left_behind(tmp_path: Path) -> None:
    first = _launch(tmp_path, "sh", "-c", "sleep 60 & echo $!; exec sleep 60", process_group=0)
    assert first.stdout is not None
    orphan = int(first.stdout.readline())
    try:
        first.kill()
        first.wait()
        assert processes.read(orphan) is not None
        assert _launch(tmp_path, "true").wait() == 0
        _wait(lambda: (found := processes.read(orphan)) is None or found.state == "Z")
    finally:
        first.stdout.close()


def _launch(folder: Path, *command: str, process_group: int | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(LAUNCH), "program", *command],
        env={**os.environ, "STACK_STARTS": str(folder)},
        stdout=subprocess.PIPE if process_group == 0 else subprocess.DEVNULL,
        text=True,
        process_group=process_group,
    )


def _end_session(process: subprocess.Popen[bytes]) -> None:
    for one in processes.everything():
        if one.session == process.pid:
            os.kill(one.pid, signal.SIGKILL)
    process.wait()


def _wait(condition, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- backups
# ----------------------------------------------------------------------------------------


def _places(folder: Path) -> dict[str, Path]:
    return archive.places(
        {"DOORWARD_DATA_DIR": str(folder)}
        | {name: str(folder / member) for member, name in archive.SECRETS.items()}
    )


def _fill(folder: Path, users: str, session: str) -> None:
    for member in archive.SECRETS:
        (folder / member).parent.mkdir(parents=True, exist_ok=True)
        (folder / member).write_text(f"secret of {folder.name}")
    (folder / "users.json").write_text(users)
    for name in archive.DATABASES:
        with closing(sqlite3.connect(folder / name)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE sessions (id)")
            database.execute("INSERT INTO sessions VALUES (?)", (session,))
            database.commit()


def _sessions(folder: Path, name: str = "state.db") -> list[str]:
    with closing(sqlite3.connect(folder / name)) as database:
        return [row[0] for row in database.execute("SELECT id FROM sessions")]


def test_a_backup_made_while_running_comes_back_whole(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _fill(old, '{"users": "old"}', "old session")
    _fill(new, '{"users": "new"}', "new session")
    (new / "users.json.committed").write_text("new")
    for name in archive.DATABASES:
        (new / f"{name}-wal").write_bytes(b"of another database")
    packed = io.BytesIO()
    with closing(sqlite3.connect(old / "state.db")) as writer:
        writer.execute("INSERT INTO sessions VALUES ('not committed')")
        archive.pack(packed, _places(old))
    packed.seek(0)
    archive.unpack(packed, _places(new))
    assert (new / "users.json").read_text() == '{"users": "old"}'
    assert _sessions(new) == _sessions(new, "throttle.db") == ["old session"]
    assert not (new / "users.json.committed").exists()
    for member in archive.SECRETS:
        assert (new / member).read_text() == "secret of old"
        assert (new / member).stat().st_mode & 0o777 == 0o640
    assert (new / "users.json").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in old.iterdir()) == [
        "secrets",
        "state.db",
        "throttle.db",
        "users.json",
    ]


def test_a_backup_without_counts_of_wrong_passwords_leaves_those_that_there_are(
    tmp_path: Path,
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _fill(old, '{"users": "old"}', "old session")
    _fill(new, '{"users": "new"}', "new counts")
    (old / "throttle.db").unlink()
    packed = io.BytesIO()
    archive.pack(packed, _places(old))
    packed.seek(0)
    archive.unpack(packed, _places(new))
    assert _sessions(new, "throttle.db") == ["new counts"]


@pytest.mark.parametrize(
    "members",
    [
        {"../users.json": b"{}"},
        {"users.json": b"{"},
        {"state.db": b"SQLite format 3\0"},
        {"users.json": b"{}", "state.db": b"something else"},
        {"users.json": b"{}", "throttle.db": b"something else"},
    ],
)
def test_nothing_is_changed_by_an_archive_that_is_no_backup(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    packed.seek(0)
    with pytest.raises(ValueError, match=r"belong|users\.json|database|Expecting"):
        archive.unpack(packed, _places(tmp_path))
    assert list(tmp_path.iterdir()) == []


def _saving(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]
) -> saving.Saving:
    """Return one that packs a small archive, while something else happens."""

    def pack(_self: saving.Saving, _action: str, *, stdout: IO[bytes]) -> None:
        archive.pack(stdout, _places(layout.state))
        meanwhile()

    (layout.state / "users.json").write_text("{}")
    monkeypatch.setattr(saving.Saving, "_run", pack)
    return saving.Saving(layout, settings.load(layout, {}), None)


def test_a_backup_overwrites_nothing(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    target = layout.root / "README.md"
    target.write_text("precious")
    packed = list[int]()
    with pytest.raises(StackError, match=r"README\.md is there already.*Choose another name"):
        _saving(layout, monkeypatch, lambda: packed.append(1)).backup(target)
    assert target.read_text() == "precious"
    assert packed == [], "it is refused before anything is read"


def test_a_backup_does_not_overwrite_what_came_while_it_was_made(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = layout.root / "backup.tar.gz"
    with pytest.raises(StackError, match="is there already"):
        _saving(layout, monkeypatch, lambda: target.write_text("precious")).backup(target)
    assert target.read_text() == "precious"
    assert [path.name for path in layout.root.glob(".backup*")] == []


def test_a_backup_overwrites_nothing_where_there_are_no_links_either(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(_source: Path, _target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", link)
    target = layout.root / "backup.tar.gz"
    with pytest.raises(StackError, match="is there already"):
        _saving(layout, monkeypatch, lambda: target.write_text("precious")).backup(target)
    assert target.read_text() == "precious"
    target.unlink()
    assert _saving(layout, monkeypatch, lambda: None).backup(target).stat().st_size > 0


def test_a_backup_is_closed_to_others(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _saving(layout, monkeypatch, lambda: None).backup(None)
    assert made.parent == layout.backups
    assert made.stat().st_mode & 0o777 == 0o600


# --- the command line
# -------------------------------------------------------------------------------


def test_every_make_target_has_help() -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = re.search(r"^\.PHONY: (.*)$", text, re.M)
    assert phony is not None
    documented = set(re.findall(r"^([a-z-]+):.*## \S", text, re.M))
    assert documented == set(re.findall(r"^([a-z-]+):", text, re.M)) == set(phony[1].split())
    shown = subprocess.run(
        ["make", "-s"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert all(f"make {target} " in shown for target in documented)


def test_a_wrong_mode_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODE", "docker")
    assert cli.main(["up"]) == 1
    assert capsys.readouterr().err == "MODE must be compose or local, not 'docker'.\n"


def test_problems_are_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("DOORWARD_PROT", "1")
    assert cli.main(["up", "--state", str(tmp_path / "s"), "--mode", "local"]) == 1
    assert "Did you mean DOORWARD_PORT?" in capsys.readouterr().err


def test_removing_data_needs_a_yes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv("CONFIRM", raising=False)
    (tmp_path / "users.json").write_text("{}")
    assert cli.main(["clean", "--state", str(tmp_path), "--mode", "local"]) == 1
    said = capsys.readouterr().err
    assert all(
        text in said for text in ("CONFIRM=yes", str(tmp_path), str(tmp_path / "log"), "audit log")
    )
    assert (tmp_path / "users.json").exists()
