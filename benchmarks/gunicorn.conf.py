"""gunicorn's configuration for the compared programs; a test checks that it is web-frontend's."""

# ruff: noqa: N999 - gunicorn looks for a file of this name
import os

bind = os.environ["BENCH_LISTEN"]
preload_app = True
workers = 2
threads = 32
reuse_port = True
keepalive = 75
limit_request_line = 8190
limit_request_fields = 9000
limit_request_field_size = 40_000
forwarded_allow_ips = ""
forwarder_headers = ""
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108
