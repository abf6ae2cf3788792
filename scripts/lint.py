"""Runs every linter, also after one of them has found something."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from doorward_stack import progress
from doorward_stack.authority import Authority
from doorward_stack.layout import ROOT

TOOLS = ROOT / ".venv" / "bin"
DOCKERFILES = ("auth-service/Dockerfile", "web-frontend/Dockerfile", "nginx/Dockerfile")
SHELL_SCRIPTS = (".ci/engine", ".ci/run")
# The settings of local mode, and a credential of the right form.
NGINX = {
    "DOORWARD_NGINX_LISTEN": "127.0.0.1:8080",
    "DOORWARD_AUTH_UPSTREAM": "127.0.0.1:8001",
    "DOORWARD_WEB_UPSTREAM": "127.0.0.1:8002",
    "DOORWARD_EDGE_CREDENTIAL": "BiW6MW84aACqgckb5GAupPJfrPgBCW9ronAp4ojjuN0",
}


def passes(name: str, *command: str | Path, environment: Mapping[str, str] | None = None) -> bool:
    """Run a linter; its output is shown only if it finds something."""
    with progress.shown(name):
        done = subprocess.run(
            command,
            cwd=ROOT,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
    if done.returncode != 0:
        print(done.stdout, flush=True)
    return done.returncode == 0


def compose() -> list[str | Path]:
    """Return how to call Compose: the plugin, else the binary from PyPI."""
    if shutil.which("docker"):
        version = ["docker", "compose", "version"]
        if subprocess.run(version, check=False, capture_output=True).returncode == 0:
            return ["docker", "compose"]
    return [TOOLS / "docker-compose"]


def nginx(folder: Path) -> Iterator[bool]:
    """Render nginx's configuration as local mode does, without and with TLS, then judge it."""
    inherited = {n: value for n, value in os.environ.items() if not n.startswith("DOORWARD_")}
    certificate, key = Authority("lint").issue(["door.example"])
    (folder / "fullchain.pem").write_bytes(certificate)
    (folder / "privkey.pem").write_bytes(key)
    tls = {
        "DOORWARD_TLS_DIR": str(folder),
        "DOORWARD_NGINX_TLS_LISTEN": "127.0.0.1:8443",
        "DOORWARD_PUBLIC_URL": "https://door.example",
    }
    settings: dict[str, dict[str, str]] = {"http": {}, "https": tls}
    for name, more in settings.items():
        environment = inherited | NGINX | more | {"DOORWARD_NGINX_DIR": str(folder / name)}
        render = (sys.executable, "-m", "doorward_init", "render")
        yield passes(f"nginx's configuration, {name}", *render, environment=environment)
        # The services need the host as the client sent it, and refuse all but their own.
        skip = ("--skips", "host_spoofing")
        yield passes(f"gixy, {name}", TOOLS / "gixy", *skip, folder / name / "nginx.conf")


def checks(folder: Path) -> Iterator[bool]:
    """Run all checks, in order."""
    yield passes("ruff format", TOOLS / "ruff", "format", "--check", ".")
    yield passes("ruff check", TOOLS / "ruff", "check", ".")
    yield passes("mypy", TOOLS / "mypy")
    for file in DOCKERFILES:
        yield passes(f"hadolint {file}", TOOLS / "hadolint", file)
    yield passes("shellcheck", TOOLS / "shellcheck", *SHELL_SCRIPTS)
    yield passes("docker compose config", *compose(), "config", "--quiet")
    yield from nginx(folder)


def main() -> int:
    """Return 0 if all pass."""
    with tempfile.TemporaryDirectory(prefix="doorward-lint-") as folder:
        results = list(checks(Path(folder)))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
