"""Local mode from start to stop: once is enough, nothing is left, checkouts do not meet."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from journeys.visitor import Api, Visitor, new_name
from running_stack import ROOT, LocalStack, Stack, eventually
from scripts.doorward_stack.ports import free_port


@pytest.fixture(scope="module")
def mine(stack_with: Callable[..., Stack]) -> LocalStack:
    """A stack that only these tests use; each of them leaves it running."""
    return cast("LocalStack", stack_with(DOORWARD_CONTACT="the tests of starting and stopping"))


def exists(pid: int) -> bool:
    """Whether a process runs."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def listens(port: int) -> bool:
    """Whether somebody takes connections."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True


def assert_runs_on(stack: LocalStack, before: list[int]) -> None:
    """Assert that nothing that ran has ended; a worker may have started after the count."""
    ended = set(before) - set(stack.processes())
    assert not ended, f"ended: {ended}"


def test_starting_twice_changes_nothing_and_says_so(mine: LocalStack) -> None:
    before = mine.processes()
    assert "already running" in mine.script("up")
    assert_runs_on(mine, before)


def test_logs_are_closed_to_others(mine: LocalStack) -> None:
    logs = list((mine.folder / "log").iterdir())
    assert logs
    assert [path.name for path in logs if path.stat().st_mode & 0o777 != 0o600] == []


def test_stopping_leaves_no_process_and_no_listener_and_keeps_the_data(mine: LocalStack) -> None:
    name = new_name()
    with Api(mine.base_url) as api:
        assert api.register(name).status_code == 201
    processes, ports = mine.processes(), dict(mine.ports)
    assert len(processes) >= 8, "supervisor, three programs and their workers"
    mine.down()
    assert [pid for pid in processes if exists(pid)] == []
    assert [port for port in ports.values() if listens(port)] == []
    assert name in (mine.data / "users.json").read_text()
    assert "Nothing was running" in mine.script("down")
    mine.up()


def test_stopping_works_when_the_supervisor_was_killed(mine: LocalStack) -> None:
    processes = mine.processes()
    os.kill(mine.supervisor_pid(), signal.SIGKILL)
    mine.down()
    eventually(lambda: not any(map(exists, processes)), "processes were left")
    mine.up()
    mine.wait_until_ready()


def test_starting_again_after_the_supervisor_was_killed_takes_over(mine: LocalStack) -> None:
    processes = mine.processes()
    os.kill(mine.supervisor_pid(), signal.SIGKILL)
    mine.up()
    mine.wait_until_ready()
    assert not any(map(exists, processes))


def test_two_stacks_run_side_by_side_and_know_nothing_of_each_other(
    stack: Stack, mine: LocalStack
) -> None:
    name = new_name()
    with Api(mine.base_url) as here, Api(stack.base_url) as there:
        token = here.register(name, sign_in=True).json()["session"]["token"]
        assert there.sign_in(name).status_code == 401
        assert there.current(token).status_code == 401
    with Visitor(stack.base_url) as visitor:
        visitor.token = token
        answer = visitor.get("/dashboard")
        assert answer.headers["Location"] == "/login?next=/dashboard"
        assert "session" not in answer.headers.get("Set-Cookie", ""), (
            "a neighbour's cookie is left alone"
        )


def test_a_public_port_in_use_is_named_with_who_has_it(stack: Stack, tmp_path: Path) -> None:
    said = refused(tmp_path, DOORWARD_PORT=str(stack.port))
    assert "DOORWARD_PORT" in said
    assert "in use by nginx" in said


def test_the_default_url_of_an_ipv6_address_works(start_stack: Callable[..., Stack]) -> None:
    settings = {"DOORWARD_BIND": "[::1]", "DOORWARD_ALLOW_INSECURE_HTTP": "1"}
    stack = cast("LocalStack", start_stack(**settings))
    assert f"http://[::1]:{stack.port}" in stack.script("up")
    with Visitor(f"http://[::1]:{stack.port}") as visitor:
        assert visitor.get("/login").status_code == 200


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DOORWARD_PORTT": "8081"}, "Did you mean DOORWARD_PORT?"),
        ({"DOORWARD_BIND": "203.0.113.1", "DOORWARD_ALLOW_INSECURE_HTTP": "1"}, "DOORWARD_BIND"),
    ],
)
def test_a_stack_that_cannot_start_says_why_and_leaves_nothing(
    settings: dict[str, str], named: str, tmp_path: Path
) -> None:
    port = str(free_port(None, set()))
    said = refused(tmp_path, **{"DOORWARD_PORT": port, **settings})
    assert named in said
    assert not listens(int(port))


def test_wrong_settings_are_all_named_at_once_and_leave_what_runs_alone(mine: LocalStack) -> None:
    before = mine.processes()
    said = refused(
        mine.folder,
        runs=True,
        DOORWARD_PORT=str(mine.port),
        DOORWARD_BCRYPT_ROUNDS="20",
        DOORWARD_RENEW_SECONDS="never",
        DOORWARD_CREDENTIAL_RATE="often",
    )
    for name in ("DOORWARD_BCRYPT_ROUNDS", "DOORWARD_RENEW_SECONDS", "DOORWARD_CREDENTIAL_RATE"):
        assert name in said
    assert "nothing was changed" in said
    assert_runs_on(mine, before)
    assert mine.health() == 200


def test_a_certificate_that_only_nginx_knows_to_be_too_weak_leaves_what_runs_alone(
    mine: LocalStack, tmp_path: Path
) -> None:
    pair = ("-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem"))
    weak = ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run([*weak, *pair], check=True, capture_output=True)
    before, port = mine.processes(), {"DOORWARD_PORT": str(mine.port)}
    secure_port = str(free_port(None, {mine.port}))
    tls = {"DOORWARD_TLS_DIR": str(tmp_path), "DOORWARD_HTTPS_PORT": secure_port}
    said = refused(mine.folder, runs=True, **port, **tls)
    assert "key too small" in said
    assert "nothing was changed" in said
    assert_runs_on(mine, before)
    assert mine.health() == 200


def refused(folder: Path, *, runs: bool = False, **settings: str) -> str:
    """Start a stack that must refuse; return what it said after seeing that it left nothing new."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")
    }
    script = [sys.executable, "-B", str(ROOT / "scripts" / "stack.py")]
    began = time.monotonic()
    done = subprocess.run(
        [*script, "up", "--mode", "local", "--state", str(folder)],
        env=inherited | settings,
        cwd=ROOT,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stdout
    assert time.monotonic() - began < 60
    left = [path for path in Path("/proc").glob("[0-9]*") if str(folder) in command_line(path)]
    assert runs or left == []
    return done.stdout


def command_line(process: Path) -> str:
    """Return how a process was called."""
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_make_up_alone_in_a_fresh_copy_ends_with_a_url_that_works(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    copy_of_the_working_tree(checkout)
    port = free_port(None, set())
    given = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    given |= {"DOORWARD_PORT": str(port), "MODE": "local"}

    def make(target: str) -> str:
        done = subprocess.run(
            ["make", target],
            cwd=checkout,
            env=given,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    try:
        said = make("up")
        assert f"http://localhost:{port}" in said
        assert "local mode" in said
        name = new_name()
        with Visitor(f"http://localhost:{port}") as visitor:
            assert visitor.register(name).status_code == 303
            assert name in visitor.page("/dashboard").text
            assert "already running" in make("up")
            make("down")
            assert not listens(port)
            make("up")
            assert visitor.is_signed_in(), "the data stayed"
    finally:
        make("down")
    assert not listens(port)
    assert "Nothing was running" in make("down")
    written = {path.name for path in checkout.iterdir()} - {path.name for path in ROOT.iterdir()}
    assert written <= {".venv", "var"}, "nothing but these is written into a checkout"


def copy_of_the_working_tree(target: Path) -> None:
    """Copy what is or could be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
