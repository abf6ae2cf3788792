"""Languages: which one a visitor gets, and that every text has a translation."""

import re
import sys
from pathlib import Path

import pytest

from doorward_settings.fields import LANGUAGES
from session_contract.startup import StartupError
from tests.unit.web_frontend.account_pages import live
from tests.unit.web_frontend.conftest import NOW, MakeSite, Site
from web_frontend.languages import Language, Languages

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "scripts"))

import translations  # noqa: E402 - a script, which the line above makes importable

OTHERS = [tag for tag in LANGUAGES if tag != "en"]
each_language = pytest.mark.parametrize("tag", OTHERS)


@each_language
def test_every_text_of_the_pages_has_a_translation(tag: str) -> None:
    catalogue = translations.read_catalogue(translations.CATALOGUES / f"{tag}.po")
    found = {message.id: message for message in catalogue if message.id}
    texts = [message.id for message in translations.texts_of_pages() if message.id]
    missing = [text for text in texts if text not in found or not all(_forms(found[text].string))]
    assert not missing, "run `make translations`, then translate these"
    assert set(found) == set(texts), "run `make translations`"


@each_language
def test_a_translation_has_the_places_and_the_markup_of_its_text(tag: str) -> None:
    parts = re.compile(r"%\(\w+\)\d*[ds]|</?[a-z]+[^>]*>")
    catalogue = translations.read_catalogue(translations.CATALOGUES / f"{tag}.po")
    for message in catalogue:
        texts = _forms(message.id)
        for translation in _forms(message.string) if message.id else ():
            assert sorted(parts.findall(translation)) == sorted(parts.findall(texts[-1])), (
                message.id
            )


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("fr, ja;q=0.5", "ja"),
        ("ja-JP", "ja"),
        ("fr", "en"),
        ("", "en"),
        ("de;q=0, en", "en"),
        ("*", "en"),
        ("\xff;q=x,,;;" + "x" * 9000, "en"),
    ],
)
def test_a_visitor_gets_the_language_that_the_browser_asks_for(
    site: Site, header: str, tag: str
) -> None:
    answer = site.browser().get("/login", {"Accept-Language": header})
    assert f'<html lang="{tag}"' in answer.text


def test_the_operator_limits_the_languages_and_names_the_usual_one(make_site: MakeSite) -> None:
    site = make_site(languages="ja, de")
    for header, tag in {"en": "ja", "de-CH": "de", "": "ja"}.items():
        assert (
            f'<html lang="{tag}"' in site.browser().get("/login", {"Accept-Language": header}).text
        )


def test_a_language_without_a_catalogue_is_refused_at_start(make_site: MakeSite) -> None:
    with pytest.raises(StartupError, match=r"'fr' is not one of en, de, ja"):
        make_site(languages="en,fr")


def test_no_page_has_a_text_that_is_not_translated(
    make_site: MakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text is given brackets instead of a translation; what stands outside was forgotten."""
    monkeypatch.setattr(Language, "gettext", lambda _self, text: f"[{text}]")
    monkeypatch.setattr(Language, "ngettext", lambda _self, _one, many, _number: f"[{many}]")
    site = make_site()
    site.app.extensions["web_frontend"].templates["en"].bytecode_cache = None
    site.auth.answers["sessions"] = [live(1, current=True), live(2)]
    pages = ["/dashboard", "/account", "/account/sessions", "/account/password", "/account/name"]
    pages += ["/account/delete", "/logout", "/nowhere"]
    answers = [site.signed_in().get(page) for page in pages]
    answers += [site.browser().get(page) for page in ("/login", "/register", "/nowhere")]
    for answer in answers:
        outside = answer.words
        for _ in range(3):  # a text may stand inside another one
            outside = re.sub(r"\[[^\[\]]*\]", "", outside)
        outside = re.sub(r"Doorward|Alice|Chrome on Linux|\b[0-9a-f]{32}\b|UTC", "", outside)
        assert not re.findall(r"[A-Za-z]{3,}", outside), outside


def test_dates_are_written_as_the_language_writes_them() -> None:
    assert Language("en").utc_time(NOW) == "15 Jan 2027, 08:00 UTC"
    assert Language("de").utc_time(NOW) == "15. Jan. 2027, 08:00 UTC"
    assert Language("ja").utc_time(NOW) == "2027年1月15日 08:00 UTC"


def test_the_first_language_offered_is_the_usual_one() -> None:
    assert Languages(["de", "en"]).choose("").tag == "de"


def _forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)
