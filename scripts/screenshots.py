"""Takes the pictures in the README, of a stack of its own that it starts and stops.

They come out alike every time: the user, the times and the font are fixed.
"""

import base64
import io
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, StorageState, sync_playwright

from chromium import LAUNCH
from doorward_stack import ports, system_packages
from doorward_stack.errors import StackError
from doorward_stack.layout import ROOT

IMAGES = ROOT / "docs" / "images"
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
SIZES = ((1280, 800), (375, 740))
NAME, PASSWORD = "mara", "nine tin otters juggle pears"
BROWSERS = ("Firefox on Ubuntu", "Mobile Safari on iOS")
ADDRESSES = ("192.0.2.17", "2001:db8::5c1a")
SESSION_TIMES = (
    *("22 Nov 2026, 09:05 CET", "22 Nov 2026, 09:05 CET"),
    *("21 Nov 2026, 21:40 CET", "22 Nov 2026, 08:12 CET"),
)
TIMES = ("22 Nov 2026, 09:05 CET", "22 Nov 2026, 09:35 CET", "22 Nov 2026, 21:05 CET")
SETTINGS = {
    "DOORWARD_CREDENTIAL_RATE": "off",
    "DOORWARD_TEST_FAST_HASH": "1",
    "DOORWARD_BCRYPT_ROUNDS": "4",
}
# Chromium on Debian comes with this font; the system's own differs from machine to machine.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <match>
    <test qual="all" name="family" compare="not_eq"><string>monospace</string></test>
    <test qual="all" name="family" compare="not_eq"><string>ui-monospace</string></test>
    <edit name="family" mode="prepend_first" binding="strong"><string>Liberation
    Sans</string></edit>
  </match>
  <include ignore_missing="yes">/etc/fonts/fonts.conf</include>
</fontconfig>
"""
# What the README opens with: the sign-in page beside the dashboard, as two windows on a table.
COMPOSITION = """<!doctype html><style>
body {{ margin: 0; padding: 32px; display: flex; gap: 24px; width: max-content; background: {table};
}} img {{ display: block; height: {height}px; border: 1px solid {line}; border-radius: 12px; }}
</style>{images}"""
WINDOWS = (("login", 480), ("dashboard", 784))
WINDOW_HEIGHT = 560
TABLES = {"light": ("#e4e8ee", "#cfd6df"), "dark": ("#080b0f", "#2d3845")}


@dataclass(frozen=True)
class Picture:
    """A page, and what is done there before it is taken."""

    name: str
    path: str
    prepare: Callable[[Page], None]
    signed_in: bool = False


class Camera:
    """Takes pictures of a stack and writes them small."""

    def __init__(self, browser: Browser, base_url: str) -> None:
        self._browser = browser
        self._base_url = base_url
        # The first session is the other device of the second.
        self._enter("/register")
        self._signed_in = self._enter("/login")

    def _enter(self, path: str) -> StorageState:
        with self._browser.new_context(base_url=self._base_url) as context:
            page = context.new_page()
            page.goto(path)
            _fill_in(page)
            page.click("form .primary")
            page.wait_for_url("**/dashboard")
            return context.storage_state()

    def take(
        self, picture: Picture, theme: Theme, width: int, height: int, scale: int = 1
    ) -> bytes:
        """Return a picture as PNG."""
        with self._browser.new_context(
            base_url=self._base_url,
            storage_state=self._signed_in if picture.signed_in else None,
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme=theme,
            reduced_motion="reduce",
            locale="en-GB",
            timezone_id="Europe/Berlin",
        ) as context:
            page = context.new_page()
            page.goto(picture.path)
            picture.prepare(page)
            return page.screenshot()

    def compose(self, theme: Theme) -> bytes:
        """Return the README's first picture."""
        table, line = TABLES[theme]
        taken = (
            self.take(PICTURES[name], theme, width, WINDOW_HEIGHT, 2) for name, width in WINDOWS
        )
        images = "".join(f'<img src="data:image/png;base64,{_text(png)}">' for png in taken)
        with self._browser.new_context(device_scale_factor=2) as context:
            page = context.new_page()
            page.set_content(
                COMPOSITION.format(table=table, line=line, height=WINDOW_HEIGHT, images=images)
            )
            return page.locator("body").screenshot()

    def write(self, name: str, png: bytes) -> None:
        """Write a picture, and say so."""
        file = IMAGES / f"{name}.png"
        # A palette makes the file a third of its size.
        Image.open(io.BytesIO(png)).convert("RGB").quantize(256).save(file, optimize=True)
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1000:.0f} kB", flush=True)


