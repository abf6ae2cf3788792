"""What nginx/render accepts, refuses and writes."""

from __future__ import annotations

import ipaddress
import os
import random
import re
import resource
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from scripts.doorward_stack.authority import Authority

NGINX_FOLDER = Path(__file__).resolve().parents[2] / "nginx"
PATH = "/usr/local/bin:/usr/bin:/bin"
NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', PATH)}:/usr/sbin:/usr/local/sbin")
MAP_RULE = re.compile(r'^\s*"~(?P<pattern>.+)" (?P<result>\S+);$', re.MULTILINE)

Environment = dict[str, str]
Render = Callable[[Environment], subprocess.CompletedProcess[str]]


# Named in the tests' ids, which must be the same in every process.
CREDENTIAL = "qFFCAd8a47onI5LoJ2jI0oPkjw3ifyC_UxNzJ790y-s"


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


def render(environment: Environment, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*under, NGINX_FOLDER / "render"],
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


@pytest.mark.proves("V13.3.2")
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
        ("DOORWARD_EDGE_CREDENTIAL", CREDENTIAL + '"; }'),
    ],
)
def test_a_bad_value_is_refused_and_named(good: Environment, name: str, value: str) -> None:
    assert_refused(good | {name: value}, name)


def test_a_credential_given_twice_is_a_contradiction(good: Environment, tmp_path: Path) -> None:
    (tmp_path / "credential").write_text(secrets.token_urlsafe(32))
    both = good | {"DOORWARD_EDGE_CREDENTIAL_FILE": str(tmp_path / "credential")}
    assert_refused(both, "DOORWARD_EDGE_CREDENTIAL and DOORWARD_EDGE_CREDENTIAL_FILE")


@pytest.mark.parametrize("text", ["", "\n", "two\nlines\n", CREDENTIAL + "\r\n"])
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
    assert f'alias "{NGINX_FOLDER}/error.html";' in (folder / "error-pages.conf").read_text()


