"""What a page says was done just now."""

from flask import request


def done() -> str:
    """Return what our own redirect says that the visitor has done; no other site's link says it."""
    said = request.args.get("done", "")
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return said if is_ours else ""
