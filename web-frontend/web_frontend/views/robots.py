"""The rules for search engines (RFC 9309)."""

from flask import Blueprint, Response

robots = Blueprint("robots", __name__)


@robots.get("/robots.txt")
def robots_txt() -> Response:
    """Forbid indexing."""
    headers = {"Cache-Control": "public, max-age=86400"}
    return Response("User-agent: *\nDisallow: /\n", mimetype="text/plain", headers=headers)
