"""Shows that a long step is still under way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

EVERY_SECONDS = 10.0


@contextmanager
def shown(step: str) -> Iterator[None]:
    """Print every ten seconds for how long a step has run, until the block ends."""
    done = threading.Event()
    reporter = threading.Thread(target=_report, args=(step, done), daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()


def _report(step: str, done: threading.Event) -> None:
    began = time.monotonic()
    while not done.wait(EVERY_SECONDS):
        print(f"  {step}: {time.monotonic() - began:.0f} s so far", flush=True)
