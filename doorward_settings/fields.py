"""The types of single settings. The message of a ValueError here says what to write instead."""

import ipaddress
import re
import unicodedata
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from doorward_settings.accent import Accent, read_accent

LANGUAGES = ("en", "de", "ja")
"""The languages of the pages: English, and those that web-frontend has a catalogue for."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9][a-z0-9.-]*)(:(?P<port>[0-9]{1,5}))?/?",
    re.IGNORECASE,
)
_URL = re.compile(
    r"(?P<scheme>https?://)(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\s]+)(?P<port>:[0-9]{1,5})?([/?#].*)?",
    re.IGNORECASE,
)
_HOST_AND_PORT = re.compile(
    r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]+)"
)
_NOT_PLAIN = re.compile(r'["\\$*?\[\]\x00-\x1f\x7f-\x9f]')
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
# What browsers accept in front of the @ (HTML, "valid e-mail address").
_MAIL_NAME = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+")
_USER_INFO = re.compile(r"https?://[^/?#]*@", re.IGNORECASE)
# Characters that have no place in a URL (RFC 3986) and that browsers would change or drop.
_NOT_IN_URLS = re.compile(r'[\s"<>\\^`{|}]')


def is_port(text: str) -> bool:
    """Whether the text is a port number from 1 to 65535, without leading zeros."""
    return bool(_PORT.fullmatch(text)) and int(text) < 65_536


def is_host_and_port(text: str) -> bool:
    """Whether the text is `host:port`, with IPv6 addresses in brackets."""
    match = _HOST_AND_PORT.fullmatch(text)
    return match is not None and is_port(match["port"])


def _whole_number(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError
    return value


def normal_origin(value: str) -> str:
    """Return an origin (RFC 6454) in the one spelling that browsers send.

    Raises:
        ValueError: it is not http:// or https://, a host, and perhaps a port. If it is another URL,
            the message names its origin.
    """
    try:
        return _normal_origin(value)
    except ValueError:
        origin = _origin_of_url(value)
    raise ValueError(f"use {origin}, not {value!r}" if origin else "")


def _origin_of_url(value: str) -> str:
    """Return the origin of a URL with a path, or with a host that is not ASCII, or ""."""
    match = _URL.fullmatch(value)
    if not match:
        return ""
    host = ".".join(map(_ascii_label, match["host"].split(".")))
    try:
        return _normal_origin(f"{match['scheme']}{host}{match['port'] or ''}")
    except ValueError:
        return ""


def _ascii_label(label: str) -> str:
    """Return a label of a host name as browsers send it (RFC 3492, RFC 5890)."""
    if label.isascii():
        return label
    normal = unicodedata.normalize("NFKC", label).lower()
    return normal if normal.isascii() else f"xn--{normal.encode('punycode').decode()}"


def _normal_origin(value: str) -> str:
    match = _ORIGIN.fullmatch(value)
    if not match or (match["port"] and not 0 < int(match["port"]) < 65_536):
        raise ValueError
    scheme = match["scheme"].lower()
    host = _normal_host(match["host"].lower())
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    return f"{scheme}://{host}{suffix}"


def _normal_host(host: str) -> str:
    if host.startswith("["):
        return f"[{ipaddress.IPv6Address(host[1:-1]).compressed}]"
    host = host.removesuffix(".")
    labels = host.split(".")
    # Browsers read a host whose last label is a number as an IPv4 address (WHATWG URL, 3.5).
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        return str(ipaddress.IPv4Address(host))
    if len(host) > 253 or not all(map(_LABEL.fullmatch, labels)):
        raise ValueError
    return host


def _site_name(value: str) -> str:
    name = value.strip()
    if not 1 <= len(name) <= 40 or not name.isprintable():
        raise ValueError
    return name


def linked_url(value: str) -> str:
    """Return an absolute http or https URL, for a link. Raises ValueError for anything else."""
    if _USER_INFO.match(value):
        raise ValueError("use a URL without a user name or password in it")
    is_clean = value.isprintable() and not _NOT_IN_URLS.search(value)
    if not is_clean or not _origin_of_url(value):
        raise ValueError
    return value


def mail_address(value: str) -> str:
    """Return a `mailto:` URL for an e-mail address. Raises ValueError for anything else."""
    name, at, host = value.rpartition("@")
    is_host = all(map(_LABEL.fullmatch, host.lower().split(".")))
    if not (at and is_host and _MAIL_NAME.fullmatch(name)):
        raise ValueError
    # A question mark would begin headers of the mail (RFC 6068).
    return f"mailto:{quote(name, safe='')}@{host}"


def _service_url(value: str) -> str:
    origin = normal_origin(value)
    if not origin.startswith("http:"):
        raise ValueError
    return origin


def _bind(value: str) -> str:
    try:
        if value.startswith("[") and value.endswith("]"):
            return f"[{ipaddress.IPv6Address(value[1:-1])}]"
        return str(ipaddress.IPv4Address(value))
    except ValueError:
        raise ValueError from None


def _plain_path(value: str) -> str:
    if not value.startswith("/"):
        raise ValueError
    return _plain_text(value)


def _plain_text(value: str) -> str:
    # nginx's configuration has these paths between double quotes, and in include patterns.
    if _NOT_PLAIN.search(value):
        raise ValueError
    return value


def _proxies(value: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(_proxy, re.findall(r"[^\s,]+", value))))


def _proxy(text: str) -> str:
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{text!r} is neither an address nor a network: use one such as 10.0.0.0/8"
        ) from None
    if network.prefixlen == 0:
        raise ValueError(f"{text!r} would trust everybody: name the proxies' own networks")
    is_single = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_single else str(network)


def _listen_addresses(value: str) -> tuple[str, ...]:
    addresses = value.split()
    for address in addresses:
        if not (is_port(address) or is_host_and_port(address)):
            raise ValueError(
                f"{address!r} is neither a port nor address:port: use one such as 127.0.0.1:8080 "
                "or [::1]:8080"
            )
        if addresses.count(address) > 1:
            raise ValueError(f"{address!r} is named twice: remove one")
    return tuple(addresses)


def _languages(value: str) -> tuple[str, ...]:
    tags = tuple(dict.fromkeys(re.findall(r"[^\s,]+", value.lower())))
    unknown = [tag for tag in tags if tag not in LANGUAGES]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is not one of {', '.join(LANGUAGES)}")
    if not tags:
        raise ValueError
    return tags


def _service_listen(value: str) -> str:
    return value if re.fullmatch(r"unix:/.+", value) else _host_and_port(value)


def _host_and_port(value: str) -> str:
    if not is_host_and_port(value):
        raise ValueError
    return value


def _rate(value: str) -> str:
    if value != "off" and not re.fullmatch(r"[1-9][0-9]{0,5}r/[sm]", value):
        raise ValueError
    return value


SiteName = Annotated[str, AfterValidator(_site_name)]
LinkedUrl = Annotated[str, AfterValidator(linked_url)]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
PublicUrl = Annotated[str, AfterValidator(normal_origin)]
ServiceUrl = Annotated[str, AfterValidator(_service_url)]
BindAddress = Annotated[str, AfterValidator(_bind)]
PlainPath = Annotated[str, AfterValidator(_plain_path)]
PlainText = Annotated[str, AfterValidator(_plain_text)]
# NoDecode: pydantic-settings would read them as JSON.
AccentColours = Annotated[Accent, NoDecode, BeforeValidator(read_accent)]
Proxies = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_proxies)]
ListenAddresses = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listen_addresses)]
OfferedLanguages = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_languages)]
ServiceListen = Annotated[str, AfterValidator(_service_listen)]
HostAndPort = Annotated[str, AfterValidator(_host_and_port)]
Rate = Annotated[str, AfterValidator(_rate)]
