"""Faults under the containers: killed, out of disk, read-only, out of memory."""

import json
import random
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import pytest

from conftest import Tally
from journeys.registrants import Registrants, settled
from journeys.visitor import Api, Visitor, all_at_once, new_name, patiently, send_raw
from running_stack import SERVICES, ComposeStack, Stack, eventually

DISK = "8m"
KILLS, TRIES, BODIES = 5, 5, 40


def docker(*words: str) -> str:
    """Run a docker command; return what it printed."""
    done = subprocess.run(["docker", *words], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def containers(start_stack: Callable[..., Stack]) -> ComposeStack:
    """A stack that the test may ruin."""
    return cast("ComposeStack", start_stack())


@pytest.fixture
def small(containers: ComposeStack) -> Iterator[ComposeStack]:
    """A stack whose data is on a tmpfs of a few megabytes."""
    volume = f"{containers.project}_data"
    containers.down()
    (known,) = json.loads(docker("volume", "inspect", volume))
    labels = [option for pair in known["Labels"].items() for option in ("--label", "=".join(pair))]
    docker("volume", "rm", volume)
    where = f"size={DISK},uid=10001,gid=10001,mode=0700"
    options = [
        word
        for option in ("type=tmpfs", "device=tmpfs", f"o={where}")
        for word in ("--opt", option)
    ]
    docker("volume", "create", "--driver", "local", *options, *labels, volume)
    # It is empty again when nobody uses it, and so somebody does for as long as the test runs.
    image = f"{containers.project}-auth-service"
    holder = docker("run", "--detach", "--rm", "--network", "none", "--volume", f"{volume}:/data",
                    "--entrypoint", "sleep", image, "600")  # fmt: skip
    try:
        containers.up()
        yield containers
    finally:
        containers.down()
        docker("kill", holder)


@pytest.mark.fault(1)
def test_nobody_is_lost_while_the_container_is_killed_again_and_again(
    containers: ComposeStack, tally: Tally, measured: list[str], long_run: bool
) -> None:
    tally.unit = "kills"
    clients = Registrants(containers.base_url)
    clients.start()
    slowest = 0.0
    try:
        for _ in range(KILLS * 10 if long_run else KILLS):
            wanted = len(clients.acknowledged) + 10
            eventually(
                lambda: len(clients.acknowledged) >= wanted,  # noqa: B023
                "registering did not go on",
                90,
            )
            time.sleep(random.uniform(0, 0.1))
            began = time.monotonic()
            containers.kill("auth-service")
            tally.tried += 1
            eventually(lambda: containers.health() == 200, "it did not come back", 90)
            slowest = max(slowest, time.monotonic() - began)
            tally.took("ready again after a kill", time.monotonic() - began)
    finally:
        clients.stop()
    settled(clients, containers.base_url, tally)
    measured.append(
        f"{tally.tried} kills of auth-service's container while people registered: "
        f"{tally.acknowledged} acknowledged, {tally.lost} lost; "
        f"ready again after {slowest:.1f} s at most"
    )


@pytest.mark.fault(6)
def test_on_a_full_disk_signing_in_goes_on_and_room_is_enough_to_recover(
    small: ComposeStack, tally: Tally
) -> None:
    """Without the room that each worker takes at its start, signing in is answered 503 here."""
    tally.unit = "tries on a full disk"
    with Api(small.base_url) as api, Visitor(small.base_url) as visitor:
        names = [new_name() for _ in range(10)]
        assert [api.register(name).status_code for name in names] == [201] * 10
        token = api.token(names[0])
        assert visitor.sign_in(names[0]).status_code == 303
        small.exec("auth-service", "sh", "-c", "cat /dev/zero > /data/filler", check=False)
        refused = []
        for _ in range(TRIES):
            refused.append(new_name())
            answer = api.register(refused[-1])
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert api.current(token).status_code == 200
            assert visitor.get("/dashboard").status_code == 200
            assert api.sign_in(names[0]).status_code == 201
            with Visitor(small.base_url) as another:
                assert another.sign_in(names[0]).status_code == 303
            assert api.renew(token).status_code == 200
            tally.tried += 1
        small.exec("auth-service", "rm", "/data/filler")
        late = new_name()
        assert patiently(lambda: api.register(late)).status_code == 201
        small.restart("auth-service")
        tally.acknowledged = 1 + len(names)
        for name in (late, *names):
            tally.lost += patiently(lambda name=name: api.sign_in(name)).status_code != 201
        assert [api.register(name).status_code for name in refused] == [201] * TRIES, (
            "nothing half-made"
        )


@pytest.mark.fault(8)
def test_on_a_volume_that_turns_read_only_reading_and_signing_in_go_on(
    containers: ComposeStack, tally: Tally
) -> None:
    """A second mount of the volume covers the first: what is opened from now on is read-only.

    The databases are open already and stay as they are. That is as far as a test can go: the kernel
    turns no volume read-only while a file on it is open for writing.
    """
    tally.unit = "tries on a read-only volume"
    pid = docker("inspect", "--format", "{{.State.Pid}}", containers.container("auth-service"))
    with Api(containers.base_url) as api:
        name = new_name()
        assert api.register(name).status_code == 201
        token = api.token(name)
        # Whoever reads has a connection of its own, which has to be open by then as well.
        assert api.current(token).status_code == 200
        in_mounts_of(containers, pid, "mount --bind /data /data && mount -o remount,bind,ro /data")
        for _ in range(TRIES):
            assert api.register(new_name()).status_code == 503
            assert api.sign_in(name).status_code == 201
            assert api.renew(token).status_code == 200
            assert api.current(token).status_code == 200
            tally.tried += 1
        in_mounts_of(containers, pid, "umount /data")
        assert patiently(lambda: api.register(new_name())).status_code == 201
        tally.acknowledged = 1
        tally.lost += api.sign_in(name).status_code != 201


def in_mounts_of(containers: ComposeStack, pid: str, script: str) -> None:
    """Run a shell script as root among the mounts of a process of the engine's."""
    mighty = [
        "--cap-add", "SYS_ADMIN", "--cap-add", "SYS_PTRACE",
        "--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined",
    ]  # fmt: skip
    nobody = ["--pid", "host", "--user", "0", "--network", "none", "--entrypoint", "nsenter"]
    image = f"{containers.project}-auth-service"
    docker("run", "--rm", *mighty, *nobody, image, "--target", pid, "--mount", "sh", "-c", script)


# From one container to the service in another, past nginx: the head, and a body that is sent for as
# long as anybody takes it.
SEND = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 30) as connection:
    head = "POST %s HTTP/1.1\\r\\nHost: localhost\\r\\nContent-Type: %s\\r\\n%s\\r\\n\\r\\n"
    connection.sendall((head % tuple(sys.argv[3:6])).encode())
    try:
        for _ in range(64):
            connection.sendall(b"10000\\r\\n" + b" " * 0x10000 + b"\\r\\n")
    except OSError:
        pass
    try:
        print(connection.recv(12).decode())
    except ConnectionResetError:
        print("- reset: it closed without reading the rest, and the answer is lost with it")
