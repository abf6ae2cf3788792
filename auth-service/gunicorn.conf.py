"""gunicorn's configuration for auth-service."""

from gunicorn.workers.base import Worker

from auth_service.api.request_context import in_log_lines
from doorward_settings.auth_service import read_settings
from session_contract.audit_events import record_end, record_start
from session_contract.log_lines import configuration
from session_contract.startup import started

bind = started("auth-service", read_settings).auth_listen
# Builds the service before any worker starts: if it cannot start, it says why once and exits.
preload_app = True
# Hashing releases the interpreter, so one process uses every core and holds users.json in memory
# once. A second process works too (a test runs two), but has to reread what the first one writes.
workers = 1
# More threads than requests may wait for a guess (32), a hash (24) or a write of users.json (24),
# so that renewals, sign-outs and health checks always get one.
threads = 96
# Longer than nginx keeps idle connections (60 s), so that nginx never uses one that is closing.
keepalive = 75
# More than nginx lets through, so that nginx refuses large requests, in our form.
limit_request_line = 8190
limit_request_field_size = 40_000
# Ignore forwarded headers here; the service reads them itself, from callers with nginx's
# credential. gunicorn would trust every program on this machine.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# The control socket would need a writable home. nginx writes the access log.
control_socket_disable = True
logconfig_dict = configuration("auth-service", in_log_lines)
# Heartbeats must not wait for a disk.
worker_tmp_dir = "/dev/shm"  # noqa: S108
when_ready = record_start
on_exit = record_end


def post_worker_init(worker: Worker) -> None:
    """Prepare each worker before it serves."""
    worker.wsgi.extensions["begin_work"]()
