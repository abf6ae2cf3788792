"""What nginx/render accepts, refuses and writes."""

from __future__ import annotations

import ipaddress
import os
import random
import re
import secrets
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

NGINX_FOLDER = Path(__file__).resolve().parents[2] / "nginx"
PATH = "/usr/local/bin:/usr/bin:/bin"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', PATH)}:/usr/sbin:/usr/local/sbin")
MAP_RULE = re.compile(r'^\s*"~(?P<pattern>.+)" (?P<result>\S+);$', re.MULTILINE)

Environment = dict[str, str]
Render = Callable[[Environment], subprocess.CompletedProcess[str]]


@pytest.fixture
def credential() -> str:
    return secrets.token_urlsafe(32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # A checkout may well lie under a path with a space or an ampersand.
    return tmp_path / "run & more" / "nginx"


@pytest.fixture
def good(folder: Path, credential: str) -> Environment:
    return {
        "DOORWARD_NGINX_DIR": str(folder),
        "DOORWARD_NGINX_LISTEN": "127.0.0.1:18080 [::1]:18080",
        "DOORWARD_AUTH_UPSTREAM": "127.0.0.1:8001",
        "DOORWARD_WEB_UPSTREAM": "127.0.0.1:8002",
        "DOORWARD_EDGE_CREDENTIAL": credential,
    }


def render(environment: Environment) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NGINX_FOLDER / "render"],
        env={"PATH": PATH} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def without(environment: Environment, name: str) -> Environment:
    return {key: value for key, value in environment.items() if key != name}


def assert_refused(environment: Environment, *starts: str) -> None:
    """Exactly these variables are complained about, one line each, and nothing is rendered."""
    done = render(environment)
    lines = done.stderr.splitlines()
    assert done.returncode == 78, done.stderr
    assert not done.stdout
    assert len(lines) == len(starts), done.stderr
    for line, start in zip(lines, starts, strict=True):
        assert re.match(rf"nginx: {start}(?!\w)", line), line
    assert not list(Path(environment["DOORWARD_NGINX_DIR"]).glob("**/*.conf"))


def map_rules(configuration: str, variable: str) -> list[tuple[str, str]]:
    """Read the regular expressions of the map that sets this variable, as Python spells them."""
    block = re.search(rf"map .+ \${variable} \{{\n(?P<rules>(?:.*\n)*?) {{4}}\}}\n", configuration)
    assert block
    return [
        (rule["pattern"].replace("(?<", "(?P<").replace(r"\z", r"\Z"), rule["result"])
        for rule in MAP_RULE.finditer(block["rules"])
    ]


def test_good_settings_are_rendered_without_a_word(good: Environment, folder: Path) -> None:
    done = render(good)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    configuration = (folder / "nginx.conf").read_text()
    assert not re.search(r"@[A-Z_]+@", configuration)
    assert "server 127.0.0.1:8001 max_fails=0;" in configuration
    assert "server 127.0.0.1:8002 max_fails=0;" in configuration
    assert f'pid "{folder}/nginx.pid";' in configuration
    assert (folder / "server.d/listen.conf").read_text().splitlines() == [
        "listen 127.0.0.1:18080;",
        "listen [::1]:18080;",
    ]


def test_a_port_alone_may_be_listened_on(good: Environment, folder: Path) -> None:
    assert render(good | {"DOORWARD_NGINX_LISTEN": "8080"}).returncode == 0
    assert (folder / "server.d/listen.conf").read_text() == "listen 8080;\n"


@pytest.mark.parametrize("source", ["variable", "file"])
def test_the_edge_credential_stands_in_one_private_file_and_nowhere_else(
    good: Environment, folder: Path, tmp_path: Path, credential: str, source: str
) -> None:
    if source == "file":
        (tmp_path / "credential").write_text(f"{credential}\n")
        good = without(good, "DOORWARD_EDGE_CREDENTIAL") | {
            "DOORWARD_EDGE_CREDENTIAL_FILE": str(tmp_path / "credential")
        }
    done = render(good)
    assert done.returncode == 0, done.stderr
    assert credential not in done.stdout + done.stderr
    holders = [path for path in folder.rglob("*.conf") if credential in path.read_text()]
    assert [path.name for path in holders] == ["edge-credential.conf"]
    assert holders[0].read_text().split() == [
        *("map", '""', "$edge_credential", "{", "default", f'"{credential}";', "}")
    ]
    assert stat.S_IMODE(holders[0].stat().st_mode) == 0o600


