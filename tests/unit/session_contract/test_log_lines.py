"""Log lines: JSON whatever is in them, and nobody waits for who reads them."""

import json
import logging
import logging.config
import os
import re
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from gunicorn.glogging import CONFIG_DEFAULTS
from hypothesis import given
from hypothesis import strategies as st

from session_contract import log_lines
from session_contract.log_lines import LONGEST_LINE, JsonLine, LineHandler, configuration

REQUEST = {"request_id": "0123456789abcdef", "client_address": "192.0.2.1"}


def record(message: str = "hello", *arguments: object, **more: Any) -> logging.LogRecord:
    fields = {"name": "some.module", "levelname": "INFO", "msg": message, "args": arguments}
    return logging.makeLogRecord(fields | more)


def line(message: str = "hello", *arguments: object, **more: Any) -> dict[str, Any]:
    formatted = JsonLine("auth-service", lambda: REQUEST).format(
        record(message, *arguments, **more)
    )
    fields: dict[str, Any] = json.loads(formatted)
    return fields


def failure(text: str) -> Any:
    try:
        raise ValueError(text)
    except ValueError as error:
        return (type(error), error, error.__traceback__)


@pytest.mark.proves("V16.2.1", "V16.2.4")
def test_a_line_says_when_where_who_and_what() -> None:
    assert line("%s of %d", "one", 2, created=1_800_000_000.0456) == {
        "time": "2027-01-15T08:00:00.045Z",
        "level": "INFO",
        "service": "auth-service",
        "logger": "some.module",
        "message": "one of 2",
        **REQUEST,
    }


@pytest.mark.proves("V16.2.2")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
def test_times_are_utc_wherever_the_machine_is(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", zone)
        time.tzset()
        written = line(created=1_800_000_000.999_9)["time"]
    time.tzset()
    assert written == "2027-01-15T08:00:00.999Z"


@pytest.mark.proves("V16.4.1")
@given(st.text())
def test_whatever_a_message_holds_it_stays_one_line_of_printable_ascii(text: str) -> None:
    formatted = JsonLine("x", lambda: {"client_address": text}).format(record("%s", text))
    assert re.fullmatch(r"[ -~]+", formatted)
    fields = json.loads(formatted)
    if len(formatted) < LONGEST_LINE // 2:
        assert (fields["message"], fields["client_address"]) == (text, text)
    assert fields["level"] == "INFO"


@pytest.mark.proves("V16.4.1")
@pytest.mark.parametrize(
    "text",
    [
        'x\n{"event": "authn_login_success"}',
        "x\r\n",
        '", "level": "DEBUG", "x": "',
        "\x1b[2J\x07",
        "line\u2028separator\u2029\x85\x0b\x0c",
        "\ud800",
    ],
)
def test_nobody_can_write_a_second_line_or_another_field(text: str) -> None:
    formatted = JsonLine("x", dict).format(record("%s", text))
    assert formatted.splitlines() == [formatted]
    assert json.loads(formatted)["message"] == text
    assert json.loads(formatted)["level"] == "INFO"


def test_an_exception_is_a_field() -> None:
    fields = line(exc_info=failure("the cause"))
    assert fields["exception"].startswith("Traceback (most recent call last)")
    assert fields["exception"].endswith("ValueError: the cause")


@pytest.mark.parametrize("length", [LONGEST_LINE, 10 * LONGEST_LINE, 1_000_000])
@pytest.mark.parametrize("character", ["x", "é", "\U0001f9a6"])
def test_a_long_line_keeps_its_beginning_and_its_end_and_fits_into_one_write(
    length: int, character: str
) -> None:
    formatted = JsonLine("x", lambda: REQUEST).format(
        record("a message", exc_info=failure(f"begins {character * length} ends"))
    )
    assert len(formatted) < LONGEST_LINE <= select.PIPE_BUF
    fields = json.loads(formatted)
    assert fields["message"] == "a message"
    assert fields["exception"].startswith("Traceback")
    assert fields["exception"].endswith("ends")


class Reader:
    """The other end of a handler's pipe."""

    def __init__(self) -> None:
        self.end, self.writing_end = os.pipe()
        self.handler = LineHandler("auth-service", dict, self.writing_end)

    def say(self, message: str) -> None:
        self.handler.handle(record(message))

    def messages(self, count: int) -> list[str]:
        """Read so many lines; waits for them."""
        with os.fdopen(os.dup(self.end)) as lines:
            return [json.loads(next(lines))["message"] for _ in range(count)]


@pytest.fixture
def reader() -> Iterator[Reader]:
    made = Reader()
    yield made
    os.close(made.end)
    # Its thread may wait for a line or in a write, which fails now.


def test_lines_come_out_in_order(reader: Reader) -> None:
    for number in range(100):
        reader.say(f"{number}")
    assert reader.messages(100) == [f"{number}" for number in range(100)]


def test_the_thread_that_writes_starts_with_a_line_and_keeps_no_process_alive(
    reader: Reader,
) -> None:
    before = set(threading.enumerate())
    reader.say("hello")
    [writer] = set(threading.enumerate()) - before
    assert (writer.name, writer.daemon) == ("log", True)


@contextmanager
def logging_left_alone() -> Iterator[None]:
    """Put the loggers back as they were."""
    loggers = [logging.getLogger(name) for name in ("", "gunicorn.error", "gunicorn.access")]
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    try:
        yield
    finally:
        for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(level)


def test_under_gunicorn_every_line_of_any_program_goes_through_the_one_handler() -> None:
    made = configuration("auth-service", lambda: REQUEST)
    everybodys, gunicorns = logging.getLogger(), logging.getLogger("gunicorn.error")
    with logging_left_alone():
        gunicorns.propagate = False  # as gunicorn itself begins
        logging.config.dictConfig({**CONFIG_DEFAULTS, **made})
        [handler] = everybodys.handlers
        assert isinstance(handler, LineHandler)
        assert (gunicorns.handlers, gunicorns.propagate) == ([], True)
        assert everybodys.level == gunicorns.level == logging.INFO
    fields = json.loads(handler.format(record()))
    assert (fields["service"], fields["message"]) == ("auth-service", "hello")
    assert REQUEST.items() <= fields.items()
    assert made["formatters"] == {}, "none of gunicorn's own"


@pytest.mark.proves("V16.5.2")
def test_nobody_waits_when_nobody_reads_and_what_was_lost_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_lines, "QUEUED_LINES", 10)
    small = Reader()
    said = 2_000
    for number in range(said):
        small.say(f"{number:0400}")  # the pipe holds 64 KB of it, the queue ten lines
    told: int | None = None
    arrived = 0
    with os.fdopen(small.end) as lines:
        while told is None or arrived + told < said:
            fields = json.loads(next(lines))
            match = re.fullmatch(
                r"(\d+) lines were lost here: the log was not read", fields["message"]
            )
            if match:
                assert (fields["level"], fields["logger"]) == (
                    "ERROR",
                    "session_contract.log_lines",
                )
                told = (told or 0) + int(match[1])
            else:
                arrived += 1
        small.say("and on it goes")
        assert json.loads(next(lines))["message"] == "and on it goes"
    assert told is not None
    assert arrived + told == said
    assert told > said / 2


