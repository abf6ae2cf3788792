"""What the programs of local mode are given: free ports, files, and their environment."""

import hashlib
import os
from collections.abc import Mapping

from . import ports
from .layout import Layout
from .settings import Settings

# What decides how the programs behave; a change of any of it is applied by starting anew.
SOURCES = (
    "auth-service",
    "web-frontend",
    "session_contract",
    "doorward_settings",
    "doorward_init",
    "nginx",
    "scripts/doorward_stack",
)
# Make's and other interpreters' own variables, which mean something else down there.
DROPPED = ("PYTHONHOME", "PYTHONSTARTUP", "MAKEFLAGS", "MFLAGS", "MAKELEVEL")
# As in auth-service's image. What users.json is read into in one piece goes back to the system at
# once; by itself glibc learns from the first such piece to keep all of them.
ALLOCATOR = {"MALLOC_MMAP_THRESHOLD_": "4194304", "MALLOC_TRIM_THRESHOLD_": "8388608"}
# For commands that talk to none of the programs.
NO_PORTS = {"nginx": 0, "auth-service": 0, "web-frontend": 0}


def choose_ports(settings: Settings, remembered: Mapping[str, int]) -> dict[str, int]:
    """Return a port for every program, the ones from before where they still are free."""
    chosen = {"nginx": settings.port}
    for name in ("auth-service", "web-frontend"):
        taken = {*chosen.values(), settings.https_port}
        chosen[name] = ports.free_port(remembered.get(name), taken)
    return chosen


def environment(layout: Layout, settings: Settings, chosen: Mapping[str, int]) -> dict[str, str]:
    """Return the programs' environment; whoever sets a wiring name by hand is obeyed."""
    root, secrets = layout.root, settings.data_dir / "secrets"
    python_path = os.pathsep.join(map(str, (root / "auth-service", root / "web-frontend", root)))
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in DROPPED and not name.startswith("DOORWARD_")
    }
    auth = settings.values.get("DOORWARD_AUTH_LISTEN", f"127.0.0.1:{chosen['auth-service']}")
    web = settings.values.get("DOORWARD_WEB_LISTEN", f"127.0.0.1:{chosen['web-frontend']}")
    wiring = {
        "DOORWARD_PORT": str(settings.port),
        "DOORWARD_HTTPS_PORT": str(settings.https_port),
        "DOORWARD_PUBLIC_URL": settings.public_url,
        "DOORWARD_DATA_DIR": str(settings.data_dir),
        "DOORWARD_COMMAND_LOG_FILE": str(layout.log / "auth-service.log"),
        "DOORWARD_KEY_SET_FILE": str(secrets / "keys" / "keys.json"),
        "DOORWARD_AUTH_LISTEN": auth,
        "DOORWARD_WEB_LISTEN": web,
        "DOORWARD_AUTH_URL": f"http://{auth}",
        "DOORWARD_AUTH_UPSTREAM": auth,
        "DOORWARD_WEB_UPSTREAM": web,
        "DOORWARD_NGINX_DIR": str(layout.run / "nginx"),
        # Not through the supervisor: nginx waits for whoever reads its log, and a file needs
        # nobody.
        "DOORWARD_NGINX_LOG": str(layout.log / "nginx.access.log"),
        "DOORWARD_NGINX_LISTEN": f"{settings.bind}:{settings.port}",
    }
    wiring["DOORWARD_NGINX_TLS_LISTEN"] = f"{settings.bind}:{settings.https_port}"
    if settings.tls:
        wiring["DOORWARD_TLS_DIR"] = str(settings.tls_dir)
    for name, file in (
        ("DOORWARD_EDGE_CREDENTIAL", secrets / "edge" / "credential"),
        ("DOORWARD_SERVICE_CREDENTIAL", secrets / "service" / "credential"),
        ("DOORWARD_CSRF_KEY", secrets / "csrf" / "key"),
    ):
        if name not in settings.values:
            wiring[f"{name}_FILE"] = str(file)
    return (
        ALLOCATOR
        | inherited
        | wiring
        | dict(settings.values)
        | {"DOORWARD_DATA_DIR": str(settings.data_dir), "PYTHONPATH": python_path}
        | (
            {"DOORWARD_TLS_DIR": str(settings.tls_dir)}
            if "DOORWARD_TLS_DIR" in settings.values
            else {}
        )
        | {"PYTHONUNBUFFERED": "1", "STACK_STARTS": str(layout.starts)}
    )


def fingerprint(layout: Layout, given: Mapping[str, str]) -> str:
    """Return one value for everything that a restart would bring into effect."""
    relevant = {n: v for n, v in given.items() if n.startswith(("DOORWARD_", "PYTHON"))}
    digest = hashlib.sha256(repr(sorted(relevant.items())).encode())
    for folder in SOURCES:
        for path in sorted((layout.root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(layout.root)}\n".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()