def test_nothing_that_is_written_can_be_read_by_others(good: Environment, folder: Path) -> None:
    assert render(good).returncode == 0
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_readable_file_of_an_earlier_run_is_replaced_by_a_private_one(
    good: Environment, folder: Path
) -> None:
    earlier = folder / "http.d/edge-credential.conf"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("old")
    earlier.chmod(0o644)
    assert render(good).returncode == 0
    assert stat.S_IMODE(earlier.stat().st_mode) == 0o600


def test_a_refused_credential_is_not_repeated(good: Environment) -> None:
    done = render(good | {"DOORWARD_EDGE_CREDENTIAL": "hunter2hunter2"})
    assert done.returncode == 78
    assert "hunter2" not in done.stdout + done.stderr


def test_the_credential_rate_has_a_default(good: Environment, folder: Path) -> None:
    assert render(good).returncode == 0
    zone = (folder / "http.d/credential-rate.conf").read_text()
    assert zone == "limit_req_zone $credential_client zone=credential:2m rate=30r/m;\n"
    use = (folder / "server.d/credential-rate.conf").read_text()
    assert use == "limit_req zone=credential burst=20 nodelay;\n"


def test_rate_off_removes_the_limit_even_after_an_earlier_run_with_one(
    good: Environment, folder: Path
) -> None:
    assert render(good).returncode == 0
    assert render(good | {"DOORWARD_CREDENTIAL_RATE": "off"}).returncode == 0
    assert not list(folder.rglob("credential-rate.conf"))
    assert not [path for path in folder.rglob("*.conf") if "limit_req " in path.read_text()]


@pytest.mark.parametrize(
    ("rate", "seconds"), [("30r/m", 2), ("7r/m", 9), ("90r/m", 1), ("1r/m", 60), ("5r/s", 1)]
)
def test_retry_after_is_the_time_until_the_next_request_is_allowed(
    good: Environment, folder: Path, rate: str, seconds: int
) -> None:
    assert render(good | {"DOORWARD_CREDENTIAL_RATE": rate}).returncode == 0
    assert f"        429 {seconds};\n" in (folder / "nginx.conf").read_text()


def test_the_user_directive_is_written_for_root_alone(good: Environment, folder: Path) -> None:
    assert render(good).returncode == 0
    assert (folder / "main.d/user.conf").exists() == (os.getuid() == 0)


