"""Makes a certificate for trying TLS on this machine, and the authority that browsers are told of.

The authority's key is thrown away at once: whoever found it could pass for any site in front of
those who trust the authority. A new certificate therefore means a new authority.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from doorward_stack import local_settings
from doorward_stack.authority import VALID_DAYS, Authority
from doorward_stack.engine import Engine
from doorward_stack.errors import StackError
from doorward_stack.health import Address
from doorward_stack.layout import ROOT, Layout
from doorward_stack.settings import address

# nginx in its container is in this group, and in no other that is on the host.
KEY_GROUP = 10004
FILES = ("fullchain.pem", "privkey.pem", "authority.pem")


def make(folder: Path, hosts: list[str]) -> None:
    """Write authority, certificate and key; never over anything."""
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        raise StackError(
            f"{folder} has {' and '.join(there)} already. Move them away to make new ones."
        )
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Neither may the umask keep the containers out.
    folder.chmod(0o755)
    authority = Authority(f"Doorward on {os.uname().nodename}, for trying it"[:64])
    certificate, key = authority.issue(hosts)
    # The certificate, by which everybody knows that there is one, comes last.
    _write(folder / "privkey.pem", key, 0o600)
    _write(folder / "authority.pem", authority.certificate, 0o644)
    _write(folder / "fullchain.pem", certificate, 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)


def let_the_container_read(key: Path, engine: Engine) -> bool:
    """Give the key to nginx's group, which on the host nobody is in; return whether that worked."""
    if os.geteuid() == 0:
        os.chown(key, -1, KEY_GROUP)
    elif engine.missing() is not None or not engine.has_image(engine.base_image):
        return False
    else:
        # Only root may give files away, and whoever may use the engine can be root there.
        mount = f"type=bind,source={key.parent},target=/certs"
        container = (
            "--rm",
            "--network",
            "none",
            "--user",
            "0",
            "--mount",
            mount,
            engine.base_image,
        )
        done = engine.run(
            ["docker", "run", *container, "chgrp", str(KEY_GROUP), f"/certs/{key.name}"]
        )
        if done.returncode != 0:
            return False
    key.chmod(0o640)
    return True


def print_instructions(where: Address, folder: Path, hosts: list[str], *, readable: bool) -> None:
    """Say what was made and what is left to do."""
    authority = folder / "authority.pem"
    print(
        f"Made a certificate for {', '.join(hosts)}, good for {VALID_DAYS} days, in {folder}.\n"
        "Start Doorward anew to use it: make up\n\n"
        "Browsers warn until they trust the authority; its key was thrown away, so that nobody can\n"
        "abuse that trust. To trust it:\n"
        f"  Debian    sudo cp {authority} /usr/local/share/ca-certificates/doorward.crt\n"
        "            sudo update-ca-certificates\n"
        "  Chromium  chrome://certificate-manager, Custom, Trusted Certificates, Import\n"
        "  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import\n"
        f"  macOS     sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain {authority}\n"
        f"  curl      curl --cacert {authority} …"
    )
    if not readable:
        print(
            "\nFor Docker Compose, let nginx's container read the key:\n"
            f"  sudo chgrp {KEY_GROUP} {folder}/privkey.pem && chmod 640 {folder}/privkey.pem"
        )
    if where.public_url.lower().startswith("http:"):
        print(
            "\nDOORWARD_PUBLIC_URL is http: with a certificate Doorward starts only when it is https."
        )


def main() -> int:
    """Return 0 if a certificate was made."""
    try:
        layout = Layout(ROOT, ROOT / "var")
        values = local_settings.read(layout, os.environ)
        folder = local_settings.tls_folder(layout, values)
        public = urlsplit(address(values, folder).public_url).hostname or "localhost"
        hosts = list(dict.fromkeys((public, "localhost", "127.0.0.1", "::1")))
        make(folder, hosts)
        readable = let_the_container_read(folder / "privkey.pem", Engine(layout))
        print_instructions(address(values, folder), folder, hosts, readable=readable)
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