def _as_it_is(_: Page) -> None:
    """Some pages need nothing."""


def _fill_in(page: Page) -> None:
    page.fill("#username", NAME)
    page.fill("#password", PASSWORD)


def _fail(page: Page) -> None:
    page.fill("#username", NAME)
    page.fill("#password", "not the password")
    page.click("form .primary")
    page.wait_for_selector(".summary:focus")


def _set_the_times(page: Page) -> None:
    _set(page, "dd time", TIMES)


def _set_the_sessions(page: Page) -> None:
    _set(page, "h2", BROWSERS)
    _set(page, "dd[id]:not(:has(time))", ADDRESSES)
    _set(page, "dd time", SESSION_TIMES)


def _set(page: Page, selector: str, texts: Sequence[str]) -> None:
    page.locator(selector).evaluate_all(
        "(found, texts) => found.forEach((one, i) => { one.textContent = texts[i]; })", texts
    )


PICTURES = {
    picture.name: picture
    for picture in (
        Picture("register", "/register", _fill_in),
        Picture("login", "/login", _as_it_is),
        Picture("error", "/login", _fail),
        Picture("dashboard", "/dashboard", _set_the_times, signed_in=True),
        Picture("sessions", "/account/sessions", _set_the_sessions, signed_in=True),
        Picture("password", "/account/password", _as_it_is, signed_in=True),
        Picture("delete", "/account/delete", _as_it_is, signed_in=True),
    )
}


def _text(png: bytes) -> str:
    return base64.b64encode(png).decode()


@contextmanager
def stack(folder: Path) -> Iterator[str]:
    """Run a stack in a folder of its own for the length of a block; give its URL."""
    port = ports.free_port(None, set())
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")
    }
    environment |= {**SETTINGS, "DOORWARD_PORT": str(port)}

    def script(action: str) -> None:
        command = [sys.executable, "-B", str(ROOT / "scripts" / "stack.py"), "--mode", "local"]
        done = subprocess.run(
            [*command, "--state", str(folder), action],
            env=environment,
            cwd=ROOT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode != 0:
            raise StackError(done.stdout.rstrip())

    try:
        script("up")
        yield f"http://localhost:{port}"
    finally:
        script("down")


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Run Chromium with the one font."""
    fonts = folder / "fonts.conf"
    fonts.write_text(FONTS, "utf-8")
    arguments = [*LAUNCH["args"], "--font-render-hinting=none", "--disable-lcd-text"]
    options = {**LAUNCH, "args": arguments, "env": {**os.environ, "FONTCONFIG_FILE": str(fonts)}}
    with sync_playwright() as playwright, playwright.chromium.launch(**options) as browser:
        yield browser


def main() -> int:
    """Take and write all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    try:
        system_packages.need({"chromium": "chromium"}, "Taking pictures")
        with (
            tempfile.TemporaryDirectory(prefix="doorward-pictures-") as name,
            stack(Path(name) / "stack") as url,
            chromium(Path(name)) as browser,
        ):
            camera = Camera(browser, url)
            for theme in THEMES:
                camera.write(
                    "doorward" if theme == "light" else f"doorward-{theme}", camera.compose(theme)
                )
                for picture in PICTURES.values():
                    for width, height in SIZES:
                        png = camera.take(picture, theme, width, height)
                        camera.write(f"{picture.name}-{theme}-{width}", png)
    except StackError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
