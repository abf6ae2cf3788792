"""Renders nginx's configuration from the settings, and lets nginx test it before use."""

import os
import re
import resource
import subprocess
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from doorward_init.error_pages import icon_extension
from doorward_settings.edge import Settings

TEMPLATES = Path(__file__).resolve().parents[1] / "nginx"
CONFIGURATION = "nginx.conf"
# Debian keeps nginx off users' PATH.
SEARCH_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
NOWHERE = "127.0.0.1:1"
"""An address at which nobody listens, for a service whose name never had an address."""

# nginx's two workers get half as many connections each. So many fit into the container's memory,
# even with an unfinished header on each. A connection may need a second descriptor, for a file.
_MOST_DESCRIPTORS = 8192
_HSTS = "max-age=31536000; includeSubDomains"


class ConfigurationRefused(Exception):
    """nginx does not accept the configuration; the message is nginx's own."""


def render(settings: Settings, addresses: Mapping[str, str], folder: Path) -> str:
    """Return the whole configuration.

    Args:
        settings: checked settings.
        addresses: the present address:port of each upstream.
        folder: nginx's folder for its process id and temporary files.
    """
    # No HTML escaping: every value was checked with the settings, or is `quoted`.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = quoted
    return environment.get_template("nginx.conf.j2").render(
        as_root=os.geteuid() == 0,
        auth_address=addresses.get(settings.auth_upstream, NOWHERE),
        certificate=settings.certificate,
        certificate_key=settings.certificate_key,
        credential_rate=settings.credential_rate,
        descriptors=_descriptors(),
        edge_credential=settings.edge_credential,
        folder=folder,
        host_name_pattern=settings.host_name_pattern,
        host_pattern=settings.host_pattern,
        icon_extension=icon_extension(settings),
        hsts=_HSTS if _has_hsts(settings) else "",
        listen=settings.listen,
        log=settings.nginx_log,
        own_host=urlsplit(settings.url).netloc,
        retry_after=settings.retry_after,
        tls=settings.tls,
        tls_listen=settings.tls_listen,
        trusted_proxies=settings.trusted_proxies,
        url=settings.url,
        web_address=addresses.get(settings.web_upstream, NOWHERE),
    )


def quoted(value: object) -> str:
    """Return a value in double quotes. Raises ValueError if that is not possible."""
    text = str(value)
    # nginx takes a dollar sign for a variable and has no way to escape it.
    if re.search(r"[\x00-\x1f\x7f$]", text):
        raise ValueError("a value for nginx has a dollar sign or a control character")
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def install(configuration: str, folder: Path) -> None:
    """Let nginx test a configuration, then put it into its folder.

    Raises:
        ConfigurationRefused: the former configuration stays.
        OSError: it could not be written.
    """
    for name in ("", "temp"):
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    new = folder / f"{CONFIGURATION}.new"
    new.unlink(missing_ok=True)
    # The file holds the edge credential.
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(configuration)
    _test(new)
    new.replace(folder / CONFIGURATION)


def _test(file: Path) -> None:
    done = subprocess.run(
        ["nginx", "-t", "-q", "-e", "stderr", "-c", str(file)],
        check=False,
        env={"PATH": SEARCH_PATH},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode != 0:
        # Drops the time and process that nginx puts in front.
        lines = re.sub(
            r"^(nginx: \[emerg\]|\S+ \S+ \[emerg\] \d+#\d+:) ", "", done.stdout, flags=re.MULTILINE
        ).splitlines()
        messages = [line for line in dict.fromkeys(lines) if not line.endswith("test failed")]
        raise ConfigurationRefused("nginx refuses its configuration: " + "; ".join(messages))


def _descriptors() -> int:
    # If nginx asked for more than is allowed, it would silently keep the soft limit.
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if allowed == resource.RLIM_INFINITY:
        return _MOST_DESCRIPTORS
    return min(allowed, _MOST_DESCRIPTORS)


def _has_hsts(settings: Settings) -> bool:
    """Whether to send HSTS, which browsers ignore for IP addresses (RFC 6797)."""
    host = urlsplit(settings.url).hostname or ""
    if not settings.https or host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