def test_everything_that_is_missing_is_named_at_once(tmp_path: Path) -> None:
    assert_refused(
        {"DOORWARD_NGINX_DIR": str(tmp_path)},
        "DOORWARD_NGINX_LISTEN",
        "DOORWARD_AUTH_UPSTREAM",
        "DOORWARD_WEB_UPSTREAM",
        "DOORWARD_EDGE_CREDENTIAL",
    )


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    assert_refused(
        {
            "DOORWARD_NGINX_DIR": f"{tmp_path}/a$b",
            "DOORWARD_NGINX_SHARE": str(tmp_path),
            "DOORWARD_NGINX_LOG": "access.log",
            "DOORWARD_NGINX_LISTEN": "0 127.0.0.1:70000",
            "DOORWARD_AUTH_UPSTREAM": "http://auth:8001",
            "DOORWARD_WEB_UPSTREAM": "web",
            "DOORWARD_CREDENTIAL_RATE": "fast",
            "DOORWARD_EDGE_CREDENTIAL_FILE": str(tmp_path / "missing"),
        },
        "DOORWARD_NGINX_DIR",
        "DOORWARD_NGINX_SHARE: .*/error.html",
        "DOORWARD_NGINX_SHARE: .*/error.css",
        "DOORWARD_NGINX_SHARE: .*/error.svg",
        "DOORWARD_NGINX_LOG",
        "DOORWARD_NGINX_LISTEN: '0'",
        "DOORWARD_NGINX_LISTEN: '127.0.0.1:70000'",
        "DOORWARD_AUTH_UPSTREAM",
        "DOORWARD_WEB_UPSTREAM",
        "DOORWARD_CREDENTIAL_RATE",
        "DOORWARD_EDGE_CREDENTIAL_FILE",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DOORWARD_NGINX_LISTEN", "8080;"),
        ("DOORWARD_NGINX_LISTEN", "8080 8080"),
        ("DOORWARD_NGINX_LISTEN", "::1:8080"),
        ("DOORWARD_NGINX_LISTEN", "*"),
        ("DOORWARD_AUTH_UPSTREAM", "127.0.0.1:8001;}"),
        ("DOORWARD_AUTH_UPSTREAM", "127.0.0.1:08001"),
        ("DOORWARD_WEB_UPSTREAM", "web:8002\nweb:8003"),
        ("DOORWARD_WEB_UPSTREAM", "-web:8002"),
        ("DOORWARD_CREDENTIAL_RATE", "0r/m"),
        ("DOORWARD_CREDENTIAL_RATE", "30r/h"),
        ("DOORWARD_CREDENTIAL_RATE", "30r/m burst=5"),
        ("DOORWARD_CREDENTIAL_RATE", "30r/m\n}"),
        ("DOORWARD_CREDENTIAL_RATE", "OFF"),
        ("DOORWARD_NGINX_LOG", '/dev/stdout" combined; #'),
        ("DOORWARD_EDGE_CREDENTIAL", "short"),
        ("DOORWARD_EDGE_CREDENTIAL", "a" * 43),
        ("DOORWARD_EDGE_CREDENTIAL", "changeme" * 6),
        ("DOORWARD_EDGE_CREDENTIAL", f'{secrets.token_urlsafe(32)}"; }}'),
    ],
)
def test_a_bad_value_is_refused_and_named(good: Environment, name: str, value: str) -> None:
    assert_refused(good | {name: value}, name)


def test_a_credential_given_twice_is_a_contradiction(good: Environment, tmp_path: Path) -> None:
    (tmp_path / "credential").write_text(secrets.token_urlsafe(32))
    both = good | {"DOORWARD_EDGE_CREDENTIAL_FILE": str(tmp_path / "credential")}
    assert_refused(both, "DOORWARD_EDGE_CREDENTIAL and DOORWARD_EDGE_CREDENTIAL_FILE")


@pytest.mark.parametrize("text", ["", "\n", "two\nlines\n", secrets.token_urlsafe(32) + "\r\n"])
def test_a_credential_file_without_one_good_line_is_refused(
    good: Environment, tmp_path: Path, text: str
) -> None:
    (tmp_path / "credential").write_bytes(text.encode())
    from_file = without(good, "DOORWARD_EDGE_CREDENTIAL") | {
        "DOORWARD_EDGE_CREDENTIAL_FILE": str(tmp_path / "credential")
    }
    assert_refused(from_file, "DOORWARD_EDGE_CREDENTIAL_FILE")


def test_an_empty_setting_is_an_unset_one(good: Environment, folder: Path) -> None:
    empty = dict.fromkeys(
        [
            "DOORWARD_NGINX_SHARE",
            "DOORWARD_NGINX_LOG",
            "DOORWARD_CREDENTIAL_RATE",
            "DOORWARD_EDGE_CREDENTIAL_FILE",
        ],
        "",
    )
    done = render(good | empty)
    assert (done.returncode, done.stderr) == (0, "")
    configuration = (folder / "nginx.conf").read_text()
    assert 'access_log "/dev/stdout" doorward if=' in configuration
    assert f'alias "{NGINX_FOLDER}/error.html";' in configuration


def random_ipv6(source: random.Random) -> ipaddress.IPv6Address:
    """Draw an address rich in zero groups, and in line feeds, which a pattern may stumble over."""
    groups = [
        source.choice([0, 0, 0x0A0A, 1, source.getrandbits(8), source.getrandbits(16)]) for _ in range(8)
    ]
    return ipaddress.IPv6Address(b"".join(group.to_bytes(2) for group in groups))


def client_key(rules: list[tuple[str, str]], address: bytes) -> bytes:
    """Do what nginx's map does: the first pattern that matches, else the address itself."""
    for pattern, result in rules:
        if match := re.search(pattern.encode(), address):
            return match[result.removeprefix("$")]
    return address


