"""What only the containers can show: what is published, who they run as, and what survives them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest

import leftovers
from journeys.visitor import Api, Visitor, new_name
from running_stack import ROOT, SERVICES, ComposeStack, Stack, StackFailed, eventually
from scripts.doorward_stack.ports import free_port
from session_contract.credentials import new_credential

NOBODY_IN_A_RUNTIME_IMAGE = ("pip", "pip3", "pytest", "gcc", "cc", "make", "curl", "git")


@pytest.fixture
def containers(stack: Stack) -> ComposeStack:
    """The shared stack, which these tests leave running."""
    return cast("ComposeStack", stack)


def inspect(containers: ComposeStack, service: str) -> dict[str, Any]:
    """Return what the engine knows of a service's container."""
    command = ["docker", "inspect", containers.container(service)]
    found: list[dict[str, Any]] = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
    )
    return found[0]


def test_only_nginx_is_reachable_and_only_from_this_machine(containers: ComposeStack) -> None:
    for service in SERVICES:
        bindings = inspect(containers, service)["HostConfig"]["PortBindings"] or {}
        published = [(port, one["HostIp"]) for port, many in bindings.items() for one in many]
        public = [("8080/tcp", "127.0.0.1"), ("8443/tcp", "127.0.0.1")]
        assert sorted(published) == (public if service == "nginx" else [])


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_runs_with_as_little_as_it_needs(
    containers: ComposeStack, service: str
) -> None:
    known = inspect(containers, service)
    host = known["HostConfig"]
    assert re.fullmatch(r"1000[123]:1000[123]", known["Config"]["User"])
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert "no-new-privileges:true" in host["SecurityOpt"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    eventually(
        lambda: inspect(containers, service)["State"]["Health"]["Status"] == "healthy",
        "it is not healthy",
    )
    status = containers.exec(service, "cat", "/proc/1/status").stdout
    assert re.search(r"^CapEff:\s+0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\s+1$", status, re.M)
    written = containers.exec(service, "sh", "-c", "touch /app/x /etc/x 2>&1", check=False)
    assert written.returncode != 0


@pytest.mark.parametrize("service", SERVICES)
def test_no_compiler_and_no_test_tool_is_in_a_runtime_image(
    containers: ComposeStack, service: str
) -> None:
    for program in NOBODY_IN_A_RUNTIME_IMAGE:
        found = containers.exec(service, "sh", "-c", f"command -v {program}", check=False)
        assert found.returncode != 0, f"{program} is in the image of {service}"


def test_the_frontend_can_neither_see_users_nor_change_keys_nor_issue_tokens(
    containers: ComposeStack,
) -> None:
    for path in ("/data", "/app/auth_service"):
        assert containers.exec("web-frontend", "test", "-e", path, check=False).returncode != 0, (
            path
        )
    changed = containers.exec(
        "web-frontend", "sh", "-c", "echo >> /run/doorward/keys/keys.json", check=False
    )
    assert changed.returncode != 0


def test_only_nginx_is_in_the_group_that_may_read_a_certificates_key(
    containers: ComposeStack,
) -> None:
    groups = {service: containers.exec(service, "id", "-G").stdout.split() for service in SERVICES}
    assert [service for service, ids in groups.items() if "10004" in ids] == ["nginx"]


def test_nginx_sees_no_secret_but_its_own(containers: ComposeStack) -> None:
    # The image is also that of `init`, whose folders are empty here and closed to nginx.
    listing = containers.exec("nginx", "find", "/run/doorward", "-type", "f", check=False)
    found = listing.stdout.split()
    # Everybody gets to see the logo.
    no_secrets = ("/run/doorward/tls/", "/run/doorward/brand/")
    secrets = [name for name in found if not name.startswith(no_secrets)]
    assert secrets == ["/run/doorward/edge/credential"]
    mounts = {mount["Destination"] for mount in inspect(containers, "nginx")["Mounts"]}
    folders = {mount for mount in mounts if mount.startswith("/run/doorward/")}
    assert folders <= {"/run/doorward/edge", "/run/doorward/tls", "/run/doorward/brand"}


def test_people_and_their_sessions_survive_new_containers(containers: ComposeStack) -> None:
    name = new_name()
    with Visitor(containers.base_url) as visitor:
        assert visitor.register(name).status_code == 303
        containers.compose("up", "--detach", "--force-recreate", "--no-build")
        containers.wait_until_ready()
        assert visitor.is_signed_in()
        assert visitor.sign_out().status_code == 303
        assert visitor.sign_in(name).status_code == 303


def test_wrong_settings_are_all_named_at_once_and_leave_what_runs_alone(
    containers: ComposeStack,
) -> None:
    before = [inspect(containers, service)["Id"] for service in SERVICES]
    wrong = {
        "DOORWARD_BCRYPT_ROUNDS": "20",
        "DOORWARD_RENEW_SECONDS": "never",
        "DOORWARD_CREDENTIAL_RATE": "often",
        "DOORWARD_CSRF_KEY": new_credential(),
    }
    with pytest.raises(StackFailed) as refused:
        containers.script("up", **wrong)
    assert all(name in str(refused.value) for name in wrong)
    assert "nothing was changed" in str(refused.value)
    assert [inspect(containers, service)["Id"] for service in SERVICES] == before
    assert containers.health() == 200
    listed = containers.compose("ps", "--all", "--format", "{{.Service}}").split()
    assert sorted(listed) == sorted(["init", *SERVICES]), "a container was left behind"


def test_both_services_recreated_at_once_are_found_again(containers: ComposeStack) -> None:
    containers.compose(
        "up", "--detach", "--force-recreate", "--no-build", "auth-service", "web-frontend"
    )
    containers.wait_until_ready()
    name = new_name()
    with Api(containers.base_url) as api:
        assert api.register(name).status_code == 201
        assert api.sign_in(name).status_code == 201


def test_init_makes_secrets_once_and_never_again(containers: ComposeStack) -> None:
    before = containers.exec("auth-service", "cat", "/run/doorward/keys/keys.json").stdout
    containers.compose("run", "--rm", "--no-deps", "init")
    assert containers.exec("auth-service", "cat", "/run/doorward/keys/keys.json").stdout == before
    modes = containers.exec(
        "auth-service", "stat", "-c", "%a %u:%g", "/run/doorward/keys/keys.json"
    ).stdout
    assert modes.strip() == "640 10001:10000"


def test_operators_commands_run_in_the_container_and_not_as_root(containers: ComposeStack) -> None:
    name = new_name()
    flask = ("flask", "--app", "auth_service", "users")
    added = containers.exec("auth-service", *flask, "add", name, stdin="a fine long passphrase\n")
    assert "was added" in added.stdout
    with Api(containers.base_url) as api:
        assert api.sign_in(name, "a fine long passphrase").status_code == 201
    as_root = containers.compose(
        "exec", "-T", "--user", "0", "auth-service", *flask, "list", check=False
    )
    assert name not in as_root


def test_docker_compose_up_alone_works_in_a_fresh_clone(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    port = free_port(None, set())
    https_port = free_port(None, {port})
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORWARD_")}
    ports = {"DOORWARD_PORT": str(port), "DOORWARD_HTTPS_PORT": str(https_port)}
    environment = kept | ports | {"COMPOSE_PROJECT_NAME": leftovers.new_project()}

    def compose(*words: str) -> None:
        subprocess.run(
            ["docker", "compose", *words], cwd=clone, env=environment, check=True, timeout=600
        )

    try:
        compose("up", "--detach", "--wait", "--quiet-pull")
        with Visitor(f"http://localhost:{port}") as visitor:
            assert visitor.register(new_name()).status_code == 303
            assert visitor.is_signed_in()
    finally:
        compose("down", "--volumes", "--rmi", "local", "--timeout", "5")