def random_ipv6(source: random.Random) -> ipaddress.IPv6Address:
    """Draw an address rich in zero groups, and in line feeds, which a pattern may stumble over."""
    groups = [
        source.choice([0, 0, 0x0A0A, 1, source.getrandbits(8), source.getrandbits(16)])
        for _ in range(8)
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


def nginx_test(folder: Path, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """Let nginx judge what was rendered."""
    assert NGINX
    return subprocess.run(
        [*under, NGINX, "-e", "stderr", "-t", "-c", folder / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")
@pytest.mark.parametrize("rate", ["30r/m", "off"])
@pytest.mark.parametrize("kind", ["good", "secure"])
def test_nginx_accepts_what_was_rendered_without_a_warning(
    kind: str, folder: Path, rate: str, request: pytest.FixtureRequest
) -> None:
    environment: Environment = request.getfixturevalue(kind)
    proxies = {"DOORWARD_TRUSTED_PROXIES": "192.0.2.7 2001:db8::/32"}
    assert render(environment | proxies | {"DOORWARD_CREDENTIAL_RATE": rate}).returncode == 0
    done = nginx_test(folder)
    assert done.returncode == 0, done.stderr
    assert "[" not in done.stderr, done.stderr


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")
def test_a_host_name_may_be_as_long_as_names_may_be(good: Environment, folder: Path) -> None:
    host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(host) == 253
    assert render(good | {"DOORWARD_PUBLIC_URL": f"http://{host}"}).returncode == 0
    done = nginx_test(folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")
@pytest.mark.parametrize(
    ("allowed", "descriptors", "connections"),
    [(1_000_000, 8192, 4096), (4096, 4096, 2048), (256, 256, 128)],
)
def test_connections_are_as_many_as_the_descriptors_that_nginx_may_have(
    good: Environment, folder: Path, allowed: int, descriptors: int, connections: int
) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if most != resource.RLIM_INFINITY:
        allowed = min(allowed, most)
    if allowed < descriptors:
        pytest.skip("so many files may not be open here")
    under = ["prlimit", f"--nofile=128:{allowed}"]
    assert render(good, under).returncode == 0
    configuration = (folder / "nginx.conf").read_text()
    assert f"\nworker_rlimit_nofile {descriptors};\n" in configuration
    assert f" worker_connections {connections};\n" in configuration
    done = nginx_test(folder, under)
    assert done.returncode == 0, done.stderr
    assert "[" not in done.stderr, done.stderr


@pytest.mark.proves("V15.3.4")
def test_only_named_proxies_may_say_who_the_client_is(good: Environment, folder: Path) -> None:
    proxies = folder / "http.d/proxies.conf"
    assert render(good).returncode == 0
    assert "set_real_ip_from" not in proxies.read_text()
    assert render(good | {"DOORWARD_TRUSTED_PROXIES": "192.0.2.7, 2001:db8::/32"}).returncode == 0
    assert "set_real_ip_from 192.0.2.7;\nset_real_ip_from 2001:db8::/32;\n" in proxies.read_text()
    assert render(good).returncode == 0
    assert "set_real_ip_from" not in proxies.read_text()


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "255.255.255.255/32", "10.20.0.0/16", "::1", "2001:db8::/128"]
)
def test_addresses_and_networks_may_be_trusted(good: Environment, address: str) -> None:
    assert render(good | {"DOORWARD_TRUSTED_PROXIES": address}).returncode == 0


NO_NETWORKS = (
    "0.0.0.0/0",
    "::/0",
    "example.com",
    "10.0.0.0/8;",
    "*",
    "256.0.0.1",
    "10.0.0.0/33",
    "::1/129",
)


@pytest.mark.proves("V15.3.4")
@pytest.mark.parametrize("wrong", NO_NETWORKS)
def test_a_proxy_that_would_be_everybody_or_no_address_is_refused(
    good: Environment, wrong: str
) -> None:
    done = render(good | {"DOORWARD_TRUSTED_PROXIES": wrong})
    assert done.returncode == 78
    assert "DOORWARD_TRUSTED_PROXIES" in done.stderr


# --- TLS
# --------------------------------------------------------------------------------------------

AUTHORITY = Authority("tests of nginx/render")


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """A folder with a certificate and its key."""
    made = tmp_path / "certs of ours"
    put_pair(made)
    return made


def put_pair(certs: Path, days: int = 30) -> None:
    certs.mkdir(exist_ok=True)
    certificate, key = AUTHORITY.issue(["door.example", "localhost"], days)
    (certs / "fullchain.pem").write_bytes(certificate)
    (certs / "privkey.pem").write_bytes(key)


@pytest.fixture
def secure(good: Environment, certs: Path) -> Environment:
    return good | {
        "DOORWARD_NGINX_TLS_LISTEN": "127.0.0.1:18443",
        "DOORWARD_TLS_DIR": str(certs),
        "DOORWARD_PUBLIC_URL": "https://Door.Example:18443/",
    }


def test_an_empty_folder_means_no_tls(good: Environment, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = render(good | {"DOORWARD_TLS_DIR": str(tmp_path / "empty")})
    assert (done.returncode, done.stderr) == (0, "")
    assert not [path for path in folder.rglob("*.conf") if "ssl" in path.read_text()]
    assert not (folder / "http.d/hsts.conf").exists()


def test_a_certificate_turns_tls_on_and_leaves_nothing_else_on_the_plain_port(
    secure: Environment, folder: Path, certs: Path
) -> None:
    assert render(secure).stderr == ""
    assert (folder / "server.d/listen.conf").read_text() == "listen 127.0.0.1:18443 ssl;\n"
    tls = (folder / "server.d/tls.conf").read_text()
    assert f'ssl_certificate "{certs}/fullchain.pem";' in tls
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in tls
    assert "ssl_session_tickets off;" in tls
    plain = (folder / "http.d/plain-port.conf").read_text()
    assert "listen 127.0.0.1:18080;" in plain
    assert "listen [::1]:18080;" in plain
    assert 'return 301 "https://door.example:18443$request_uri";' in plain
    assert "proxy_pass" not in plain


def test_a_certificate_that_went_takes_tls_along(
    secure: Environment, folder: Path, certs: Path
) -> None:
    assert render(secure).returncode == 0
    for file in certs.iterdir():
        file.unlink()
    assert render(without(secure, "DOORWARD_PUBLIC_URL")).returncode == 0
    assert not [path for path in folder.rglob("*.conf") if "ssl" in path.read_text()]
    assert not (folder / "http.d/plain-port.conf").exists()


def test_files_may_have_other_names_in_the_folder_or_elsewhere(
    secure: Environment, folder: Path, certs: Path, tmp_path: Path
) -> None:
    (certs / "fullchain.pem").rename(certs / "own.crt")
    (certs / "privkey.pem").rename(tmp_path / "own.key")
    named = {
        "DOORWARD_TLS_CERTIFICATE_FILE": "own.crt",
        "DOORWARD_TLS_KEY_FILE": str(tmp_path / "own.key"),
    }
    assert render(secure | named).returncode == 0
    tls = (folder / "server.d/tls.conf").read_text()
    assert f'"{certs}/own.crt";' in tls
    assert f'"{tmp_path}/own.key";' in tls


def test_the_default_public_url_is_https_on_the_https_port(
    secure: Environment, folder: Path
) -> None:
    default = without(secure, "DOORWARD_PUBLIC_URL") | {"DOORWARD_HTTPS_PORT": "9443"}
    assert render(default).returncode == 0
    assert 'return 301 "https://localhost:9443$' in (folder / "http.d/plain-port.conf").read_text()


def test_http_as_public_url_beside_a_certificate_is_a_contradiction(secure: Environment) -> None:
    assert_refused(
        secure | {"DOORWARD_PUBLIC_URL": "http://localhost:18080"}, "DOORWARD_PUBLIC_URL"
    )


@pytest.mark.proves("V3.4.1")
@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://door.example", True),
        ("HTTPS://DOOR.EXAMPLE:8443/", True),
        ("https://localhost.example", True),
        ("https://localhost:8443", False),
        ("https://LOCALHOST", False),
        ("https://localhost.", False),
        ("https://door.localhost", False),
        ("https://127.0.0.1", False),
        ("https://192.0.2.1:8443", False),
        ("https://[2001:db8::1]:8443", False),
    ],
)
def test_hsts_is_for_names_that_are_not_this_machine(
    secure: Environment, folder: Path, url: str, sent: bool
) -> None:
    assert render(secure | {"DOORWARD_PUBLIC_URL": url}).returncode == 0
    hsts = folder / "http.d/hsts.conf"
    assert hsts.exists() == sent
    if sent:
        text = hsts.read_text()
        assert '"max-age=31536000; includeSubDomains"' in text
        assert "always;" in text
        assert "add_header" not in "".join(
            path.read_text() for path in (folder / "server.d").iterdir()
        )


def spoil(certs: Path, how: str) -> None:
    """Make the pair unusable in one way."""
    certificate, key = certs / "fullchain.pem", certs / "privkey.pem"
    if how == "no certificate":
        certificate.unlink()
    elif how == "no key":
        key.unlink()
    elif how == "dangling link":
        certificate.unlink()
        certificate.symlink_to("/nowhere/fullchain.pem")
    elif how == "no PEM":
        certificate.write_text("not a certificate")
    elif how == "key is no PEM":
        key.write_text("not a key")
    elif how == "another pair":
        key.write_bytes(AUTHORITY.issue(["door.example"])[1])
    elif how == "expired":
        put_pair(certs, days=-1)
    else:
        assert how == "encrypted"
        command = ["openssl", "pkey", "-aes256", "-passout", "pass:secret", "-out", key]
        subprocess.run(command, check=True, input=key.read_bytes(), capture_output=True)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("no certificate", "fullchain.pem is not there: put it there"),
        ("no key", "privkey.pem is not there: put it there"),
        ("dangling link", "fullchain.pem is not there: put it there"),
        ("no PEM", "fullchain.pem holds no certificate"),
        ("key is no PEM", "privkey.pem holds no private key"),
        ("another pair", "privkey.pem does not belong to .*fullchain.pem: put"),
        ("expired", "fullchain.pem has expired .*: renew it"),
        ("encrypted", "privkey.pem is encrypted.*openssl pkey"),
    ],
)
def test_a_pair_that_cannot_be_used_is_refused_with_file_and_remedy(
    secure: Environment, certs: Path, how: str, said: str
) -> None:
    spoil(certs, how)
    assert_refused(secure, f"DOORWARD_TLS_DIR: {re.escape(str(certs))}/{said}")