def test_an_ipv6_client_is_its_64_bit_network(good: Environment, folder: Path) -> None:
    assert render(good).returncode == 0
    rules = map_rules((folder / "nginx.conf").read_text(), "client_network")
    assert len(rules) == 2
    source = random.Random(20261122)
    for _ in range(500):
        address = random_ipv6(source)
        if address.ipv4_mapped:
            continue
        network = ipaddress.ip_network((address, 64), strict=False)
        assert client_key(rules, address.packed) == network.network_address.packed[:8], address


def test_an_ipv4_client_is_its_whole_address_through_either_kind_of_socket(
    good: Environment, folder: Path
) -> None:
    assert render(good).returncode == 0
    rules = map_rules((folder / "nginx.conf").read_text(), "client_network")
    source = random.Random(20261122)
    for _ in range(200):
        address = ipaddress.IPv4Address(source.getrandbits(32))
        mapped = ipaddress.IPv6Address(f"::ffff:{address}")
        assert client_key(rules, address.packed) == address.packed
        assert client_key(rules, mapped.packed) == address.packed
    assert client_key(rules, b"unix:") == b"unix:"


@pytest.mark.parametrize(
    ("request_line", "limited"),
    [
        ("POST /login", True),
        ("POST /login/", True),
        ("POST //login", True),
        ("POST /register", True),
        ("POST /api/v1/users", True),
        ("POST /api/v1/sessions", True),
        ("POST /api//v1/sessions//", True),
        ("POST /account/password", True),
        ("POST /account/delete", True),
        ("POST //account/sessions/", True),
        ("POST /api/v1/sessions/current/reauthentication", True),
        ("PUT /api/v1/users/me/password", True),
        ("PUT /api//v1/users/me//password/", True),
        ("DELETE /api/v1/users/me", True),
        ("GET /login", False),
        ("GET /account/password", False),
        ("GET /account/sessions", False),
        ("GET /api/v1/sessions", False),
        ("POST /account/other", False),
        ("DELETE /api/v1/sessions", False),
        ("DELETE /api/v1/sessions/pT4vWm0cQx2uRk9ZbE7ahg", False),
        ("POST /login/next", False),
        ("POST /loginx", False),
        ("POST /logout", False),
        ("POST /api/v1/sessions/current/renew", False),
        ("DELETE /api/v1/sessions/current", False),
    ],
)
def test_only_requests_that_cost_a_hash_are_limited(
    good: Environment, folder: Path, request_line: str, limited: bool
) -> None:
    assert render(good).returncode == 0
    rules = map_rules((folder / "nginx.conf").read_text(), "credential_client")
    assert any(re.search(pattern, request_line) for pattern, _ in rules) == limited
    assert {result for _, result in rules} == {"$client_network"}


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")
@pytest.mark.parametrize("rate", ["30r/m", "off"])
def test_nginx_accepts_what_was_rendered_without_a_warning(
    good: Environment, folder: Path, rate: str
) -> None:
    assert NGINX
    assert render(good | {"DOORWARD_CREDENTIAL_RATE": rate}).returncode == 0
    done = subprocess.run(
        [NGINX, "-e", "stderr", "-t", "-c", folder / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert "[" not in done.stderr, done.stderr


def test_only_named_proxies_may_say_who_the_client_is(good: Environment, folder: Path) -> None:
    assert render(good).returncode == 0
    assert not (folder / "http.d/trusted-proxies.conf").exists()
    assert render(good | {"DOORWARD_TRUSTED_PROXIES": "192.0.2.7, 2001:db8::/32"}).returncode == 0
    text = (folder / "http.d/trusted-proxies.conf").read_text()
    assert "set_real_ip_from 192.0.2.7;\nset_real_ip_from 2001:db8::/32;\n" in text
    assert render(good).returncode == 0
    assert not (folder / "http.d/trusted-proxies.conf").exists()


@pytest.mark.parametrize("everybody", ["0.0.0.0/0", "::/0", "example.com", "10.0.0.0/8;", "*"])
def test_a_proxy_that_would_be_everybody_or_no_address_is_refused(good: Environment, everybody: str) -> None:
    done = render(good | {"DOORWARD_TRUSTED_PROXIES": everybody})
    assert done.returncode == 78
    assert "DOORWARD_TRUSTED_PROXIES" in done.stderr