"""


@pytest.mark.fault(10)
def test_large_bodies_are_refused_and_nothing_is_killed_for_want_of_memory(
    containers: ComposeStack, tally: Tally
) -> None:
    tally.unit = "large bodies"
    # Little more than they have at rest: 60, 80 and 8 MB.
    for service, memory in (("auth-service", "80m"), ("web-frontend", "96m"), ("nginx", "64m")):
        docker("update", "--memory", memory, "--memory-swap", memory, containers.container(service))
    large = (
        b"POST %s HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Length: 1000000000\r\nContent-Type: %s\r\n\r\n"
    )
    form, data = b"application/x-www-form-urlencoded", b"application/json"

    def send(number: int) -> None:
        path, kind = ((b"/api/v1/users", data), (b"/login", form))[number % 2]
        answer = send_raw(containers.base_url, large % (path, kind))
        assert answer is not None
        assert answer.status == 413

    all_at_once([partial(send, number) for number in range(BODIES)])
    for length in ("Content-Length: 4000000", "Transfer-Encoding: chunked"):
        sender = (
            "run",
            "--rm",
            "--network",
            f"{containers.project}_inner",
            "--entrypoint",
            "python",
        )
        to_auth = ("auth-service", "8001", "/api/v1/users", data.decode(), length)
        to_web = ("web-frontend", "8002", "/login", form.decode(), length)
        for words in (to_auth, to_web):
            said = docker(*sender, f"{containers.project}-auth-service", "-c", SEND, *words)
            assert said.split()[1] in ("411", "413", "reset:")
    tally.tried += BODIES + 4
    for service in SERVICES:
        (known,) = json.loads(docker("inspect", containers.container(service)))
        assert not known["State"]["OOMKilled"], service
        assert known["RestartCount"] == 0
    with Api(containers.base_url) as api:
        name = new_name()
        assert api.register(name).status_code == 201
        tally.acknowledged += 1
        tally.lost += api.sign_in(name).status_code != 201
