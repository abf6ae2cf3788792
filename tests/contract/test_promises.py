"""What the documents, the locks, the Compose file and the Makefile must keep agreeing on."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from doorward_settings import auth_service, edge, web_frontend
from doorward_settings.base import variable

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("auth-service", "web-frontend", "nginx")
LOCKS = ("auth-service", "web-frontend", "nginx", "scripts", "tests", "tests/mutation")
README_ONLY_WIRING = re.compile(
    r"(?<!LOGO)_FILE$|_LISTEN$|_CREDENTIAL$|_CSRF_KEY$|_AUTH_URL$|_UPSTREAM$|_NGINX_|_TEST_"
)


def tracked(*patterns: str) -> list[Path]:
    """Return the files of the project, whether committed yet or not."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ;\\]+)", text, re.M))


def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return content


# --- locks


def test_a_package_that_two_locks_pin_has_one_version() -> None:
    versions: dict[str, set[str]] = {}
    for lock in LOCKS:
        for name, version in pins(lock).items():
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


@pytest.mark.proves("V15.1.2")
@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_has_hashes_and_no_lock_names_an_index(lock: str) -> None:
    text = (ROOT / lock / "requirements.txt").read_text()
    for block in re.split(r"^(?=[a-z0-9._-]+==)", text, flags=re.M)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]
    assert "index-url" not in text
    assert "find-links" not in text


@pytest.mark.proves("V15.2.3")
@pytest.mark.parametrize("lock", ["auth-service", "web-frontend", "nginx"])
def test_runtime_images_get_no_test_tools(lock: str) -> None:
    assert not pins(lock).keys() & {"pytest", "hypothesis", "playwright", "mypy", "ruff"}


# --- settings


def documented() -> set[str]:
    return set(re.findall(r"^#(DOORWARD_[A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.M))


def test_every_setting_that_a_program_reads_is_explained_in_env_example() -> None:
    models = (auth_service.Settings, web_frontend.Settings, edge.Settings)
    read = {variable(field) for model in models for field in model.model_fields}
    assert read <= documented()


def test_every_setting_in_env_example_has_a_line_of_explanation() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#[A-Z_]+=", line):
            assert re.match(r"# \S", lines[number - 1]), line


def test_every_setting_for_people_stands_in_the_readme_and_no_other() -> None:
    readme = set(re.findall(r"^\| `(DOORWARD_[A-Z0-9_]+)`", (ROOT / "README.md").read_text(), re.M))
    for_people = {name for name in documented() if not README_ONLY_WIRING.search(name)}
    assert readme == for_people


def test_the_readme_and_env_example_name_the_same_defaults() -> None:
    defaults = dict(
        re.findall(r"^#(DOORWARD_[A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M)
    )
    rows = re.findall(
        r"^\| `(DOORWARD_[A-Z0-9_]+)` \| `([^`]+)` \|", (ROOT / "README.md").read_text(), re.M
    )
    assert rows
    for name, default in rows:
        assert defaults[name].rstrip("/").replace("8080", "$DOORWARD_PORT") == default.rstrip(
            "/"
        ).replace("8080", "$DOORWARD_PORT"), name


# --- Compose


def test_only_nginx_publishes_and_by_default_only_on_this_machine() -> None:
    publishing = {
        name: service["ports"]
        for name, service in compose()["services"].items()
        if "ports" in service
    }
    bind = "${DOORWARD_BIND:-127.0.0.1}"
    assert publishing == {
        "nginx": [
            f"{bind}:${{DOORWARD_PORT:-8080}}:8080",
            f"{bind}:${{DOORWARD_HTTPS_PORT:-8443}}:8443",
        ]
    }


def test_checkouts_run_side_by_side_because_nothing_has_a_fixed_name() -> None:
    content = compose()
    assert "name" not in content
    for service in content["services"].values():
        assert "container_name" not in service
    for volume in content["volumes"].values():
        assert "name" not in (volume or {})


@pytest.mark.proves("V13.2.2")
@pytest.mark.parametrize("name", ["init", *SERVICES])
def test_every_container_is_hardened(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d{4}:[1-9]\d{4}", service["user"])
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"]["max-size"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_server_has_a_health_check_a_restart_policy_and_time_to_stop(name: str) -> None:
    service = compose()["services"][name]
    assert service["healthcheck"]["test"]
    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].rstrip("s")) > 30


@pytest.mark.proves("V13.2.2", "V13.3.2")
def test_each_service_sees_only_the_secrets_that_it_needs() -> None:
    def mounted(name: str) -> dict[str, bool]:
        found = {}
        for volume in compose()["services"][name]["volumes"]:
            if isinstance(volume, str):
                source, _, *options = volume.split(":")
                found[source] = "ro" not in options
            else:
                found[volume["source"]] = not volume.get("read_only", False)
        return found

    assert mounted("auth-service") == {"data": True, "keys": True, "edge": False, "service": False}
    # The certificate's key among these is readable for the group 10004 only; init checks it.
    certs = {"${DOORWARD_TLS_DIR:-./certs}": False}
    brand = {"${DOORWARD_BRAND_DIR:-./brand}": False}
    credentials = {"keys": False, "edge": False, "service": False, "csrf": False}
    assert mounted("web-frontend") == credentials | certs | brand
    assert mounted("nginx") == {"edge": False} | certs | brand
    groups = {name: one.get("group_add", []) for name, one in compose()["services"].items()}
    assert [name for name, given in groups.items() if "10004" in given] == ["init", "nginx"]


# --- nginx


@pytest.mark.proves("V14.2.2")
def test_nginx_caches_static_files_alone_and_knows_them_by_their_path() -> None:
    text = (ROOT / "nginx/nginx.conf.j2").read_text()
    before, *locations = re.split(r"^\s*location ", text, flags=re.M)
    assert "proxy_cache " not in before
    cached = [location for location in locations if "proxy_cache " in location]
    assert [location.partition(" {")[0] for location in cached] == ["~ ^/static/"]
    assert "proxy_cache_key $static_cache_key;" in cached[0]
    assert re.search(r"map \$request_uri \$static_cache_key", before)


# --- the rest


def test_links_between_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("[A-Z]*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


@pytest.mark.proves("V13.3.1")
def test_no_secret_stands_in_the_tree() -> None:
    for file in tracked():
        if file.suffix in (".png", ".txt") or "tests" in file.parts:
            continue
        text = file.read_text(errors="replace")
        assert not re.search(
            r"(?i)(secret|credential|csrf_key)\w*\s*=\s*[\"'][A-Za-z0-9_/+-]{32,}[\"']", text
        ), file
        assert "-----BEGIN" not in text, file
