"""Runs every linter on what it is for, all of them even if one finds something."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from doorward_stack.authority import Authority

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ROOT / ".venv" / "bin"
DOCKERFILES = ("auth-service/Dockerfile", "web-frontend/Dockerfile", "nginx/Dockerfile")
PAIR = ("fullchain.pem", "privkey.pem")
SHELLS = ("sh", "bash", "dash")


@dataclass(frozen=True)
class Check:
    """One linter's call."""

    name: str
    command: Sequence[str | Path]
    environment: dict[str, str] = field(default_factory=dict)

    def passes(self) -> bool:
        """Run it; its output is shown only if it finds something."""
        done = subprocess.run(
            [str(word) for word in self.command],
            cwd=ROOT,
            check=False,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        print(f"{self.name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        if done.returncode != 0:
            print(done.stdout, flush=True)
        return done.returncode == 0


def files() -> Iterator[Path]:
    """Return the checkout's own files, committed or not, never ignored ones."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if listed.returncode != 0:
        raise SystemExit(f"The files to check are known from git:\n{listed.stderr}")
    return (ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def is_shell(path: Path) -> bool:
    """Whether a file's first line names a shell, or its name says so."""
    with path.open("rb") as handle:
        first = handle.readline(128).decode("utf-8", errors="replace").split()
    programs = [Path(word).name for word in first[:2]]
    return path.suffix == ".sh" or (
        bool(first) and first[0].startswith("#!") and any(name in SHELLS for name in programs)
    )


def compose() -> list[str]:
    """Return how to call Compose: the plugin, else the binary from PyPI."""
    plugin = shutil.which("docker") and (
        subprocess.run(
            ["docker", "compose", "version"], check=False, capture_output=True
        ).returncode
        == 0
    )
    return ["docker", "compose"] if plugin else [str(TOOLS / "docker-compose")]


def nginx_checks(folder: Path) -> Iterator[Check]:
    """Render nginx's configuration as local mode does, without and with TLS, then judge it."""
    environment = {
        "DOORWARD_NGINX_LISTEN": "127.0.0.1:8080",
        "DOORWARD_AUTH_UPSTREAM": "127.0.0.1:8001",
        "DOORWARD_WEB_UPSTREAM": "127.0.0.1:8002",
        "DOORWARD_EDGE_CREDENTIAL": "BiW6MW84aACqgckb5GAupPJfrPgBCW9ronAp4ojjuN0",
        "DOORWARD_EDGE_CREDENTIAL_FILE": "",
        "DOORWARD_NGINX_SHARE": "",
        "DOORWARD_NGINX_LOG": "",
    }
    certs = folder / "certs"
    certs.mkdir()
    for name, content in zip(PAIR, Authority("lint").issue(["door.example"]), strict=True):
        (certs / name).write_bytes(content)
    secure = {
        "DOORWARD_TLS_DIR": str(certs),
        "DOORWARD_NGINX_TLS_LISTEN": "127.0.0.1:8443",
        "DOORWARD_PUBLIC_URL": "https://door.example",
    }
    for name, more in (("http", dict.fromkeys(secure, "")), ("https", secure)):
        rendered = {**environment, **more, "DOORWARD_NGINX_DIR": str(folder / name)}
        yield Check(
            f"nginx's configuration, {name}",
            [sys.executable, "-m", "doorward_init", "render"],
            rendered,
        )
        # The services need the host as the client sent it, and refuse all but their own.
        configuration = folder / name / "nginx.conf"
        yield Check(f"gixy, {name}", [TOOLS / "gixy", "--skips", "host_spoofing", configuration])


def checks(folder: Path) -> Iterator[Check]:
    """Return all checks, in order."""
    yield Check("ruff format", [TOOLS / "ruff", "format", "--check", "."])
    yield Check("ruff check", [TOOLS / "ruff", "check", "."])
    yield Check("mypy", [TOOLS / "mypy"])
    yield from (Check(f"hadolint {file}", [TOOLS / "hadolint", file]) for file in DOCKERFILES)
    yield Check("shellcheck", [TOOLS / "shellcheck", *filter(is_shell, files())])
    yield Check("docker compose config", [*compose(), "config", "--quiet"])
    yield from nginx_checks(folder)


def main() -> int:
    """Return 0 if all pass."""
    with tempfile.TemporaryDirectory(prefix="doorward-lint-") as folder:
        failed = [check.name for check in checks(Path(folder)) if not check.passes()]
    if failed:
        print(f"Failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