@pytest.mark.skipif(
    os.getuid() != 0, reason="only root can become somebody who may not read the key"
)
def test_a_key_that_may_not_be_read_is_refused_with_what_to_do(secure: Environment) -> None:
    # Others may enter neither pytest's folders nor perhaps the checkout.
    with tempfile.TemporaryDirectory() as name:
        open_to_all = Path(name)
        open_to_all.chmod(0o777)
        shutil.copytree(NGINX_FOLDER, open_to_all / "nginx")
        put_pair(open_to_all / "certs")
        (open_to_all / "certs/privkey.pem").chmod(0o600)
        places = {"DOORWARD_NGINX_DIR": f"{name}/run", "DOORWARD_TLS_DIR": f"{name}/certs"}
        done = subprocess.run(
            [open_to_all / "nginx/render"],
            env={"PATH": PATH} | secure | places,
            capture_output=True,
            text=True,
            check=False,
            user=65534,
            group=65534,
            extra_groups=[],
        )
    assert done.returncode == 78, done.stderr
    assert re.search(
        r"privkey.pem cannot be read by uid 65534 .* chgrp 10004 and chmod 640", done.stderr
    )


def test_the_same_address_cannot_be_both_plain_and_tls(secure: Environment) -> None:
    same = {"DOORWARD_NGINX_TLS_LISTEN": "127.0.0.1:18080"}
    assert_refused(secure | same, "DOORWARD_NGINX_TLS_LISTEN: '127.0.0.1:18080' is named twice")
