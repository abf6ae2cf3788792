"""The settings: what is wrong is named, all of it, and no secret is shown on the way."""

from pathlib import Path

import pytest

import web_frontend
from doorward_settings.web_frontend import Settings, read_settings
from session_contract.startup import StartupError
from tests.unit.web_frontend.conftest import SECRETS

NAMES = ["EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY"]
ANOTHER = "rkSKyGxOjk3sZFcpcI70GHOuecbf-E7_czYJiUh_COU"


def read(environment: pytest.MonkeyPatch, **changes: str) -> Settings:
    for name, value in changes.items():
        environment.setenv(f"DOORWARD_{name}", value)
    return read_settings()


def problems(environment: pytest.MonkeyPatch, **changes: str) -> str:
    """Return what is said of settings that are wrong."""
    with pytest.raises(StartupError) as raised:
        read(environment, **changes)
    assert len(raised.value.problems) >= 1
    for secret in SECRETS.values():
        assert secret not in str(raised.value)
    return str(raised.value)


def test_the_defaults_are_those_of_the_contract(environment: pytest.MonkeyPatch) -> None:
    settings = read(environment)
    seconds = (settings.idle_seconds, settings.absolute_seconds, settings.renew_seconds)
    assert seconds == (1800, 43_200, 30)
    assert (settings.registration, settings.contact) == ("open", "")
    assert settings.password_min_length == 15
    assert settings.hosts == {"localhost", "127.0.0.1"}
    assert settings.origins == {"http://localhost:8080", "http://127.0.0.1:8080"}
    assert not settings.https


def test_an_empty_setting_is_an_unset_one(environment: pytest.MonkeyPatch) -> None:
    names = [
        name
        for name in Settings.model_fields
        if name not in ("key_set_file", *map(str.lower, NAMES))
    ]
    assert read(environment, **{name.upper(): "" for name in names}) == read(environment)
    assert "DOORWARD_CSRF_KEY" in problems(environment, CSRF_KEY="")


