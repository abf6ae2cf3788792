"""A site with a brand of its own, through the whole stack."""

import re
from collections.abc import Callable

import pytest

from journeys.attack_lists import REFUSED, unusual
from journeys.visitor import Page, Visitor, send_raw
from running_stack import Stack

NewVisitor = Callable[..., Visitor]
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 32">'
    "<style>path{fill:#2563eb}</style><path d='M0 0h96v32H0z'/></svg>"
)
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"
PAGE_POLICY = "default-src 'none'; style-src 'self';"


@pytest.fixture(scope="module")
def acme(stack_with: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with a brand of its own."""
    folder = tmp_path_factory.mktemp("brand")
    # The containers run as other users.
    folder.chmod(0o755)
    (folder / "acme.svg").write_text(SVG)
    (folder / "acme.svg").chmod(0o644)
    return stack_with(
        DOORWARD_SITE_NAME="Acme & Sons <$1>",
        DOORWARD_BRAND_DIR=folder,
        DOORWARD_LOGO_FILE="acme.svg",
        DOORWARD_ACCENT="#2563eb",
        DOORWARD_PRIVACY_URL="https://acme.example/privacy",
        DOORWARD_CONTACT="help@acme.example",
    )


def test_a_page_has_name_logo_colour_and_links_of_the_site(
    acme: Stack, new_visitor: NewVisitor
) -> None:
    visitor = new_visitor(acme)
    answer = visitor.get("/login")
    page = Page(answer)
    assert page.title == "Sign in · Acme & Sons <$1>"
    assert page.links[-2:] == ["mailto:help@acme.example", "https://acme.example/privacy"]
    assert answer.headers["Content-Security-Policy"].startswith(PAGE_POLICY)
    [sheet] = re.findall(r'"(/static/[^"]+\.css)"', answer.text)
    assert "--accent:#2563eb" in visitor.get(sheet).text


@pytest.mark.proves("V3.2.1")
def test_the_logo_can_do_nothing_even_if_it_is_opened_by_its_address(
    acme: Stack, new_visitor: NewVisitor
) -> None:
    visitor = new_visitor(acme)
    [address] = re.findall(r'<img src="([^"]+)"', visitor.get("/login").text)
    for _ in range(2):  # the second answer is from the cache
        answer = visitor.get(address)
        assert (answer.status_code, answer.text) == (200, SVG)
        assert answer.headers["Content-Type"].startswith("image/svg+xml")
        assert answer.headers["Content-Security-Policy"] == SVG_POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "immutable" in answer.headers["Cache-Control"]


def test_a_page_of_nginx_has_the_same_brand(acme: Stack, new_visitor: NewVisitor) -> None:
    status, line, headers = REFUSED[0]
    answer = send_raw(acme.base_url, unusual(line, headers, "/login", "localhost"))
    assert answer is not None
    assert answer.status == status
    text = answer.body.decode()
    assert " · Acme &amp; Sons &lt;$1&gt;</title>" in text
    assert "https://acme.example/privacy" in text
    assert "Doorward" not in text
    visitor = new_visitor(acme)
    logo = visitor.get(re.findall(r'<img src="([^"]+)"', text)[0])
    assert (logo.text, logo.headers["Content-Security-Policy"]) == (SVG, SVG_POLICY)
    assert "--accent:#2563eb" in visitor.get("/nginx-error.css").text


def test_a_logo_with_a_script_is_refused_and_named(
    start_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    folder.chmod(0o755)
    (folder / "logo.svg").write_text(SVG.replace("<path", "<script/><path"))
    with pytest.raises(Exception, match=r"DOORWARD_LOGO_FILE: .* contains <script> in line 1"):
        start_stack(DOORWARD_BRAND_DIR=folder, DOORWARD_LOGO_FILE="logo.svg")
