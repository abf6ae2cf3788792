"""The notice after an action."""

from flask import request


def done() -> str:
    """Return the action that our own redirect names; links from other sites are ignored."""
    said = request.args.get("done", "")
    is_ours = request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"
    return said if is_ours else ""
