"""The notices that our own redirects ask for; links from other sites cannot ask for them."""

from collections.abc import Collection

from flask import request


def done() -> str:
    """Return the action that the visitor's form has just done, or ""."""
    return _from_our_redirect("done", {"same-origin"})


def reason() -> str:
    """Return why the visitor's session is over, or ""; a bookmark may have led here ("none")."""
    return _from_our_redirect("reason", {"same-origin", "none"})


def _from_our_redirect(name: str, origins: Collection[str]) -> str:
    origin = request.headers.get("Sec-Fetch-Site", "same-origin")
    return request.args.get(name, "") if origin in origins else ""
