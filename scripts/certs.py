"""Makes a certificate for trying TLS on this machine, and an authority that browsers can trust.

The authority's key is thrown away at once: whoever found it could pass for any site in front of
those who trust the authority. A new certificate therefore means a new authority.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from doorward_stack import local_settings
from doorward_stack.authority import VALID_DAYS, Authority
from doorward_stack.errors import StackError
from doorward_stack.layout import ROOT, Layout
from doorward_stack.settings import address

# nginx in its container is in this group, and in no other that is on the host.
KEY_GROUP = 10004
FILES = ("fullchain.pem", "privkey.pem", "authority.pem")
TRUST = """\
Browsers warn until they trust the authority; its key was thrown away, so that nobody can
abuse that trust. To trust it:
  Debian    sudo cp {authority} /usr/local/share/ca-certificates/doorward.crt
            sudo update-ca-certificates
  Chromium  chrome://certificate-manager, Custom, Trusted Certificates, Import
  Firefox   Settings, Privacy & Security, View Certificates, Authorities, Import
  macOS     sudo security add-trusted-cert -d -k /Library/Keychains/System.keychain {authority}
  curl      curl --cacert {authority} …"""


def make(folder: Path, hosts: list[str]) -> None:
    """Write authority, certificate and key; never over anything."""
    there = [name for name in FILES if os.path.lexists(folder / name)]
    if there:
        raise StackError(
            f"{folder} has {' and '.join(there)} already. Move them away to make new ones."
        )
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Containers must be able to enter the folder, whatever the umask is.
    folder.chmod(0o755)
    authority = Authority(f"Doorward on {os.uname().nodename}, for trying it")
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


def let_the_container_read(key: Path) -> None:
    """Give the key to nginx's group, or say how: only root may give files away."""
    if os.geteuid() == 0:
        os.chown(key, -1, KEY_GROUP)
        key.chmod(0o640)
        return
    print(
        "\nFor Docker Compose, let nginx's container read the key:\n"
        f"  sudo chgrp {KEY_GROUP} {key} && chmod 640 {key}"
    )


def main() -> int:
    """Return 0 if a certificate was made."""
    layout = Layout(ROOT, ROOT / "var")
    try:
        values = local_settings.read(layout, os.environ)
        folder = local_settings.tls_folder(layout, values)
        public = urlsplit(address(values, folder).public_url).hostname or "localhost"
        hosts = list(dict.fromkeys((public, "localhost", "127.0.0.1", "::1")))
        make(folder, hosts)
        print(
            f"Made a certificate for {', '.join(hosts)}, good for {VALID_DAYS} days, in {folder}."
        )
        print("Start Doorward anew to use it: make up\n")
        print(TRUST.format(authority=folder / "authority.pem"))
        let_the_container_read(folder / "privkey.pem")
    except (StackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    except ValueError:
        print(
            "DOORWARD_PUBLIC_URL or a port is wrong. Type `make up` to see what is wrong with it.",
            file=sys.stderr,
        )
        return 1
    if address(values, folder).public_url.lower().startswith("http:"):
        print("\nDOORWARD_PUBLIC_URL is http: make it https, or Doorward will not start.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
