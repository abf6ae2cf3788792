"""What runs beside nginx and notices what nginx must read anew, with a stand-in for the renderer."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from running_stack import ROOT, eventually

INTERVAL = "SECONDS_BETWEEN=2"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`watch` looking ten times a second, beside a renderer that only counts and refuses."""
    text = (ROOT / "nginx" / "watch").read_text("utf-8")
    assert INTERVAL in text
    (tmp_path / "watch").write_text(text.replace(INTERVAL, "SECONDS_BETWEEN=0.1"), "utf-8")
    (tmp_path / "render").write_text(
        f"#!/bin/sh\necho once >> {tmp_path}/rendered\nexit 78\n", "utf-8"
    )
    for name in ("watch", "render"):
        (tmp_path / name).chmod(0o755)
    for name in ("rendered", "nginx.pid", "fullchain.pem"):
        (tmp_path / name).touch()
    return tmp_path


def test_two_changes_within_one_second_are_both_noticed(folder: Path) -> None:
    # A key that is written over in its place keeps inode and size; only the time of change tells.
    key, rendered = folder / "privkey.pem", folder / "rendered"
    key.write_text("first!")
    bash = shutil.which("bash")
    assert bash
    watch = subprocess.Popen(
        [bash, str(folder / "watch")],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={
            "PATH": "/usr/bin:/bin",
            "DOORWARD_NGINX_DIR": str(folder),
            "DOORWARD_TLS_DIR": str(folder),
        },
    )

    def noticed() -> int:
        return len(rendered.read_text().splitlines())

    def is_noticed(so_far: int) -> None:
        eventually(lambda: noticed() > so_far, "a change is not noticed", seconds=10)

    def is_awake() -> bool:
        # What is changed before the first look is no change.
        key.write_text("first!")
        time.sleep(0.5)
        return noticed() > 0

    together = 0
    try:
        eventually(is_awake, "the watch does not begin")
        for _ in range(20):
            time.sleep(1 - time.time() % 1)
            before = noticed()
            key.write_text("second")
            is_noticed(before)
            second = int(key.stat().st_ctime)
            key.write_text("third!")
            is_noticed(before + 1)
            together += int(key.stat().st_ctime) == second
            if together == 3:
                break
    finally:
        watch.communicate(timeout=10)
    assert together, "this machine was never quick enough to change a file twice within a second"
