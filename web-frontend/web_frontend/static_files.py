"""Static files, whose names contain a hash of the content, so that caches may keep them."""

import hashlib
import mimetypes
from importlib import resources

from flask import Response, abort

from doorward_settings.logo import Logo

IMMUTABLE = "public, max-age=31536000, immutable"
STYLESHEET = "doorward.css"


class StaticFiles:
    """The package's static folder and the logo, read once.

    `addresses` has each file's address by its name; the logo's name is `logo`.
    """

    def __init__(self, accent_stylesheet: str = "", logo: Logo | None = None) -> None:
        self.addresses: dict[str, str] = {}
        self._contents: dict[str, bytes] = {}
        for source in resources.files(__package__).joinpath("static").iterdir():
            content = source.read_bytes()
            if source.name == STYLESHEET:
                content += accent_stylesheet.encode()
            self.addresses[source.name] = self._add(source.name, content)
        if logo:
            self.addresses["logo"] = self._add(f"logo.{logo.extension}", logo.content)

    def _add(self, file_name: str, content: bytes) -> str:
        """Keep a file, and return its address."""
        stem, _, extension = file_name.rpartition(".")
        name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{extension}"
        self._contents[name] = content
        return f"/static/{name}"

    def serve(self, name: str) -> Response:
        """Return a file by its name with the hash."""
        if name not in self._contents:
            abort(404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": IMMUTABLE}
        return Response(self._contents[name], mimetype=kind, headers=headers)
