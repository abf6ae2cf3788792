"""gunicorn's configuration for web-frontend."""

import socket
import sys
from typing import Any

from doorward_settings.web_frontend import read_settings
from session_contract.audit_events import record_end, record_start
from session_contract.log_lines import configuration
from session_contract.startup import started
from web_frontend.browser_cookies import in_one_line
from web_frontend.log_context import in_log_lines

bind = started("web-frontend", read_settings).web_listen
# Builds the service before any worker starts, so that one that cannot start says why once and exits.
preload_app = True
# Rendering takes processor time, so there are two processes. Their threads wait for auth-service.
workers = 2
threads = 32
# Without it, one process sometimes gets all of nginx's idle connections and the other has nothing to do.
reuse_port = True
# Longer than nginx keeps idle connections (60 s), so that nginx never uses one that is closing.
keepalive = 75
# More than nginx lets through, so that nginx refuses large requests, with our error page.
limit_request_line = 8190
limit_request_fields = 9000
limit_request_field_size = 40_000
# Ignore forwarded headers here; the service reads them itself, from callers with nginx's credential.
# gunicorn would trust every program on this machine.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The control socket would need a writable home. nginx writes the access log.
control_socket_disable = True
logconfig_dict = configuration("web-frontend", in_log_lines)
# Heartbeats must not wait for a disk.
worker_tmp_dir = "/dev/shm"  # noqa: S108
when_ready = record_start
on_exit = record_end


def pre_request(_worker: object, request: Any) -> None:
    """Join the Cookie lines as RFC 9113 requires, before gunicorn joins them with commas."""
    request.headers = in_one_line(request.headers)


def on_starting(_server: object) -> None:
    """End if the port is in use: with reuse_port the workers would try for ever."""
    host, _, port = bind.rpartition(":")
    try:
        socket.create_server((host, int(port))).close()
    except OSError as error:
        sys.exit(f"web-frontend cannot start: DOORWARD_WEB_LISTEN ({bind}) may be in use: {error}")
