"""Reads the settings from `.env` and the environment, before anything is started."""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from . import env_file
from .errors import StackError
from .layout import Layout

PREFIX = "DOORWARD_"
# Switches of the tests themselves; the services check the one that concerns them.
FREE_PREFIX = "DOORWARD_TEST_"
# What Compose sets inside the containers: from outside it would silently not count.
WIRING = (
    "DOORWARD_KEY_SET_FILE",
    "DOORWARD_EDGE_CREDENTIAL",
    "DOORWARD_EDGE_CREDENTIAL_FILE",
    "DOORWARD_SERVICE_CREDENTIAL",
    "DOORWARD_SERVICE_CREDENTIAL_FILE",
    "DOORWARD_CSRF_KEY",
    "DOORWARD_CSRF_KEY_FILE",
    "DOORWARD_AUTH_URL",
    "DOORWARD_AUTH_LISTEN",
    "DOORWARD_WEB_LISTEN",
)


@dataclass(frozen=True)
class Settings:
    """What the person asked for. `values` has every setting that is not empty."""

    values: Mapping[str, str]
    port: int
    https_port: int
    bind: str
    public_url: str
    data_dir: Path
    tls_dir: Path
    tls: bool

    @property
    def public_ports(self) -> dict[str, int]:
        """The ports that nginx listens on, by the settings that name them."""
        ports = {"DOORWARD_PORT": self.port}
        return ports | {"DOORWARD_HTTPS_PORT": self.https_port} if self.tls else ports

    @property
    def effective(self) -> dict[str, str]:
        """The values, and those that come about where none is given."""
        return {
            **self.values,
            "DOORWARD_PORT": str(self.port),
            "DOORWARD_HTTPS_PORT": str(self.https_port),
            "DOORWARD_BIND": self.bind,
            "DOORWARD_PUBLIC_URL": self.public_url,
            "DOORWARD_DATA_DIR": str(self.data_dir),
            "DOORWARD_TLS_DIR": str(self.tls_dir),
        }

    @property
    def connect_host(self) -> str:
        """The address to reach nginx at from this machine."""
        host = self.bind.strip("[]")
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104

    @property
    def host_header(self) -> str:
        """The host that the services expect to be called by."""
        return urlsplit(self.public_url).netloc


def known_names(example: Path) -> set[str]:
    """Return every setting that `.env.example` explains: it is the one list of them."""
    return set(re.findall(r"^#?\s?(DOORWARD_[A-Z0-9_]+)=", example.read_text("utf-8"), re.M))


def load(layout: Layout, environ: Mapping[str, str], *, lenient: bool = False) -> Settings:
    """Merge `.env` and the environment (which wins); report every problem at once.

    Stopping must work whatever the settings are: being lenient takes what is usable of them, and
    leaves out what Compose would refuse.
    """
    from_file, problems = _from_file(layout)
    names = {n for n in (*from_file, *environ) if n.startswith(PREFIX) or n == "BASE_IMAGE"}
    merged = {name: environ.get(name, from_file.get(name, "")) for name in sorted(names)}
    values = {name: value for name, value in merged.items() if value}
    problems += _unknown(names, known_names(layout.root / ".env.example"))
    return resolve(layout, values, problems, lenient=lenient)


def resolve(
    layout: Layout, values: dict[str, str], problems: Sequence[str] = (), *, lenient: bool = False
) -> Settings:
    """Return what these values amount to; raise StackError with these problems and those of the values."""
    problems = list(problems)
    port = _port(values, "DOORWARD_PORT", "8080", problems)
    https_port = _port(values, "DOORWARD_HTTPS_PORT", "8443", problems)
    tls_dir = layout.root / Path(values.get("DOORWARD_TLS_DIR", layout.certs)).expanduser()
    tls = _has_certificate(values, tls_dir)
    if tls and port == https_port:
        problems.append("DOORWARD_PORT and DOORWARD_HTTPS_PORT must differ.")
    bind = _bind(values, problems)
    _check_proxies(values, problems)
    if problems and not lenient:
        raise StackError(*problems)
    default_url = f"https://localhost:{https_port}" if tls else f"http://localhost:{port}"
    return Settings(
        values=values,
        port=port,
        https_port=https_port,
        bind=bind,
        public_url=values.get("DOORWARD_PUBLIC_URL", default_url),
        data_dir=layout.root / Path(values.get("DOORWARD_DATA_DIR", layout.state)).expanduser(),
        tls_dir=tls_dir,
        tls=tls,
    )


def _has_certificate(values: Mapping[str, str], folder: Path) -> bool:
    named = ("DOORWARD_TLS_CERTIFICATE_FILE", "DOORWARD_TLS_KEY_FILE")
    # Also a link that leads nowhere: nginx then says what is wrong with it.
    usual = (os.path.lexists(folder / name) for name in ("fullchain.pem", "privkey.pem"))
    return any(name in values for name in named) or any(usual)


def _from_file(layout: Layout) -> tuple[dict[str, str], list[str]]:
    file = layout.root / ".env"
    if not file.exists():
        return {}, []
    try:
        values, problems = env_file.parse(file.read_text("utf-8-sig"), file.name)
    except (OSError, UnicodeDecodeError) as error:
        return {}, [f"{file} cannot be read: {error}"]
    if layout.separate:
        # A stack beside the real one has settings of its own, but builds on the same image.
        return {name: values[name] for name in ("BASE_IMAGE",) if name in values}, []
    return values, problems


def _unknown(names: set[str], known: set[str]) -> list[str]:
    problems = []
    for name in sorted(names - known - {"BASE_IMAGE"}):
        if name.startswith(FREE_PREFIX):
            continue
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}?" if near else "All settings are in .env.example."
        problems.append(f"{name} is no setting of Doorward. {hint}")
    return problems


def _bind(values: dict[str, str], problems: list[str]) -> str:
    text = values.get("DOORWARD_BIND", "127.0.0.1")
    bracketed = text.startswith("[") and text.endswith("]")
    with suppress(ValueError):
        if (ip_address(text[1:-1] if bracketed else text).version == 6) == bracketed:
            return text
    problems.append(
        "DOORWARD_BIND must be an address of this machine, such as 127.0.0.1 or, in brackets, "
        f"[::1], not {text!r}."
    )
    del values["DOORWARD_BIND"]
    return "127.0.0.1"


def _check_proxies(values: Mapping[str, str], problems: list[str]) -> None:
    for proxy in re.split(r"[\s,]+", values.get("DOORWARD_TRUSTED_PROXIES", "").strip(" ,")):
        try:
            everybody = bool(proxy) and ip_network(proxy, strict=False).prefixlen == 0
        except ValueError:
            problems.append(
                f"DOORWARD_TRUSTED_PROXIES: {proxy!r} is neither an address nor a network such as 10.0.0.0/8."
            )
        else:
            if everybody:
                problems.append(f"DOORWARD_TRUSTED_PROXIES: {proxy} would be everybody.")


def _port(values: dict[str, str], name: str, default: str, problems: list[str]) -> int:
    text = values.get(name, default)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    problems.append(f"{name} must be a number from 1 to 65535, not {text!r}.")
    del values[name]
    return 0
