"""Static files under names that hold a hash of their content, so that they never change."""

import hashlib
import mimetypes
from importlib import resources

from flask import Blueprint, Response, abort

IMMUTABLE = "public, max-age=31536000, immutable"


def static_files() -> tuple[Blueprint, dict[str, str]]:
    """Read the package's static folder once; return the route that serves it, and each file's address."""
    blueprint = Blueprint("static", __name__)
    contents: dict[str, bytes] = {}
    addresses: dict[str, str] = {}
    for source in resources.files(__package__).joinpath("static").iterdir():
        content = source.read_bytes()
        stem, _, extension = source.name.rpartition(".")
        name = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{extension}"
        contents[name], addresses[source.name] = content, f"/static/{name}"

    @blueprint.get("/static/<name>")
    def file(name: str) -> Response:
        if name not in contents:
            abort(404)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        return Response(contents[name], mimetype=kind, headers={"Cache-Control": IMMUTABLE})

    return blueprint, addresses
