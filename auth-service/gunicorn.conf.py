"""How gunicorn serves auth-service."""

import os

# Hashing releases the interpreter, so one process uses every core, and users.json is in memory
# once. A second process is correct too (a test runs two), it only rereads what the other wrote.
workers = 1
worker_class = "gthread"
# More threads than may wait for a hash (auth_service/app.py), so that renewals, sign-outs and
# health checks always find a free one.
threads = 64

# Longer than nginx keeps idle connections to this service (60 s), or requests meet a closing one.
keepalive = 75
graceful_timeout = 30
timeout = 60

# nginx writes the access log; the control socket would need a writable home.
accesslog = None
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112 - heartbeats must not wait for a disk

limit_request_line = 8190
limit_request_fields = 100
limit_request_field_size = 8190
