"""Which hosts pages answer to."""

import re
from collections.abc import Collection

_HOST = re.compile(r"(?P<name>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)


def is_our_host(header: str, hosts: Collection[str]) -> bool:
    """Whether a Host header (RFC 9110, 7.2) names one of `hosts`, on whatever port."""
    match = _HOST.fullmatch(header)
    return match is not None and match["name"].strip("[]").lower() in hosts
