"""Starts one program under the supervisor: `launch.py NAME COMMAND…`.

The supervisor either gives up on a program that keeps dying or restarts it without a pause.
This replaces itself by the program, so that the supervisor sees the program itself, and
- ends what an earlier start left behind: workers keep their master's port when it is killed;
- waits a moment when the last start was a moment ago, so that a program that cannot start does
  not keep a core busy;
- counts the starts, so that `make up` sees a program die that is at once started again.
"""

import os
import signal
import sys
import time
from pathlib import Path

QUICK_SECONDS = 2.0
PAUSE_SECONDS = 1.0


def leftovers(group: int) -> list[int]:
    """Return the processes of an earlier start: of its group, and of our own session."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        same = int(fields[2]) == group and int(fields[3]) == os.getsid(0)
        if same and fields[0] != "Z" and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def end_leftovers(group: int) -> None:
    """Kill them and wait until they are gone, for at most two seconds."""
    deadline = time.monotonic() + 2
    while (pids := leftovers(group)) and time.monotonic() < deadline:
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(0.02)


def main() -> None:
    """Make way, keep the pace, and become the program."""
    name, *command = sys.argv[1:]
    record = Path(os.environ["STACK_STARTS"]) / name
    try:
        count, group, started = record.read_text().split()
    except (OSError, ValueError):
        count, group, started = "0", "0", "-inf"
    quick = time.monotonic() - float(started) < QUICK_SECONDS
    record.write_text(f"{int(count) + 1} {os.getpid()} {time.monotonic()}\n")
    if group not in ("0", str(os.getpid())):
        end_leftovers(int(group))
    if quick:
        time.sleep(PAUSE_SECONDS)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