WRONG = {
    "PORT": ["0", "65536", "-1", "http"],
    "REGISTRATION": ["maybe", "Open "],
    "IDLE_SECONDS": ["0", "30m", "86401", "inf", "1e9"],
    "ABSOLUTE_SECONDS": ["0", "2592001"],
    "RENEW_SECONDS": ["-1", "31"],
    "PASSWORD_MIN_LENGTH": ["7", "65"],
    "ALLOW_INSECURE_HTTP": ["perhaps"],
    "PUBLIC_URL": [
        "portal.example",
        "//portal.example",
        "ftp://portal.example",
        "https://",
        "https:portal.example",
        "https://portal.example/path",
        "https://portal.example?query",
        "https://user@portal.example",
        "https://:password@portal.example",
        "https://portal.example#fragment",
        "https://portal.example:port",
        "https://portal.example:70000",
        "https://[::1",
        "https://portal example",
        "https://portal.example,https://two.example",
        "https://portal.example\\evil",
        "javascript:alert(1)",
    ],
    "AUTH_URL": ["ftp://auth-service", "http://", "127.0.0.1:8001", "https://auth-service:8001"],
    "EDGE_CREDENTIAL": ["a" * 43],
    "SERVICE_CREDENTIAL": ["changeme" * 6],
    "CSRF_KEY": ["0" * 64],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_named_with_its_setting(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv("DOORWARD_TRUSTED_PROXIES", "192.0.2.1")
    said = problems(environment, **{name: value})
    assert f"DOORWARD_{name}" in said
    if name in NAMES:
        assert value not in said, "a secret is shown"
    else:
        assert repr(value) in said, "the value is shown"


def test_everything_that_is_wrong_is_named_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("DOORWARD_KEY_SET_FILE")
    wrong = {
        "PORT": "0",
        "REGISTRATION": "maybe",
        "IDLE_SECONDS": "long",
        "RENEW_SECONDS": "99",
        "PASSWORD_MIN_LENGTH": "3",
        "ALLOW_INSECURE_HTTP": "perhaps",
        "EDGE_CREDENTIAL": "x",
        "SERVICE_CREDENTIAL": "",
        "CSRF_KEY": "y",
    }
    said = problems(environment, **wrong)
    for name in (*wrong, "KEY_SET_FILE"):
        assert f"DOORWARD_{name}" in said, name


@pytest.mark.proves("V13.2.3")
@pytest.mark.parametrize("name", NAMES)
def test_no_secret_has_a_default(environment: pytest.MonkeyPatch, name: str) -> None:
    environment.delenv(f"DOORWARD_{name}")
    said = problems(environment)
    assert f"DOORWARD_{name}" in said
    assert "set" in said


@pytest.mark.proves("V13.3.1")
@pytest.mark.parametrize("name", NAMES)
def test_a_secret_may_stand_in_a_file(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    environment.delenv(f"DOORWARD_{name}")
    file = tmp_path / "secret"
    for text in (ANOTHER, f"{ANOTHER}\n", f"{ANOTHER}\r\n"):
        file.write_text(text)
        settings = read(environment, **{f"{name}_FILE": str(file)})
        assert getattr(settings, name.lower()) == ANOTHER
    assert ANOTHER not in repr(settings)
    assert ANOTHER not in str(settings)


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_file_is_named_and_its_content_is_not(
    environment: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(ANOTHER)
    assert f"DOORWARD_{name}" in problems(environment, **{f"{name}_FILE": str(file)}), "both"
    environment.delenv(f"DOORWARD_{name}")
    for content in (b"", b"x", b"\xff" * 50, f"{ANOTHER}\n{ANOTHER}".encode()):
        file.write_bytes(content)
        said = problems(environment)
        assert f"DOORWARD_{name}" in said
        assert str(file) in said
        assert ANOTHER not in said
    for missing in (tmp_path, tmp_path / "nowhere"):
        assert str(missing) in problems(environment, **{f"{name}_FILE": str(missing)})


@pytest.mark.proves("V13.2.1")
@pytest.mark.parametrize(
    ("first", "second"), [(NAMES[0], NAMES[1]), (NAMES[1], NAMES[2]), (NAMES[0], NAMES[2])]
)
def test_the_secrets_must_differ(environment: pytest.MonkeyPatch, first: str, second: str) -> None:
    assert "are the same" in problems(environment, **{first: SECRETS[second]})


# --- the public URL


@pytest.mark.parametrize(
    ("url", "https", "hosts", "origins"),
    [
        (
            "http://127.0.0.1:80/", False,
            {"localhost", "127.0.0.1"}, {"http://localhost", "http://127.0.0.1"},
        ),
        ("https://portal.example:443/", True, {"portal.example"}, {"https://portal.example"}),
        (
            "https://localhost:8443", True,
            {"localhost", "127.0.0.1"}, {"https://localhost:8443", "https://127.0.0.1:8443"},
        ),
    ],
)  # fmt: skip
def test_the_public_url_is_the_one_source_of_scheme_hosts_and_origins(
    environment: pytest.MonkeyPatch, url: str, https: bool, hosts: set[str], origins: set[str]
) -> None:
    settings = read(environment, PUBLIC_URL=url, TRUSTED_PROXIES="192.0.2.1")
    assert (settings.https, settings.hosts, settings.origins) == (https, hosts, origins)


@pytest.mark.parametrize(
    "host", ["portal.example", "10.0.0.5:8080", "0.0.0.0", "127.0.0.1.example", "[2001:db8::1]"]
)
def test_http_for_a_host_that_is_not_loopback_is_refused_unless_allowed(
    environment: pytest.MonkeyPatch, host: str
) -> None:
    url = f"http://{host}"
    assert "DOORWARD_ALLOW_INSECURE_HTTP=1" in problems(environment, PUBLIC_URL=url)
    assert "DOORWARD_ALLOW_INSECURE_HTTP=1" in problems(environment, ALLOW_INSECURE_HTTP="0")
    assert not read(environment, ALLOW_INSECURE_HTTP="1").https


def test_https_needs_to_know_who_ends_tls(environment: pytest.MonkeyPatch) -> None:
    said = problems(environment, PUBLIC_URL="https://portal.example", ALLOW_INSECURE_HTTP="1")
    assert "DOORWARD_TRUSTED_PROXIES" in said


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """A folder with a certificate, as far as web-frontend looks at it."""
    folder = tmp_path / "certs"
    folder.mkdir()
    (folder / "fullchain.pem").touch()
    return folder


def test_with_a_certificate_the_public_url_is_https_by_default(
    environment: pytest.MonkeyPatch, certs: Path
) -> None:
    settings = read(environment, TLS_DIR=str(certs), HTTPS_PORT="9443")
    assert settings.url == "https://localhost:9443"
    assert settings.https
    (certs / "fullchain.pem").unlink()
    assert settings.https, "what was found at the start counts"
    assert read(environment).url == "http://localhost:8080"
    own = read(environment, TLS_CERTIFICATE_FILE="own.crt")
    assert own.url == "https://localhost:9443"
    assert read(environment, PUBLIC_URL="https://portal.example").https


@pytest.mark.proves("V12.2.1")
def test_http_as_public_url_beside_a_certificate_is_refused(
    environment: pytest.MonkeyPatch, certs: Path
) -> None:
    said = problems(environment, PUBLIC_URL="http://localhost:8080", TLS_DIR=str(certs))
    assert "DOORWARD_PUBLIC_URL" in said
    assert "certificate" in said


# --- starting


def test_a_service_that_cannot_start_says_so_once_and_is_not_started_again(
    environment: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("DOORWARD_PORT", "0")
    environment.delenv("DOORWARD_CSRF_KEY")
    with pytest.raises(SystemExit) as raised:
        web_frontend.create_app()
    said = capfd.readouterr()
    assert raised.value.code == 3
    assert said.out == ""
    assert said.err.count("cannot start") == 1
    assert said.err.count("DOORWARD_PORT") == 1
    assert "DOORWARD_CSRF_KEY" in said.err
    assert "Traceback" not in said.err
