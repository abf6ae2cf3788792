"""Static files under names that hold a hash of their content, so that they never change."""

import hashlib
import mimetypes
from importlib import resources

from flask import Blueprint, Response, abort

IMMUTABLE = "public, max-age=31536000, immutable"


class StaticFiles:
    """The package's static folder, read once."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self.addresses: dict[str, str] = {}
        for file in resources.files(__package__).joinpath("static").iterdir():
            content = file.read_bytes()
            stem, _, extension = file.name.rpartition(".")
            name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{extension}"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            self._files[name] = (content, kind)
            self.addresses[file.name] = f"/static/{name}"

    def blueprint(self) -> Blueprint:
        """Return the route that serves them."""
        static = Blueprint("static", __name__)

        @static.get("/static/<name>")
        def file(name: str) -> Response:
            if name not in self._files:
                abort(404)
            content, kind = self._files[name]
            return Response(content, mimetype=kind, headers={"Cache-Control": IMMUTABLE})

        return static
