"""Static files, whose names contain a hash of the content, so that caches may keep them."""

import hashlib
import mimetypes
from importlib import resources

from flask import Response, abort

IMMUTABLE = "public, max-age=31536000, immutable"


class StaticFiles:
    """The package's static folder, read once; `addresses` has each file's address by its name."""

    def __init__(self) -> None:
        self.addresses: dict[str, str] = {}
        self._contents: dict[str, bytes] = {}
        for source in resources.files(__package__).joinpath("static").iterdir():
            content = source.read_bytes()
            stem, _, extension = source.name.rpartition(".")
            name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{extension}"
            self._contents[name] = content
            self.addresses[source.name] = f"/static/{name}"

    def serve(self, name: str) -> Response:
        """Return a file by its name with the hash."""
        if name not in self._contents:
            abort(404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"Cache-Control": IMMUTABLE}
        return Response(self._contents[name], mimetype=kind, headers=headers)
