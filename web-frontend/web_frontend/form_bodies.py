"""Reads the bodies of forms; bytes that are not UTF-8 are refused."""

from io import BytesIO
from typing import IO
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

from web_frontend.languages import marked
from web_frontend.refusals import RefusedRequest

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]


class NotUtf8(RefusedRequest):
    """The form has bytes that are not UTF-8."""

    def __init__(self) -> None:
        super().__init__(
            marked("The form is not UTF-8 text. Open it again, fill it in and send it.")
        )


class SentInParts(RefusedRequest):
    """The form is multipart/form-data, which none of our pages sends."""

    def __init__(self) -> None:
        super().__init__(
            marked(
                "The form was sent as multipart/form-data. "
                "Send it as application/x-www-form-urlencoded."
            )
        )


class Utf8FormParser(FormDataParser):
    """Refuses bytes that are not UTF-8.

    Werkzeug would replace them, and different passwords would become the same. In
    multipart/form-data each part may name another charset, so that kind of form is refused.
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        """Return the form as Werkzeug reads it. Raises NotUtf8, SentInParts."""
        if mimetype == "multipart/form-data":
            raise SentInParts
        body = stream.read()
        try:
            unquote_to_bytes(body).decode()
        except UnicodeDecodeError:
            raise NotUtf8 from None
        return super().parse(BytesIO(body), mimetype, content_length, options)


class FormRequest(Request):
    """A request whose form is UTF-8."""

    form_data_parser_class = Utf8FormParser
