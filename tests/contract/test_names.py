"""Every name of a setting means the same wherever it stands, and defaults are those promised."""

import re
import subprocess
from pathlib import Path

from doorward_settings import auth_service, edge, web_frontend
from doorward_settings.base import ProgramSettings, variable

MODELS: dict[str, type[ProgramSettings]] = {
    "auth-service": auth_service.Settings,
    "web-frontend": web_frontend.Settings,
    "nginx": edge.Settings,
}
ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"DOORWARD_[A-Z0-9]+(?:_[A-Z0-9]+)*")
# Everything but the tests and the documents for people.
SOURCES = (
    "auth-service/auth_service", "auth-service/gunicorn.conf.py", "web-frontend/web_frontend",
    "web-frontend/gunicorn.conf.py", "session_contract",
    "doorward_settings", "doorward_init", "nginx", "scripts", "docker-compose.yml", "Makefile",
    ".ci",
)  # fmt: skip
# Between what starts nginx and doorward_init only: nobody sets these by hand.
OF_NGINX = {
    "DOORWARD_NGINX_DIR", "DOORWARD_NGINX_LISTEN", "DOORWARD_NGINX_TLS_LISTEN",
    "DOORWARD_NGINX_LOG", "DOORWARD_NGINX_SHARE", "DOORWARD_AUTH_UPSTREAM", "DOORWARD_WEB_UPSTREAM",
}  # fmt: skip
# Switches of the tests' own runner.
OF_THE_TESTS = {"DOORWARD_TEST_REQUIRE"}


def documented() -> dict[str, str]:
    """Return every setting of .env.example with its default."""
    text = (ROOT / ".env.example").read_text()
    return dict(re.findall(r"^#(DOORWARD_[A-Z0-9_]+)=(.*)$", text, re.M))


def written_out() -> dict[str, set[str]]:
    """Return every name that stands in the sources, with the files that it is in."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *SOURCES],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    found: dict[str, set[str]] = {}
    for file in filter(lambda name: (ROOT / name).is_file(), listed):
        for match in NAME.finditer((ROOT / file).read_text(errors="replace")):
            # What ends in an underscore is the beginning of names that are put together.
            found.setdefault(match[0], set()).add(file)
    return found


def put_together() -> set[str]:
    """Return the names that the programs form from the fields of their settings."""
    return {variable(field) for model in MODELS.values() for field in model.model_fields}


def test_every_name_in_the_sources_is_explained_in_env_example() -> None:
    known = set(documented()) | OF_NGINX | OF_THE_TESTS
    # `DOORWARD_TEST` and the like are what prefixes look like to the pattern.
    unknown = {
        name: files
        for name, files in written_out().items()
        if name not in known and not any(other.startswith(f"{name}_") for other in known)
    }
    assert unknown == {}


def test_every_name_in_env_example_is_used_somewhere() -> None:
    used = set(written_out()) | put_together()
    used |= {f"{name}_FILE" for name in used}
    assert set(documented()) <= used


def test_every_setting_reaches_its_reader_under_compose() -> None:
    """A name that Compose does not pass on would silently not count there."""
    text = (ROOT / "docker-compose.yml").read_text()
    for_compose_itself = {"DOORWARD_DATA_DIR"}
    wiring = re.compile(
        r"_FILE$|_LISTEN$|_CREDENTIAL$|_CSRF_KEY$|_AUTH_URL$|_UPSTREAM$|_NGINX_|_REQUIRE$"
    )
    settings = {name for name in documented() if not wiring.search(name)} - for_compose_itself
    passed_on = set(re.findall(r"\$\{(DOORWARD_[A-Z0-9_]+)", text))
    assert settings <= passed_on


def test_the_defaults_are_those_promised() -> None:
    promised = {
        "renew_seconds": 30,
        "idle_seconds": 1800,
        "absolute_seconds": 43_200,
        "password_min_length": 15,
        "registration": "open",
        "bcrypt_rounds": 12,
    }
    for field, default in promised.items():
        assert documented()[f"DOORWARD_{field.upper()}"] == str(default)
        read = [model.model_fields.get(field) for model in MODELS.values()]
        assert {found.default for found in read if found} == {default}


def test_an_ended_session_is_refused_within_thirty_seconds_by_default() -> None:
    """The journeys measure the bound on a stack where it is a second."""
    assert documented()["DOORWARD_RENEW_SECONDS"] == "30"
    assert "within 30 seconds" in " ".join((ROOT / "README.md").read_text().split())


def test_scripts_that_are_called_by_name_are_executable_and_others_are_not() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", "nginx", ".ci", "scripts"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in listed:
        file = ROOT / name
        if file.is_file():
            begins_like_a_program = file.read_bytes().startswith(b"#!")
            assert bool(file.stat().st_mode & 0o111) == begins_like_a_program, name
