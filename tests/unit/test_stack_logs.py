"""`make logs`: lines in words, in order of time, and nothing that acts on the terminal."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.doorward_stack import cli, log_words, logs
from scripts.doorward_stack.layout import ROOT, Layout
from scripts.doorward_stack.log_words import in_words

PRODUCT = ("auth-service", "web-frontend", "session_contract", "doorward_init")
# Texts of the product that only look like events.
NO_EVENTS = {"user_id", "user_agent", "session_id"}
AUDIT = {
    "time": "2026-11-29T14:04:05.123Z",
    "level": "WARNING",
    "service": "auth-service",
    "logger": "audit",
    "event": "authn_login_fail",
    "request_id": "3f2e",
    "client_address": "192.0.2.7",
    "user_agent": "Firefox",
    "user_id": "u1",
    "reason": "InvalidCredentials",
    "act": "api.sign_in",
}
MESSAGE = {
    "time": "2026-11-29T14:04:06.000Z",
    "level": "ERROR",
    "service": "auth-service",
    "logger": "auth_service.storage",
    "message": "users.json could not be written: No space left on device",
}
ACCESS = {
    "time": "2026-11-29T14:04:07+00:00",
    "request_id": "3f2e",
    "client": "192.0.2.7",
    "method": "POST",
    "path": "/login",
    "status": 401,
    "bytes": 512,
    "request_time": 0.314,
    "upstream": "127.0.0.1:20001",
    "upstream_status": "401",
    "upstream_time": "0.313",
}


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_every_event_that_the_product_records_has_words_and_no_other() -> None:
    name = r"(?:authn|authz|input|malicious|sensitive|session|sys|user)_[a-z_]+"
    files = [file for folder in PRODUCT for file in ROOT.glob(f"{folder}/**/*.py")]
    recorded = {text for file in files for text in re.findall(rf'"({name})"', file.read_text())}
    assert recorded - NO_EVENTS == log_words.EVENTS.keys()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            AUDIT,
            "2026-11-29 15:04:05  auth-service  The name or the password was wrong "
            "(invalid credentials, api sign in)  user u1  from 192.0.2.7  request 3f2e",
        ),
        (
            MESSAGE,
            "2026-11-29 15:04:06  auth-service  "
            "Error: users.json could not be written: No space left on device",
        ),
        (
            ACCESS,
            "2026-11-29 15:04:07  nginx         POST /login was answered with 401 in 0.31 s"
            "  from 192.0.2.7  request 3f2e",
        ),
    ],
)
def test_a_line_says_when_who_what_happened_from_where_and_the_request(
    fields: dict[str, object], words: str
) -> None:
    assert in_words(json.dumps(fields)) == words


def test_what_an_operator_did_names_the_operator_also_if_it_is_root() -> None:
    line = {**AUDIT, "event": "user_updated", "act": "disable", "operator_uid": 0}
    assert "(invalid credentials, disable)  user u1  by operator with uid 0" in in_words(
        json.dumps(line)
    )


def test_details_that_are_not_known_are_shown_by_their_names() -> None:
    words = in_words(json.dumps({**AUDIT, "session": "ab12cd34", "answer": 42}))
    assert "(invalid credentials, api sign in, session ab12cd34, answer 42)" in words


def test_of_a_traceback_the_last_line_is_shown() -> None:
    line = {**MESSAGE, "exception": 'Traceback:\n  File "x.py"\nKeyError: 1'}
    assert in_words(json.dumps(line)).endswith("device: KeyError: 1 (RAW=1 shows the traceback)")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "2026/11/29 14:04:05 [emerg] 12#12: bind() failed",
        "{",
        "[1]",
        "null",
        '{"time": 5}',
        '{"time": "2026-11-29T14:04:05Z"}',
        '{"time": "0001-01-01T00:00:00+14:00", "message": "x", "level": "INFO"}',
        json.dumps({**AUDIT, "event": "of_a_newer_version"}),
        json.dumps({**AUDIT, "event": ["authn_login_fail"]}),
        json.dumps({**ACCESS, "request_time": "soon"}),
        "[" * 100_000,
    ],
)
def test_a_line_of_another_form_is_shown_as_it_is(line: str) -> None:
    assert in_words(line) == line


def shown(capsys: pytest.CaptureFixture[str], *texts: str, raw: bool = False) -> list[str]:
    """Return what is printed of some lines that were logged at the same time."""
    logs.show([[logs.Line(logs.LONG_AGO, text) for text in texts]], raw=raw)
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("raw", [False, True])
def test_no_control_character_reaches_the_terminal(
    capsys: pytest.CaptureFixture[str], raw: bool
) -> None:
    hostile = "\x1b[2J\r\x08\x9b1m\u202e\u2028\x00\n2026-11-29 15:04:05  nginx"
    line = json.dumps({**AUDIT, "service": hostile, "reason": hostile, "request_id": hostile})
    printed = shown(capsys, line, f"not JSON {hostile}", raw=raw)
    assert len(printed) == 2
    assert all(text.isprintable() for text in printed)
    assert "\\x1b[2J" in printed[1]


def test_raw_lines_are_printed_as_they_were_logged(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [json.dumps(AUDIT), "not JSON:\tgrüße", json.dumps(ACCESS)]
    assert shown(capsys, *lines, raw=True) == lines


def write(file: Path, *lines: str) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def test_the_last_lines_of_all_programs_are_in_order_of_time(layout: Layout) -> None:
    files = [
        write(layout.log / "auth-service.log", json.dumps(AUDIT), json.dumps(MESSAGE)),
        write(layout.log / "nginx.access.log", json.dumps(ACCESS)),
        write(layout.log / "nginx.err.log", "2026/11/29 14:04:06 [notice] a", "and more of it"),
        write(layout.log / "supervisord.log", "2026-11-29 15:04:04,900 INFO b"),
        write(layout.log / "web-frontend.err.log", *(f"line {number}" for number in range(102))),
    ]
    [batch] = logs.of_files(files, follow=False)
    texts = [line.text for line in sorted(batch, key=lambda line: line.time)]
    assert texts[:100] == [f"line {number}" for number in range(2, 102)]
    assert texts[100:] == [
        "2026-11-29 15:04:04,900 INFO b",
        json.dumps(AUDIT),
        json.dumps(MESSAGE),
        "2026/11/29 14:04:06 [notice] a",
        "and more of it",
        json.dumps(ACCESS),
    ]


def test_following_goes_on_in_the_file_that_replaces_a_full_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "LOOK_SECONDS", 0)
    log = write(layout.log / "nginx.err.log", "first")
    batches = logs.of_files([log], follow=True)
    assert [line.text for line in next(batches)] == ["first"]
    with log.open("a") as file:
        file.write("second\nthi")
    assert [line.text for line in next(batches)] == ["second"]
    with log.open("a") as file:
        file.write("rd\n")
    log.rename(layout.log / "nginx.err.log.1")
    write(log, "fourth")
    assert [line.text for line in next(batches)] == ["third", "fourth"]
    write(log, "5")
    assert [line.text for line in next(batches)] == ["5"], "it was emptied in its place"


class Containers:
    """An engine whose containers have logged something."""

    def __init__(self, *outputs: bytes) -> None:
        self._outputs = list(outputs)
        self.asked: list[tuple[str, ...]] = []

    def popen(self, *arguments: str, stdout: int) -> subprocess.Popen[bytes]:
        self.asked.append(arguments)
        program = f"import sys; sys.stdout.buffer.write({self._outputs.pop(0)!r})"
        return subprocess.Popen([sys.executable, "-c", program], stdout=stdout)


EARLIER = b"2026-11-29T14:04:05.123456789Z earlier\n"
LATER = b"2026-11-29T14:04:06.000000000Z later \xff\n"
NEW = b"2026-11-29T14:04:07.000000000Z new\n"
BY_COMPOSE = b"nginx-1 exited with code 0\n"


def test_lines_of_containers_are_in_order_and_new_ones_follow_once() -> None:
    engine = Containers(LATER + EARLIER, LATER + NEW + BY_COMPOSE)
    first, *others = logs.of_containers(engine, follow=True)
    assert [line.text for line in sorted(first)] == ["earlier", "later \\xff"]
    assert [line.text for [line] in others] == ["new", "nginx-1 exited with code 0"]
    since = engine.asked[1][-1]
    assert since.startswith("2026-11-29T14:04:05")


def test_lines_of_containers_end_where_nobody_follows() -> None:
    engine = Containers(EARLIER)
    assert [len(batch) for batch in logs.of_containers(engine, follow=False)] == [1]


def test_a_reader_that_has_seen_enough_ends_the_log_without_a_complaint() -> None:
    program = (
        "from scripts.doorward_stack import logs;"
        "logs.show([[logs.Line(logs.LONG_AGO, 'x' * 9999)] * 99], raw=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.read(1)
        child.stdout.close()
        assert child.stderr is not None
        assert child.stderr.read() == b""
        assert child.wait() == 0


def test_logs_of_a_stack_that_has_stopped_are_shown_with_a_note(
    layout: Layout, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RAW", raising=False)
    layout.state_file.write_text('{"mode": "local"}')
    write(layout.log / "auth-service.log", json.dumps(AUDIT))
    monkeypatch.setattr(cli, "_local_stack", lambda *_: local_stack(layout))
    assert cli.main(["logs", "--state", str(layout.state)]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{in_words(json.dumps(AUDIT))}\n"
    assert "Doorward is not running" in printed.err


def local_stack(layout: Layout) -> object:
    """Return the stack as it is made in the virtual environment."""
    from scripts.doorward_stack.local import LocalStack

    return LocalStack(layout)
