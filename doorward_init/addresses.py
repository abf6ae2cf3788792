"""The addresses of the services. With them nginx can start and go on without DNS."""

import socket
from collections.abc import Iterable, Mapping
from ipaddress import ip_address


def look_up(upstreams: Iterable[str], known: Mapping[str, str]) -> dict[str, str]:
    """Return an address:port for each host:port, or the known one if the name has no address now.

    An upstream whose name never had an address is left out.
    """
    found = {}
    for upstream in upstreams:
        host, _, port = upstream.rpartition(":")
        addresses = _addresses_of(host.strip("[]"))
        candidates = [f"{address}:{port}" for address in addresses]
        if known.get(upstream) in candidates:
            found[upstream] = known[upstream]
        elif candidates:
            found[upstream] = candidates[0]
        elif upstream in known:
            found[upstream] = known[upstream]
    return found


def _addresses_of(host: str) -> list[str]:
    try:
        return [_in_url(str(ip_address(host)))]
    except ValueError:
        pass
    try:
        answers = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [_in_url(str(answer[4][0])) for answer in answers]


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
