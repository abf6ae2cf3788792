"""Reads the bodies of forms; bytes that are not UTF-8 are refused."""

from io import BytesIO
from typing import IO
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from web_frontend.refusals import RefusedRequest

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class NotUtf8(RefusedRequest):
    """The form has bytes that are not UTF-8."""

    def __init__(self) -> None:
        super().__init__("The form is not UTF-8 text. Open it again, fill it in and send it.")


class Utf8FormParser(FormDataParser):
    """Refuses bytes that are not UTF-8.

    Werkzeug would replace them, and different passwords would become the same.
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        """Return the form as Werkzeug reads it. Raises NotUtf8."""
        body = stream.read()
        sent = unquote_to_bytes(body) if mimetype.endswith("urlencoded") else body
        try:
            text = sent.decode()
        except UnicodeDecodeError:
            raise NotUtf8 from None
        parsed = super().parse(BytesIO(body), mimetype, content_length, options)
        # A part of a form may name another charset, and its bytes may not be valid in it.
        read = "".join(value for _, value in parsed[1].items(multi=True))
        if read.count(REPLACEMENT) > text.count(REPLACEMENT):
            raise NotUtf8
        return parsed


class FormRequest(Request):
    """A request whose form is UTF-8."""

    form_data_parser_class = Utf8FormParser
