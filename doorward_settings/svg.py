"""Decides which SVG images can be shown as a logo.

Only elements that draw are allowed. Nothing may run, and nothing may lead out of the file. The
parser reads no document type, so there are no entities and no external files (OWASP ASVS 1.5.1).
"""

import math
import re
from xml.parsers import expat

SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_XML = "http://www.w3.org/XML/1998/namespace"

_ELEMENTS = frozenset([
    "circle", "clipPath", "defs", "desc", "ellipse", "feBlend", "feColorMatrix",
    "feComponentTransfer", "feComposite", "feDropShadow", "feFlood", "feFuncA", "feFuncB",
    "feFuncG", "feFuncR", "feGaussianBlur", "feMerge", "feMergeNode", "feMorphology", "feOffset",
    "filter", "g", "line", "linearGradient", "marker", "mask", "metadata", "path", "pattern",
    "polygon", "polyline", "radialGradient", "rect", "stop", "style", "svg", "switch", "symbol",
    "text", "textPath", "title", "tspan", "use",
])  # fmt: skip
_HOW_TO_SAVE = "Save the image as plain or optimised SVG, or use a PNG"
_REFERENCE_WITHIN = re.compile(r"""url\(\s*(["']?)#[\w.:-]+\1\s*\)""", re.IGNORECASE)
# Backslashes could hide the name of a function.
_REFERENCE = re.compile(r"\\|\b(?:url|src|image|image-set)\(", re.IGNORECASE)
_FOREIGN_RULE = re.compile(r"@(?!media\b)", re.IGNORECASE)


class SvgRefused(Exception):
    """The image cannot be a logo; the problems are sentences whose subject is the file."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def svg_size(content: bytes) -> tuple[float, float]:
    """Return width and height of the image's view box. Raises SvgRefused with every problem."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise SvgRefused(["is not UTF-8 text. Save it as UTF-8, or use a PNG"]) from None
    image = _Image()
    image.read(content)
    if image.problems:
        raise SvgRefused(image.problems)
    return image.size


class _Image:
    """What is found while the parser goes through an image."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.size = (0.0, 0.0)
        self._is_root = True
        self._refused: set[str] = set()
        self._style: list[str] | None = None
        # The given encoding overrides one that the file declares.
        self._parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.ProcessingInstructionHandler = self._refuse_instruction
        self._parser.StartElementHandler = self._start
        self._parser.CharacterDataHandler = self._text
        self._parser.EndElementHandler = self._end

    def read(self, content: bytes) -> None:
        """Go through the image. Raises SvgRefused if it cannot be read to its end."""
        try:
            self._parser.Parse(content, True)
        except expat.ExpatError as error:
            reason = expat.ErrorString(error.code)
            raise SvgRefused(
                [f"is not well-formed XML in line {error.lineno} ({reason}). {_HOW_TO_SAVE}"]
            ) from None

    def _refuse(self, what: str) -> None:
        if what in self._refused:
            return
        self._refused.add(what)
        line = self._parser.CurrentLineNumber
        self.problems.append(
            f"contains {what} in line {line}, which a logo may not. {_HOW_TO_SAVE}"
        )

    def _refuse_doctype(self, *_declaration: object) -> None:
        # Reading ends here, before any entity is declared.
        self._refuse("<!DOCTYPE>")
        raise SvgRefused(self.problems)

    def _refuse_instruction(self, target: str, _text: str) -> None:
        self._refuse(f"<?{target}?>")

    def _start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, name = _split(qualified)
        if self._is_root:
            self._is_root = False
            self._check_root(namespace, name, attributes)
        if namespace != SVG or name not in _ELEMENTS or self._style is not None:
            self._refuse(f"<{name}>")
        elif name == "style":
            self._style = []
        for attribute, value in attributes.items():
            self._check_attribute(*_split(attribute), value)

    def _check_root(self, namespace: str, name: str, attributes: dict[str, str]) -> None:
        if (namespace, name) != (SVG, "svg"):
            raise SvgRefused([f'does not begin with <svg xmlns="{SVG}">. {_HOW_TO_SAVE}'])
        size = _size(attributes.get("viewBox", ""))
        if size:
            self.size = size
        else:
            self.problems.append(
                "has no usable viewBox, and browsers cannot scale it without one. Add "
                'viewBox="0 0 WIDTH HEIGHT" to its <svg>'
            )

    def _check_attribute(self, namespace: str, name: str, value: str) -> None:
        is_link = name == "href" and namespace in ("", _XLINK)
        if namespace not in ("", _XLINK, _XML) or name.lower().startswith("on") or name == "base":
            self._refuse(f"the attribute {name}")
        elif is_link and not value.startswith("#"):
            self._refuse("a link to something outside of it")
        elif _REFERENCE.search(_REFERENCE_WITHIN.sub("", value)):
            self._refuse(f"a reference in the attribute {name}")

    def _text(self, text: str) -> None:
        if self._style is not None:
            self._style.append(text)

    def _end(self, qualified: str) -> None:
        if self._style is None or _split(qualified) != (SVG, "style"):
            return
        style = _REFERENCE_WITHIN.sub("", "".join(self._style))
        self._style = None
        if _REFERENCE.search(style) or _FOREIGN_RULE.search(style):
            self._refuse("a <style> with a reference or a rule other than @media")


def _split(qualified: str) -> tuple[str, str]:
    """Return namespace and name of an element or attribute."""
    namespace, _, name = qualified.rpartition(" ")
    return namespace, name


def _size(view_box: str) -> tuple[float, float] | None:
    try:
        _, _, width, height = map(float, re.split(r"[\s,]+", view_box.strip()))
    except ValueError:
        return None
    is_usable = math.isfinite(width) and math.isfinite(height) and min(width, height) > 0
    return (width, height) if is_usable else None