def test_who_waits_at_the_exit_waits_for_a_moment_only(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "FLUSH_SECONDS", 0.01)
    for _ in range(500):
        reader.say("x" * 400)
    reader.handler.flush()
    assert reader.messages(500)


def test_everything_is_on_stdout_when_the_process_ends(capfd: pytest.CaptureFixture[str]) -> None:
    handler = LineHandler("x", dict)
    for number in range(2_000):
        handler.handle(record(f"{number}"))
    handler.flush()
    out, err = capfd.readouterr()
    assert (len(out.splitlines()), err) == (2_000, "")


@pytest.mark.proves("V16.5.2")
def test_a_reader_that_has_gone_and_a_full_disk_harm_nobody(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123 - a device
        handler = LineHandler("x", dict, full.fileno())
        for _ in range(100):
            handler.handle(record())
        handler.flush()
        with (tmp_path / "log").open("w") as file:
            os.dup2(file.fileno(), full.fileno())
            handler.handle(record("back again"))
            handler.flush()
    lines = (tmp_path / "log").read_text().splitlines()
    back, loss = (json.loads(text)["message"] for text in lines)
    assert (back, loss) == ("back again", "100 lines were lost here: the log was not read")


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # what is tested is just that
def test_a_forked_process_has_a_queue_and_a_writer_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("w") as file:
        handler = LineHandler("x", dict, file.fileno())
        handler.handle(record("parent"))
        handler.flush()
        handler._queue.mutex.acquire()  # as the parent's writer may hold it at that moment
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # or a child that waits for the parent's lock would never end
            handler.handle(record("child"))
            handler.flush()
            os._exit(0)
        handler._queue.mutex.release()
        assert os.waitpid(child, 0)[1] == 0
    messages = [json.loads(text)["message"] for text in log.read_text().splitlines()]
    assert messages == ["parent", "child"]


def test_a_line_that_cannot_be_made_breaks_nothing(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    reader.handler.handle(record("%d", "not a number"))
    reader.say("next")
    assert reader.messages(1) == ["next"]
