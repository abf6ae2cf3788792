"""The logo: an image that can neither run nor load anything, or a problem in words."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_settings.logo import Logo
from doorward_settings.web_frontend import Settings
from session_contract.startup import StartupError

ReadSettings = Callable[..., Settings]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 32">{}</svg>'
XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


def png(width: int = 64, height: int = 32, chunk: bytes = b"IHDR") -> bytes:
    """Return the beginning of a PNG, which is all that is looked at."""
    header = struct.pack(">I4sIIBBBBB", 13, chunk, width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + header + b"\0" * 20


class Brand:
    """A folder with a logo, and the settings that name it."""

    def __init__(self, read: ReadSettings, folder: Path) -> None:
        self.read = read
        self.file = folder / "logo"

    def logo(self, content: bytes | str) -> Logo:
        """Read this logo."""
        self.file.write_bytes(content if isinstance(content, bytes) else content.encode())
        logo = self.read(brand_dir=str(self.file.parent), logo_file="logo").logo
        assert logo
        return logo

    def problems(self, content: bytes | str) -> list[str]:
        """Return what is wrong with this logo."""
        with pytest.raises(StartupError) as caught:
            self.logo(content)
        beginning = f"DOORWARD_LOGO_FILE: {self.file} "
        assert all(each.startswith(beginning) for each in caught.value.problems)
        return [each.removeprefix(beginning) for each in caught.value.problems]


@pytest.fixture
def brand(read: ReadSettings, tmp_path: Path) -> Brand:
    """A folder with a logo."""
    return Brand(read, tmp_path)


GOOD = {
    "a path": '<path fill="#12805c" d="M3 22V11a9 9 0 0 1 18 0Z"/>',
    "a title": "<title>Acme &amp; Sons, see image (1)</title>",
    "a gradient": '<linearGradient id="a"><stop stop-color="red"/></linearGradient>'
    '<rect fill="url(#a)"/><rect style="fill:url(\'#a\')"/>',
    "a use": f'<defs><path id="p"/></defs><use href="#p"/><use {XLINK} xlink:href="#p"/>',
    "colours for dark mode": "<style>path{fill:#000}"
    "@media (prefers-color-scheme:dark){path{fill:#fff}}</style>",
    "a comment and character data": "<!-- <script/> --><style><![CDATA[.a{fill:red}]]></style>",
    "a name in a layer": '<g data-name="logo@2x" aria-label="Acme" xml:space="preserve"/>',
}


@pytest.mark.parametrize("inside", GOOD.values(), ids=GOOD.keys())
def test_a_drawing_is_taken_as_it_is(brand: Brand, inside: str) -> None:
    logo = brand.logo(SVG.format(inside))
    assert logo.content == SVG.format(inside).encode()
    assert (logo.media_type, logo.width, logo.height) == ("image/svg+xml", 64, 32)
    assert logo.width_at(32) == 64


def test_a_declaration_and_a_byte_order_mark_are_no_problem(brand: Brand) -> None:
    assert brand.logo('\ufeff<?xml version="1.0" encoding="UTF-8"?>\n' + SVG.format(""))


REFUSED = {
    "a script": ("<script>alert(1)</script>", "<script>"),
    "a script of HTML": (
        '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
        "<script>",
    ),
    "HTML": (
        '<foreignObject><body xmlns="http://www.w3.org/1999/xhtml"/></foreignObject>',
        "<foreignObject>",
    ),
    "a link": ('<a href="#x"/>', "<a>"),
    "an image": ('<image href="https://evil.example/x.png"/>', "<image>"),
    "an image within": ('<image href="data:image/png;base64,"/>', "<image>"),
    "a filter's image": ('<filter><feImage href="//evil.example/x"/></filter>', "<feImage>"),
    "an animated link": ('<set attributeName="href" to="javascript:alert(1)"/>', "<set>"),
    "an animation": ('<animate attributeName="x" onbegin="alert(1)"/>', "<animate>"),
    "another editor's element": ('<n:view xmlns:n="urn:editor"/>', "<view>"),
    "an element in a style": ("<style><title/>a{}</style>", "<title>"),
    "an event": ('<path onload="alert(1)"/>', "the attribute onload"),
    "an event in capitals": ('<path ONCLICK="alert(1)"/>', "the attribute ONCLICK"),
    "another editor's attribute": ('<g xmlns:n="urn:e" n:label="x"/>', "the attribute label"),
    "a base": ('<g xml:base="https://evil.example/"/>', "the attribute base"),
    "a use from outside": ('<use href="https://evil.example/x#y"/>', "a link to something outside"),
    "an old use from outside": (f'<use {XLINK} xlink:href="x.svg#y"/>', "a link to something"),
    "a script as a link": ('<use href=" javascript:alert(1)"/>', "a link to something outside"),
    "a fill from outside": ('<path fill="url(https://evil.example/#a)"/>', "the attribute fill"),
    "a quoted reference": ("<path style=\"fill:url( '//evil.example' )\"/>", "the attribute style"),
    "two references": ('<path fill="url(#a) url(//evil.example)"/>', "the attribute fill"),
    "a hidden reference": (r'<path style="fill:u\72l(//evil.example)"/>', "the attribute style"),
    "a referring entity": ('<path fill="&#117;rl(//evil.example)"/>', "the attribute fill"),
    "a set of images": (
        "<path style=\"mask:image-set('x' 1x)\"/>",
        "the attribute style",
    ),
    "a style with url": ("<style>a{fill:URL(x)}</style>", "a <style> with a reference"),
    "a style with import": ("<style>@import 'x';</style>", "a <style> with a reference"),
    "a style with a font": ("<style>@font-face{src:local(x)}</style>", "a <style> with a ref"),
    "a hidden import": (r"<style>@\69mport 'x';</style>", "a <style> with a reference"),
    "a style in pieces": ("<style>a{fill:u<![CDATA[rl(x)]]>}</style>", "a <style> with a ref"),
    "a stylesheet": ('<?xml-stylesheet href="x.css"?>', "<?xml-stylesheet?>"),
}


@pytest.mark.proves("V1.5.1")
@pytest.mark.parametrize(("inside", "what"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_run_or_load_something_is_refused_with_its_line(
    brand: Brand, inside: str, what: str
) -> None:
    said = brand.problems(SVG.format(f"\n{inside}\n"))
    assert said[0].startswith("contains ")
    assert what in said[0]
    assert "in line 2, which a logo may not. Save the image as plain" in said[0]


DOCTYPES = {
    "an entity": '<!DOCTYPE svg [<!ENTITY a "b">]>',
    "a file": '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    "many entities": '<!DOCTYPE svg [<!ENTITY a "x"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;">]>',
    "an address": '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://evil.example/svg.dtd">',
}


@pytest.mark.proves("V1.5.1")
@pytest.mark.parametrize("doctype", DOCTYPES.values(), ids=DOCTYPES.keys())
def test_a_document_type_is_refused_before_it_is_read(brand: Brand, doctype: str) -> None:
    [said] = brand.problems(doctype + SVG.format("<title>&a;</title>"))
    assert said.startswith("contains <!DOCTYPE> in line 1")


def test_every_problem_of_an_image_is_named_once(brand: Brand) -> None:
    said = brand.problems(SVG.format("<script/>\n<script/>\n<path onclick=''/><image/>"))
    assert [each.split(" in line ")[0] for each in said] == [
        *("contains <script>", "contains the attribute onclick", "contains <image>")
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is neither an SVG nor a PNG. Use one of the two"),
        (b"GIF89a", "is neither an SVG nor a PNG. Use one of the two"),
        (b"\xff\xd8\xff\xe0", "is neither an SVG nor a PNG. Use one of the two"),
        ("<svg>", "does not begin with <svg xmlns="),
        ("<html xmlns='http://www.w3.org/1999/xhtml'/>", "does not begin with <svg xmlns="),
        (SVG.format("<g>"), "is not well-formed XML in line 1 (mismatched tag)"),
        (SVG.format("<a:b/>"), "is not well-formed XML in line 1 (unbound prefix)"),
        (SVG.format("<g/>") + "<svg/>", "is not well-formed XML in line 1 (junk after"),
        (SVG.format("&nbsp;"), "is not well-formed XML in line 1 (undefined entity)"),
        (SVG.format("é").encode("latin-1"), "is not UTF-8 text"),
        (b'<?xml version="1.0" encoding="utf-7"?>' + SVG.format("+ADw-").encode() + b"\xff", "is"),
        (SVG.replace("viewBox", "viewbox").format(""), "has no usable viewBox"),
        (SVG.replace("64 32", "64 0").format(""), "has no usable viewBox"),
        (SVG.replace("64 32", "nan inf").format(""), "has no usable viewBox"),
        (SVG.format(" " * 65_536), "is larger than 64 KB"),
        (png(chunk=b"IDAT"), "is a damaged PNG. Save it again"),
        (png()[:20], "is a damaged PNG. Save it again"),
        (png(0, 32), "is a damaged PNG. Save it again"),
        (png(2049, 1), "has 2049 x 1 pixels, and 2048 are the most on either side"),
        (png(1, 4_000_000_000), "has 1 x 4000000000 pixels"),
        (png() + b"\0" * 65_536, "is larger than 64 KB"),
    ],
)
def test_a_file_that_is_no_usable_image_is_refused(
    brand: Brand, content: bytes | str, said: str
) -> None:
    [problem] = brand.problems(content)
    assert problem.startswith(said)


def test_a_png_is_taken_with_its_size(brand: Brand) -> None:
    logo = brand.logo(png(2048, 1024))
    assert (logo.media_type, logo.extension, logo.width_at(32)) == ("image/png", "png", 64)
    assert brand.logo(png(1, 2048)).width_at(32) == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("missing.svg", "is not there. Put it there"),
        ("missing/logo.svg", "is not there. Put it there"),
        (".", "is not a file"),
        ("pipe", "is not a file"),
        ("pipe/logo.svg", "cannot be read by user"),
        ("x" * 300, "cannot be read by user"),
    ],
)
def test_a_file_that_is_none_is_named_with_what_to_do(
    read: ReadSettings, tmp_path: Path, name: str, said: str
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StartupError) as caught:
        read(brand_dir=str(tmp_path), logo_file=name)
    [problem] = caught.value.problems
    assert problem.startswith(f"DOORWARD_LOGO_FILE: {tmp_path / name} {said}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read_is_named_with_the_command(brand: Brand) -> None:
    brand.file.touch(mode=0o200)
    [said] = brand.problems("")
    assert "permission denied" in said
    assert "chmod a+r" in said


def test_a_logo_may_have_an_absolute_path_and_otherwise_needs_its_folder(
    read: ReadSettings, tmp_path: Path
) -> None:
    (tmp_path / "logo.png").write_bytes(png())
    assert read(logo_file=str(tmp_path / "logo.png")).logo
    with pytest.raises(StartupError, match=r"'logo.png' is in DOORWARD_BRAND_DIR, which is not"):
        read(logo_file="logo.png")


def test_there_is_no_logo_by_default(read: ReadSettings, tmp_path: Path) -> None:
    assert read().logo is None
    assert read(brand_dir=str(tmp_path / "nowhere")).logo is None
