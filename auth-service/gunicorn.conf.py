"""How gunicorn serves auth-service."""

from gunicorn.workers.base import Worker

from auth_service.api.request_context import in_log_lines
from doorward_settings.auth_service import read_settings
from session_contract.audit_events import record_end, record_start
from session_contract.log_lines import configuration
from session_contract.startup import started

bind = started("auth-service", read_settings).auth_listen
# Built before any worker starts: a service that cannot start says why, once, and exits.
preload_app = True
# Hashing releases the interpreter, so one process uses every core, and users.json is in memory
# once. A second process is correct too (a test runs two); it only rereads what the other wrote.
workers = 1
# More threads than may wait for a hash (auth_service/app.py), so that renewals, sign-outs and
# health checks always find a free one.
threads = 64
# Longer than nginx keeps idle connections to this service (60 s), or requests meet a closing one.
keepalive = 75
# More than nginx lets through: what it refuses itself is answered in our form, and with a page.
limit_request_line, limit_request_field_size = 8190, 40_000
# Ignore forwarded headers here; the service reads them itself, from callers that show nginx's
# credential. By address every program on this machine would be believed.
forwarded_allow_ips, forwarder_headers, secure_scheme_headers = "", "", {}
# The control socket would need a writable home. There is no access log here: nginx writes one.
control_socket_disable = True
logconfig_dict = configuration("auth-service", in_log_lines)
# Heartbeats must not wait for a disk.
worker_tmp_dir = "/dev/shm"  # noqa: S108
when_ready, on_exit = record_start, record_end


def post_worker_init(worker: Worker) -> None:
    """Let the service do what each worker has to do first."""
    worker.wsgi.extensions["begin_work"]()
