"""`make translations`: brings the catalogues up to date with the texts of the pages.

`make translations NEW=fr` begins a catalogue for another language.
"""

import os
import sys
from io import BytesIO
from pathlib import Path

from babel.core import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "web-frontend" / "web_frontend"
CATALOGUES = PACKAGE / "translations"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2.ext:babel_extract")]
NOT_KEPT = tuple(
    f'"{name}:'
    for name in (
        "Project-Id-Version",
        "Report-Msgid-Bugs-To",
        "POT-Creation-Date",
        "PO-Revision-Date",
        "Last-Translator",
        "Language-Team",
        "Generated-By",
    )
)
"""Header fields that would change with every run, or say nothing."""
KEYWORDS = {"gettext": None, "ngettext": (1, 2), "_": None, "marked": None}


def texts_of_pages() -> Catalog:
    """Return all texts of the pages, without translations."""
    catalogue = Catalog(charset="utf-8", fuzzy=False)
    found = extract_from_dir(str(PACKAGE), METHODS, keywords=KEYWORDS)
    for _file, _line, text, _comments, context in found:
        catalogue.add(text, context=context)
    return catalogue


def read_catalogue(file: Path) -> Catalog:
    """Return the catalogue in a file, or an empty one if there is none yet."""
    if not file.exists():
        return Catalog(locale=file.stem, fuzzy=False)
    return read_po(BytesIO(file.read_bytes()), locale=file.stem)


def write_catalogue(file: Path, catalogue: Catalog) -> None:
    """Write a catalogue, sorted, so that changes show as few lines."""
    catalogue.header_comment = "# The texts of the pages; see CONTRIBUTING.md."
    written = BytesIO()
    write_po(
        written, catalogue, width=100, no_location=True, sort_output=True, ignore_obsolete=True
    )
    lines = written.getvalue().decode().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith(NOT_KEPT)), "utf-8")


def main() -> int:
    """Update every catalogue; name those that are not complete."""
    wanted = {file.stem for file in CATALOGUES.glob("*.po")}
    new = os.environ.get("NEW", "")
    if new:
        try:
            wanted.add(str(Locale.parse(new)))
        except (ValueError, UnknownLocaleError):
            print(f"{new!r} is no language: use a code such as fr", file=sys.stderr)
            return 2
    texts = texts_of_pages()
    for tag in sorted(wanted):
        file = CATALOGUES / f"{tag}.po"
        catalogue = read_catalogue(file)
        catalogue.update(texts, no_fuzzy_matching=True)
        write_catalogue(file, catalogue)
        missing = [message for message in catalogue if message.id and not message.string]
        print(f"{file.relative_to(ROOT)}: {len(catalogue)} texts, {len(missing)} not translated")
    return 0


if __name__ == "__main__":
    sys.exit(main())
