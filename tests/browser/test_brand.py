"""Pages with the widest logo, the longest name and the palest colour that the settings allow."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from browser.accessibility import (
    WIDTHS,
    faint_controls,
    misfits,
    misfits_of_larger_text,
    violations,
)
from running_stack import Stack

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2048 64"><path d="M0 0h2048v64"/></svg>'
PALEST = "#717171,#868686"


@pytest.fixture(scope="module")
def extreme(stack_with: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with such a brand."""
    folder = tmp_path_factory.mktemp("brand")
    # The containers run as other users.
    folder.chmod(0o755)
    (folder / "wide.svg").write_text(SVG)
    (folder / "wide.svg").chmod(0o644)
    return stack_with(
        DOORWARD_SITE_NAME="W" * 40,
        DOORWARD_BRAND_DIR=folder,
        DOORWARD_LOGO_FILE="wide.svg",
        DOORWARD_ACCENT=PALEST,
        DOORWARD_PRIVACY_URL="https://acme.example/privacy",
        DOORWARD_TERMS_URL="https://acme.example/terms",
        DOORWARD_CONTACT="somebody.with.a.long.address@mail.department.acme.example",
    )


@pytest.mark.parametrize(
    "path", ["/login", "/register", "/livez"], ids=["login", "register", "nginx"]
)
def test_pages_with_a_brand_are_accessible_and_fit(
    extreme: Stack, new_browser: Callable[..., BrowserContext], path: str
) -> None:
    page = new_browser(extreme).new_page()
    page.goto(path)
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert violations(page) == [], theme
        assert faint_controls(page) == [], theme
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        assert misfits(page) == [], f"at {width} px"
    assert misfits_of_larger_text(page) == []
