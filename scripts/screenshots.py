"""Takes the pictures in the README, of a stack of its own that it starts and stops.

They come out alike every time: the user, the times and the addresses are fixed.
"""

import base64
import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import run_tests
from chromium import LAUNCH
from doorward_stack import ports, progress, system_packages
from doorward_stack.errors import StackError
from doorward_stack.layout import ROOT

IMAGES = ROOT / "docs" / "images"
STACK = [sys.executable, "-B", str(ROOT / "scripts" / "stack.py"), "--mode", "local"]
SETTINGS = {
    "DOORWARD_CREDENTIAL_RATE": "off",
    "DOORWARD_TEST_FAST_HASH": "1",
    "DOORWARD_BCRYPT_ROUNDS": "4",
}
NAME = "mara"
PASSWORD = "nine tin otters juggle pears"  # noqa: S105
# Fixed texts that replace those of this machine, by CSS selector.
DASHBOARD_TEXTS = {
    ".row:first-child dd": ("21 Nov 2026, 21:40 CET, Mobile Safari on iOS",),
    "dd time": ("2 Nov 2026, 18:20 CET", "22 Nov 2026, 21:05 CET"),
}
SESSIONS_TEXTS = {
    "h2": ("Firefox on Ubuntu", "Mobile Safari on iOS"),
    "[id^=about]": ("192.0.2.17 · used just now", "2001:db8::5c1a · used 13 hours ago"),
}
# The first picture of the README: sign-in page and dashboard, as two windows on a table.
WINDOWS = """<!doctype html><style>
body { margin: 0; padding: 32px; display: flex; gap: 24px;
       width: max-content; background: #e4e8ee; }
img { display: block; height: 560px; border: 1px solid #cfd6df; border-radius: 12px; }
</style>"""


@contextmanager
def stack(folder: Path) -> Iterator[str]:
    """Run a stack in a folder of its own for the length of a block; give its URL."""
    port = ports.free_port(None, set())
    environment = run_tests.environment() | SETTINGS | {"DOORWARD_PORT": str(port)}

    def script(action: str) -> None:
        command = [*STACK, "--state", str(folder), action]
        subprocess.run(command, env=environment, cwd=ROOT, check=True)

    try:
        script("up")
        yield f"http://localhost:{port}"
    finally:
        script("down")


@contextmanager
def page_of(browser: Browser, url: str, width: int, height: int, scale: int = 1) -> Iterator[Page]:
    """Open a page in a browser window that has no cookies yet."""
    with browser.new_context(
        base_url=url,
        viewport={"width": width, "height": height},
        device_scale_factor=scale,
        color_scheme="light",
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Europe/Berlin",
    ) as context:
        yield context.new_page()


def enter(page: Page, path: str) -> None:
    """Register or sign in."""
    page.goto(path)
    page.fill("#username", NAME)
    page.fill("#password", PASSWORD)
    page.click("form .primary")
    page.wait_for_url("**/dashboard")


def replace_texts(page: Page, texts: Mapping[str, Sequence[str]]) -> None:
    """Put fixed texts into the elements that each selector finds."""
    for selector, values in texts.items():
        page.locator(selector).evaluate_all(
            "(found, texts) => found.forEach((one, i) => { one.textContent = texts[i]; })", values
        )


def write(name: str, png: bytes) -> None:
    """Write a picture with a palette, which makes the file a third of its size."""
    file = IMAGES / f"{name}.png"
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(file, optimize=True)
    print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB", flush=True)


def take_all(browser: Browser, url: str) -> None:
    """Take and write all pictures."""
    with page_of(browser, url, 480, 560, scale=2) as page:
        page.goto("/login")
        login = page.screenshot()
        # The first session is the other device on the picture of the second.
        enter(page, "/register")
    with page_of(browser, url, 784, 560, scale=2) as page:
        enter(page, "/login")
        replace_texts(page, DASHBOARD_TEXTS)
        dashboard = page.screenshot()
        page.goto("/account/sessions")
        replace_texts(page, SESSIONS_TEXTS)
        write("sessions", page.screenshot(full_page=True))
    with page_of(browser, url, 1400, 700, scale=2) as page:
        images = [base64.b64encode(png).decode() for png in (login, dashboard)]
        tags = [f'<img src="data:image/png;base64,{image}">' for image in images]
        page.set_content(WINDOWS + "".join(tags))
        write("doorward", page.locator("body").screenshot())


def main() -> int:
    """Return 0 if all pictures were taken."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        system_packages.need({"chromium": "chromium"}, "Taking pictures")
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    with (
        progress.shown("Taking pictures"),
        tempfile.TemporaryDirectory(prefix="doorward-pictures-") as folder,
        stack(Path(folder)) as url,
        sync_playwright() as playwright,
        playwright.chromium.launch(**LAUNCH) as browser,
    ):
        take_all(browser, url)
    return 0


if __name__ == "__main__":
    sys.exit(main())
