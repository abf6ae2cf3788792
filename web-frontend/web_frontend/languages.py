"""The languages of the pages. English is the source; the others are gettext catalogues."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from io import BytesIO
from typing import cast

from babel import Locale
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from jinja2 import Environment
from jinja2.ext import InternationalizationExtension
from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from web_frontend.browsers import browser_and_system

SOURCE = "en"
LONGEST_HEADER = 200
"""Characters of an Accept-Language header that are looked at."""

_WITHOUT_VARIABLES = re.compile(r"{% trans %}([^{]*){% endtrans %}")


def marked(text: str) -> str:
    """Mark a text for the catalogues; it is translated when it is shown."""
    return text


class Language:
    """One language: its tag (RFC 5646), its texts, and how it writes lists and dates."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self._locale = Locale.parse(tag)
        self._translations = _read_translations(tag)
        self._months: Mapping[int, str] = self._locale.months["format"]["abbreviated"]

    def gettext(self, text: str) -> str:
        """Return the translation of a text."""
        return self._translations.gettext(text)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """Return the translation of a text that depends on a number."""
        return self._translations.ngettext(singular, plural, number)

    def list_of(self, items: Sequence[str]) -> str:
        """Return items in one phrase, such as "a, b, and c"."""
        return format_list(list(items), locale=self._locale)

    def duration(self, seconds: int) -> str:
        """Return a time span in the largest unit that fits it exactly, such as "30 minutes"."""
        if seconds % 3600 == 0:
            text = self.ngettext("%(count)s hour", "%(count)s hours", seconds // 3600)
            return text % {"count": seconds // 3600}
        if seconds % 60 == 0:
            text = self.ngettext("%(count)s minute", "%(count)s minutes", seconds // 60)
            return text % {"count": seconds // 60}
        return self.ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}

    def utc_time(self, seconds: float) -> str:
        """Return a time for people, such as "22 Nov 2026, 09:05 UTC"."""
        when = datetime.fromtimestamp(seconds, UTC)
        return self.gettext("%(day)d %(month)s %(year)d, %(hour)02d:%(minute)02d UTC") % {
            "day": when.day,
            "month": self._months[when.month],
            "year": when.year,
            "hour": when.hour,
            "minute": when.minute,
        }

    def browser(self, user_agent: str) -> str:
        """Return the browser and the system in a User-Agent, such as "Firefox on Linux"."""
        browser, system = browser_and_system(user_agent)
        name = browser or self.gettext("Unknown browser")
        if not system:
            return name
        return self.gettext("%(browser)s on %(system)s") % {"browser": name, "system": system}

    def templates(self, source: Environment, idle_seconds: int) -> Environment:
        """Return an environment for the same templates, in this language."""
        translated = source.overlay(extensions=[_TranslatedTemplates])
        translated.filters = {
            **source.filters,
            "browser": self.browser,
            "duration": self.duration,
            "utc_time": self.utc_time,
        }
        translated.globals = {
            **source.globals,
            "_": self.gettext,
            "gettext": self.gettext,
            "ngettext": self.ngettext,
            "language": self.tag,
            "idle_time": self.duration(idle_seconds),
        }
        return translated


class _TranslatedTemplates(InternationalizationExtension):
    """Translates texts without variables once, when a template is loaded.

    Looking each of them up at every view would take 2 µs, for thirty a quarter of the dashboard's
    time.
    """

    def preprocess(
        self,
        source: str,
        name: str | None,  # noqa: ARG002 - Jinja passes it
        filename: str | None = None,  # noqa: ARG002
    ) -> str:
        """Replace the texts in a template."""
        gettext = cast("Callable[[str], str]", self.environment.globals["gettext"])
        return _WITHOUT_VARIABLES.sub(lambda found: gettext(found[1]), source)


class Languages:
    """The languages that a site offers; the first one is for visitors who read none of them."""

    def __init__(self, tags: Sequence[str]) -> None:
        self.offered = [Language(tag) for tag in tags]
        self._by_tag = {language.tag: language for language in self.offered}
        self.choose = lru_cache(maxsize=256)(self._choose)

    def _choose(self, header: str) -> Language:
        """Return the language that fits an Accept-Language header best (RFC 9110, 12.5.4)."""
        accepted = parse_accept_header(header[:LONGEST_HEADER], LanguageAccept)
        tag = accepted.best_match(list(self._by_tag))
        return self._by_tag[tag] if tag else self.offered[0]


def _read_translations(tag: str) -> NullTranslations:
    if tag == SOURCE:
        return NullTranslations()
    file = resources.files(__package__).joinpath("translations", f"{tag}.po")
    catalogue = read_po(BytesIO(file.read_bytes()), locale=tag)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)
