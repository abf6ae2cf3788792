"""gunicorn's configuration for the compared programs; a test checks that it is web-frontend's."""

# ruff: noqa: N999 - gunicorn looks for a file of this name
import os

bind = os.environ["BENCH_LISTEN"]
preload_app = True
workers = 2
threads = 32
reuse_port = True
keepalive = 75
control_socket_disable = True
worker_tmp_dir = "/dev/shm"  # noqa: S108
