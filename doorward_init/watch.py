"""Applies changes while nginx runs; see `doorward_init.edge`."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from doorward_init import addresses, certificate, error_pages, nginx
from doorward_settings.edge import Settings
from session_contract.credentials import read_credential_file
from session_contract.startup import StartupError

LONGEST_LOG = 5_000_000
"""Bytes. A longer access log is rotated, if it is a file."""

SendSignal = Callable[[signal.Signals], None]
Say = Callable[[str], None]


def say(message: str) -> None:
    """Write a line to the log of nginx's errors."""
    sys.stderr.write(f"nginx: {message}\n")
    sys.stderr.flush()


class Edge:
    """nginx's configuration in its folder, and the files and addresses it is made from.

    The settings have decided whether nginx provides TLS. A certificate that is missing for a moment
    must not bring plain HTTP back, and the other programs would not know of a new one.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._addresses: dict[str, str] = {}
        self.folder = Path(settings.nginx_dir or "")
        self.log = Path(settings.nginx_log)

    @property
    def certificate_has_come(self) -> bool:
        """Whether there is a certificate now that Doorward uses only after the next start."""
        there = bool(self._settings.tls_dir) and self._settings.certificate.exists()
        return there and not self._settings.tls

    def state(self) -> tuple[object, ...]:
        """Return a value that changes when the configuration has to be rendered again."""
        upstreams = (self._settings.auth_upstream, self._settings.web_upstream)
        self._addresses = addresses.look_up(upstreams, self._addresses)
        files = (self._settings.certificate, self._settings.certificate_key)
        stamps = [_stamp(file) for file in files if self._settings.tls_dir or self._settings.tls]
        if self._settings.edge_credential_file:
            stamps.append(_stamp(self._settings.edge_credential_file))
        return (*stamps, *sorted(self._addresses.items()))

    def install(self) -> None:
        """Render the configuration, test it and put it in its place.

        Raises:
            StartupError: something is wrong; the former configuration stays.
        """
        problems = certificate.problems(self._settings)
        credential = self._settings.edge_credential
        if self._settings.edge_credential_file:
            credential, fault = read_credential_file(self._settings.edge_credential_file)
            problems += [f"{self._settings.edge_credential_file} {fault}"] if fault else []
        if problems:
            raise StartupError(problems)
        current = self._settings.model_copy(update={"edge_credential": credential})
        try:
            error_pages.write(self._settings, self.folder)
            nginx.install(nginx.render(current, self._addresses, self.folder), self.folder)
        except nginx.ConfigurationRefused as error:
            raise StartupError([str(error)]) from None
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise StartupError(
                [f"DOORWARD_NGINX_DIR: {error.filename or self.folder} cannot be used ({reason})"]
            ) from None


class Watch:
    """Lets nginx reread its configuration when the state has changed."""

    def __init__(self, edge: Edge, state: tuple[object, ...], send: SendSignal, say: Say) -> None:
        """Take the state from which the running configuration was made."""
        self._edge = edge
        self._known = state
        self._send = send
        self._say = say

    def look(self, nginx_pid: int) -> None:
        """Apply what has changed since the last look."""
        # A signal would end nginx before it has written its pid file.
        if not self._is_ready(nginx_pid):
            return
        self._rotate_log()
        found = self._edge.state()
        if found == self._known:
            return
        self._known = found
        if self._edge.certificate_has_come:
            self._say("there is a certificate now: start Doorward again to use it")
        try:
            self._edge.install()
        except StartupError as error:
            for problem in error.problems:
                self._say(problem)
            self._say("the changes cannot be used, for the reasons above: the old state stays")
        else:
            self._say(
                "certificate, edge credential or addresses have changed: the configuration is "
                "read anew"
            )
            self._send(signal.SIGHUP)

    def _is_ready(self, nginx_pid: int) -> bool:
        try:
            return (self._edge.folder / "nginx.pid").read_text().strip() == str(nginx_pid)
        except OSError:
            return False

    def _rotate_log(self) -> None:
        log = self._edge.log
        if not log.is_file() or log.stat().st_size <= LONGEST_LOG:
            return
        older = [log.with_name(f"{log.name}.{number}") for number in (1, 2)]
        if older[0].exists():
            older[0].replace(older[1])
        log.replace(older[0])
        self._send(signal.SIGUSR1)


def _stamp(file: Path) -> tuple[object, ...]:
    # The time of the inode's change shows that a file became readable, or was written in place.
    try:
        status = file.stat()
    except OSError:
        return (file,)
    return (file, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
