"""The address of the site: its public URL, and whether nginx provides TLS."""

import os
import re
from collections.abc import Iterator
from functools import cached_property
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field

from doorward_settings.base import Conflict, ProgramSettings, conflict
from doorward_settings.fields import (
    BindAddress,
    PlainPath,
    PlainText,
    Proxies,
    PublicUrl,
    WholeNumber,
    normal_origin,
)

_LOOPBACK_NAMES = ("localhost", "127.0.0.1")
_REACHED_AS_LOCALHOST = ("127.0.0.1", "0.0.0.0", "[::]")  # noqa: S104 - compared, not bound
_USE_A_PATH = (
    "use an absolute path without quotes, backslashes, control characters or any of $ * ? [ ]"
)


class AddressSettings(ProgramSettings):
    """The public URL and the certificate, from which scheme, hosts and origins follow."""

    port: WholeNumber = Field(8080, ge=1, le=65_535, description="use a port from 1 to 65535")
    https_port: WholeNumber = Field(8443, ge=1, le=65_535, description="use a port from 1 to 65535")
    bind: BindAddress = Field(
        "127.0.0.1",
        description="use an address of this machine, such as 127.0.0.1 or, in brackets, [::1]",
    )
    public_url: PublicUrl = Field(
        "",
        description="use http:// or https://, a host, and perhaps a port, such as "
        "https://portal.example",
    )
    allow_insecure_http: bool = Field(default=False, description="use 1, or leave it empty")
    trusted_proxies: Proxies = Field(
        (), description="use addresses or networks, such as 10.0.0.0/8"
    )
    tls_dir: PlainPath | None = Field(None, description=_USE_A_PATH)
    tls_certificate_file: PlainText = Field("", description=_USE_A_PATH)
    tls_key_file: PlainText = Field("", description=_USE_A_PATH)

    @property
    def certificate(self) -> Path:
        """The path of the certificate and its chain, which may not exist."""
        return Path(self.tls_dir or "/", self.tls_certificate_file or "fullchain.pem")

    @property
    def certificate_key(self) -> Path:
        """The path of the certificate's key, which may not exist."""
        return Path(self.tls_dir or "/", self.tls_key_file or "privkey.pem")

    @cached_property
    def tls(self) -> bool:
        """Whether nginx provides TLS, decided at the start: a certificate is named or exists."""
        if self.tls_certificate_file or self.tls_key_file:
            return True
        # A broken link counts too: it is a mistake and must not lead to plain HTTP.
        files = (self.certificate, self.certificate_key) if self.tls_dir else ()
        return any(map(os.path.lexists, files))

    @cached_property
    def url(self) -> str:
        """The public URL, as browsers spell it."""
        if self.public_url:
            return self.public_url
        host = "localhost" if self.bind in _REACHED_AS_LOCALHOST else self.bind
        if self.tls:
            return normal_origin(f"https://{host}:{self.https_port}")
        return normal_origin(f"http://{host}:{self.port}")

    @property
    def https(self) -> bool:
        """Whether browsers use https."""
        return self.url.startswith("https:")

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The host names of this site; localhost and 127.0.0.1 always come together."""
        name = urlsplit(self.url).hostname or ""
        return frozenset(_LOOPBACK_NAMES if name in _LOOPBACK_NAMES else [name])

    @cached_property
    def origins(self) -> frozenset[str]:
        """The origins that forms may come from (RFC 6454)."""
        url = urlsplit(self.url)
        suffix = f":{url.port}" if url.port else ""
        return frozenset(f"{url.scheme}://{_in_url(host)}{suffix}" for host in self.hosts)

    @cached_property
    def host_pattern(self) -> str:
        """A case-insensitive regular expression for the Host headers of this site.

        nginx and web-frontend both use it, so that API and pages answer to the same hosts.
        """
        return f"{self.host_name_pattern}(?::[0-9]{{1,5}})?"

    @property
    def host_name_pattern(self) -> str:
        """The same for hosts without a port."""
        names = "|".join(re.escape(_in_url(host)) for host in sorted(self.hosts))
        return f"(?:{names})"

    def is_our_host(self, host_header: str) -> bool:
        """Whether a Host header names this site, with any port or none."""
        return re.fullmatch(self.host_pattern, host_header, re.IGNORECASE | re.ASCII) is not None

    def forms_work_at(self, host_header: str) -> bool:
        """Whether forms of a page that was asked for with this Host header can be accepted.

        A proxy may pass on another port than the browser's, so behind one this cannot be known.
        """
        if self.trusted_proxies:
            return True
        scheme = "https" if self.https else "http"
        return f"{scheme}://{host_header.lower()}" in self.origins

    def conflicts(self) -> Iterator[Conflict]:
        """Yield contradictions between address and certificate."""
        yield from super().conflicts()
        yield from self._tls_conflicts()
        yield from self._scheme_conflicts()

    def _scheme_conflicts(self) -> Iterator[Conflict]:
        if self.https and not (self.tls or self.trusted_proxies):
            yield conflict(
                "public_url trusted_proxies tls_dir tls_certificate_file tls_key_file",
                "DOORWARD_PUBLIC_URL is https, but no certificate or proxy provides TLS: put a "
                "certificate into DOORWARD_TLS_DIR, or name the proxy in DOORWARD_TRUSTED_PROXIES",
            )
        if self.tls and not self.https:
            yield conflict(
                "public_url",
                f"DOORWARD_PUBLIC_URL ({self.url!r}) is http, but there is a certificate: make it "
                "https, or remove the certificate",
            )
        host = urlsplit(self.url).hostname or ""
        if not (self.https or self.allow_insecure_http or _is_loopback(host)):
            yield conflict(
                "public_url bind allow_insecure_http",
                f"DOORWARD_PUBLIC_URL ({self.url!r}): with http, anyone on the network can read "
                "passwords. Use https, or set DOORWARD_ALLOW_INSECURE_HTTP=1 on a safe network",
            )

    def _tls_conflicts(self) -> Iterator[Conflict]:
        if self.tls and self.port == self.https_port:
            yield conflict(
                "port https_port",
                f"DOORWARD_PORT and DOORWARD_HTTPS_PORT are both {self.port}: use two ports",
            )
        if self.tls_dir and not Path(self.tls_dir).is_dir():
            yield conflict(
                "tls_dir",
                f"DOORWARD_TLS_DIR: {self.tls_dir} is not a folder: make it, or use another one",
            )
        for field in ("tls_certificate_file", "tls_key_file"):
            name = getattr(self, field)
            if name and not self.tls_dir and not name.startswith("/"):
                yield conflict(
                    f"{field} tls_dir",
                    f"DOORWARD_{field.upper()}: {name!r} is in DOORWARD_TLS_DIR, which is not set: "
                    "set it, or use an absolute path",
                )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
