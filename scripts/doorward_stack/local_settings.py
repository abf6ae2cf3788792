"""The settings, ports and environment of the programs of local mode."""

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from . import ports
from .errors import StackError
from .layout import Layout
from .processes import MARK
from .settings import ALLOCATOR, PREFIX, address

# Make's and other interpreters' own variables, which mean something else down there.
DROPPED = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
SECRETS = {
    "DOORWARD_EDGE_CREDENTIAL": "secrets/edge/credential",
    "DOORWARD_SERVICE_CREDENTIAL": "secrets/service/credential",
    "DOORWARD_CSRF_KEY": "secrets/csrf/key",
}
Ports = Mapping[str, int]
NO_PORTS: Ports = {"auth-service": 0, "web-frontend": 0}


def read(layout: Layout, environ: Mapping[str, str]) -> dict[str, str]:
    """Merge `.env` and the environment, which wins; an empty value is the same as none.

    Raises:
        StackError: a line of `.env` was not understood.
    """
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    # A stack beside the usual one does not use the checkout's .env.
    from_file = {} if layout.separate else _from_file(layout.root / ".env")
    return {name: value for name, value in (from_file | given).items() if value}


def _from_file(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        with file.open(encoding="utf-8-sig") as lines:
            bindings = list(parse_stream(lines))
    except UnicodeDecodeError:
        raise StackError(f"{file} is not text in UTF-8. Save it as UTF-8.") from None
    problems = [
        f".env, line {binding.original.line}: not understood. Write NAME=value; a value with a $, "
        "a # or quotes in it goes between single quotes."
        for binding in bindings
        if _is_wrong(binding)
    ]
    if problems:
        raise StackError(*problems)
    return {binding.key: binding.value or "" for binding in bindings if binding.key}


def _is_wrong(binding: Binding) -> bool:
    if binding.error or (binding.key and binding.value is None):
        return True
    # Compose would put other variables in there.
    return "$" in (binding.value or "") and "'" not in binding.original.string


def data_folder(layout: Layout, values: Mapping[str, str]) -> Path:
    """Return the folder of the users and secrets."""
    return layout.root / Path(values.get("DOORWARD_DATA_DIR", layout.state)).expanduser()


def tls_folder(layout: Layout, values: Mapping[str, str]) -> Path:
    """Return the folder of the certificate."""
    return layout.root / Path(values.get("DOORWARD_TLS_DIR", layout.certs)).expanduser()


def brand_folder(layout: Layout, values: Mapping[str, str]) -> Path:
    """Return the folder of the logo."""
    return layout.root / Path(values.get("DOORWARD_BRAND_DIR", layout.brand)).expanduser()


def free_ports(values: Mapping[str, str], remembered: Ports) -> dict[str, int]:
    """Return a port for every service, the ones from before if they are still free."""
    public = (values.get("DOORWARD_PORT", ""), values.get("DOORWARD_HTTPS_PORT", ""))
    taken = {int(port) for port in public if port.isdecimal()}
    chosen: dict[str, int] = {}
    for name in NO_PORTS:
        chosen[name] = ports.free_port(remembered.get(name), taken)
        taken.add(chosen[name])
    return chosen


def environment(layout: Layout, values: Mapping[str, str], chosen: Ports) -> dict[str, str]:
    """Return the programs' environment. Wiring that a person has set by hand stays."""
    root = layout.root
    data = data_folder(layout, values)
    folders = {
        "DOORWARD_DATA_DIR": str(data),
        "DOORWARD_BRAND_DIR": str(brand_folder(layout, values)),
    }
    certs = tls_folder(layout, values)
    # Only `make certs` makes the default folder.
    if "DOORWARD_TLS_DIR" in values or certs.exists():
        folders["DOORWARD_TLS_DIR"] = str(certs)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in DROPPED and not name.startswith(PREFIX)
    }
    interpreter = {
        "PYTHONPATH": os.pathsep.join(
            map(str, (root / "auth-service", root / "web-frontend", root))
        ),
        "PYTHONUNBUFFERED": "1",
        MARK: str(layout.state),
    }
    wiring = _wiring(layout, values, chosen)
    return {**ALLOCATOR, **inherited, **wiring, **values, **folders, **interpreter}


def _wiring(layout: Layout, values: Mapping[str, str], chosen: Ports) -> dict[str, str]:
    data = data_folder(layout, values)
    auth = values.get("DOORWARD_AUTH_LISTEN", f"127.0.0.1:{chosen['auth-service']}")
    web = values.get("DOORWARD_WEB_LISTEN", f"127.0.0.1:{chosen['web-frontend']}")
    bind = values.get("DOORWARD_BIND", "127.0.0.1")
    made = {
        "DOORWARD_COMMAND_LOG_FILE": str(layout.log / "auth-service.log"),
        "DOORWARD_KEY_SET_FILE": str(data / "secrets/keys/keys.json"),
        "DOORWARD_AUTH_LISTEN": auth,
        "DOORWARD_WEB_LISTEN": web,
        "DOORWARD_AUTH_URL": f"http://{auth}",
        "DOORWARD_AUTH_UPSTREAM": auth,
        "DOORWARD_WEB_UPSTREAM": web,
        "DOORWARD_NGINX_DIR": str(layout.run / "nginx"),
        # A file, because nginx waits for the reader of a pipe.
        "DOORWARD_NGINX_LOG": str(layout.log / "nginx.access.log"),
        "DOORWARD_NGINX_LISTEN": f"{bind}:{values.get('DOORWARD_PORT', '8080')}",
        "DOORWARD_NGINX_TLS_LISTEN": f"{bind}:{values.get('DOORWARD_HTTPS_PORT', '8443')}",
    }
    for name, file in SECRETS.items():
        if name not in values:
            made[f"{name}_FILE"] = str(data / file)
    with suppress(ValueError):  # doorward_init refuses a port that is not a number.
        made["DOORWARD_PUBLIC_URL"] = address(values, tls_folder(layout, values)).public_url
    return made
