"""What nginx's configuration says with these settings, and that no value leaves its place."""

import ipaddress
import os
import random
import re
import resource
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from doorward_init import nginx
from doorward_settings.edge import Settings
from doorward_settings.reading import inspect, read
from session_contract.startup import StartupError

Render = Callable[..., str]
MAP_RULE = re.compile(r'^\s*"~(?P<pattern>.+)" (?P<result>\S+);$', re.MULTILINE)
NGINX = shutil.which("nginx", path=nginx.SEARCH_PATH)
needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed here")


def map_rules(configuration: str, variable: str) -> list[tuple[str, str]]:
    """Read the regular expressions of the map that sets this variable, as Python spells them."""
    block = re.search(rf"map .+ \${variable} \{{\n(?P<rules>(?:.*\n)*?) {{4}}\}}\n", configuration)
    assert block
    return [
        (rule["pattern"].replace("(?<", "(?P<").replace(r"\z", r"\Z"), rule["result"])
        for rule in MAP_RULE.finditer(block["rules"])
    ]


def problems() -> list[str]:
    with pytest.raises(StartupError) as caught:
        read(Settings)
    return caught.value.problems


def test_addresses_and_services_are_in_the_configuration(render: Render, folder: Path) -> None:
    configuration = render()
    assert "listen 127.0.0.1:18080;" in configuration
    assert "listen [::1]:18080;" in configuration
    assert "server 127.0.0.1:8001 max_fails=0;" in configuration
    assert "server 127.0.0.1:8002 max_fails=0;" in configuration
    assert f'pid "{folder}/nginx.pid";' in configuration
    assert not re.search(r"\{\{|\{%", configuration)


def test_by_default_it_listens_where_the_settings_say(
    render: Render, environment: pytest.MonkeyPatch
) -> None:
    environment.delenv("DOORWARD_NGINX_LISTEN")
    assert "listen [::1]:8123;" in render(bind="[::1]", port="8123")


@pytest.mark.parametrize(
    ("allowed", "connections"), [(1024, 512), (1_000_000, 4096), (resource.RLIM_INFINITY, 4096)]
)
def test_connections_are_half_of_the_descriptors_that_nginx_may_have(
    render: Render, monkeypatch: pytest.MonkeyPatch, allowed: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (allowed, allowed))
    assert f"worker_connections {connections};" in render()


@pytest.mark.proves("V13.3.2")
def test_the_edge_credential_stands_in_one_place(
    render: Render, environment: pytest.MonkeyPatch
) -> None:
    credential = secrets.token_urlsafe(32)
    configuration = render(edge_credential=credential)
    assert configuration.count(credential) == 1
    assert f'map "" $edge_credential {{\n        default "{credential}";' in configuration


@pytest.mark.parametrize(
    ("rate", "seconds"), [("30r/m", 2), ("7r/m", 9), ("90r/m", 1), ("1r/m", 60), ("5r/s", 1)]
)
def test_retry_after_is_the_time_until_the_next_request_is_allowed(
    render: Render, rate: str, seconds: int
) -> None:
    configuration = render(credential_rate=rate)
    assert f"        429 {seconds};\n" in configuration
    assert f"limit_req_zone $credential_client zone=credential:2m rate={rate};" in configuration
    assert "limit_req zone=credential burst=20 nodelay;" in configuration
    assert not re.search(r"limit_req(_zone)? ", render(credential_rate="off"))


def test_the_user_directive_is_written_for_root_alone(render: Render) -> None:
    assert ("\nuser root;\n" in render()) == (os.geteuid() == 0)


WRONG = {
    "NGINX_DIR": ["relative", "/a$b", '/a"b', "/a\\b", "/a*"],
    "NGINX_SHARE": ["/nowhere", "x"],
    "NGINX_LOG": ["access.log", '/dev/stdout" combined; #'],
    "NGINX_LISTEN": ["0", "127.0.0.1:70000", "8080;", "8080 8080", "::1:8080", "*", "80\n}"],
    "AUTH_UPSTREAM": ["http://auth:8001", "127.0.0.1:8001;}", "127.0.0.1:08001", "auth"],
    "WEB_UPSTREAM": ["web:8002\nweb:8003", "-web:8002", "web:8002 backup"],
    "CREDENTIAL_RATE": ["fast", "0r/m", "30r/h", "30r/m burst=5", "30r/m\n}", "OFF"],
    "EDGE_CREDENTIAL": ["short", "a" * 43, 'x"; }'],
    "TRUSTED_PROXIES": ["0.0.0.0/0", "::/0", "example.com", "10.0.0.0/8;", "*", "256.0.0.1"],
}


@pytest.mark.proves("V15.3.4")
@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_a_wrong_value_is_refused_and_named(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(f"DOORWARD_{name}", value)
    assert {problem.split(":")[0].split()[0] for problem in problems()} == {f"DOORWARD_{name}"}


TEXT_FIELDS = sorted(
    name
    for name, field in Settings.model_fields.items()
    if field.annotation is not bool and name not in ("edge_credential_file", "nginx_share")
)


def directives(configuration: str) -> int:
    """Count what ends or begins a directive; what stands between quotes does not."""
    unquoted = re.sub(r'"(?:[^"\\]|\\.)*"', "", configuration)
    return len(re.findall(r"[;{}]", unquoted))


@pytest.mark.proves("V1.2.5")
@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_no_value_gets_out_of_its_place(
    environment: pytest.MonkeyPatch, render: Render, tmp_path: Path, name: str
) -> None:
    usual = directives(render())
    base = {"tls_dir": tmp_path, "nginx_dir": tmp_path, "nginx_log": tmp_path / "log"}
    default = base.get(name) or getattr(read(Settings), name) or "x"
    evil = [";", "{", "}", "$host", '"', "\\", "\n", "\r\n", "#", "'"]
    for end in [*(f"{sign}evil" for sign in evil), " "]:
        environment.setenv(f"DOORWARD_{name.upper()}", f"{default}{end}")
        _, found = inspect(Settings)
        if found:
            assert f"DOORWARD_{name.upper()}" in "\n".join(found)
        else:
            # Taken, so it stands between quotes, or is split or trimmed.
            assert directives(render()) == usual, end


@pytest.mark.parametrize("value", ["a$b", "a\nb", "a\rb", "a\0b", "a\x7fb"])
def test_what_cannot_stand_between_quotes_is_not_rendered(value: str) -> None:
    with pytest.raises(ValueError, match="dollar sign or a control character"):
        nginx.quoted(value)


def test_quotes_and_backslashes_are_escaped() -> None:
    assert nginx.quoted('a"b\\c;{}') == '"a\\"b\\\\c;{}"'


# --- Who a client is


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


def test_an_ipv6_client_is_its_64_bit_network(render: Render) -> None:
    rules = map_rules(render(), "client_network")
    assert len(rules) == 2
    source = random.Random(20261122)
    for _ in range(500):
        address = random_ipv6(source)
        if address.ipv4_mapped:
            continue
        network = ipaddress.ip_network((address, 64), strict=False)
        assert client_key(rules, address.packed) == network.network_address.packed[:8], address


def test_an_ipv4_client_is_its_whole_address_through_either_kind_of_socket(render: Render) -> None:
    rules = map_rules(render(), "client_network")
    source = random.Random(20261122)
    for _ in range(200):
        address = ipaddress.IPv4Address(source.getrandbits(32))
        mapped = ipaddress.IPv6Address(f"::ffff:{address}")
        assert client_key(rules, address.packed) == address.packed
        assert client_key(rules, mapped.packed) == address.packed
    assert client_key(rules, b"unix:") == b"unix:"


LIMITED = [
    "POST /login", "POST /login/", "POST //login", "POST /register", "POST /api/v1/users",
    "POST /api/v1/sessions", "POST /api//v1/sessions//", "POST /account/password",
    "POST /account/delete", "POST //account/sessions/", "DELETE /api/v1/users/me",
    "POST /api/v1/sessions/current/reauthentication", "PUT /api/v1/users/me/password",
    "PUT /api//v1/users/me//password/", "POST /account/name", "POST //account//name/",
    "PUT /api/v1/users/me/display-name", "PUT /api//v1/users//me/display-name/",
    "POST /account/username", "PUT /api/v1/users/me/username",
]  # fmt: skip
FREE = [
    "GET /login", "GET /account/password", "GET /account/sessions", "GET /api/v1/sessions",
    "POST /account/other", "DELETE /api/v1/sessions", "DELETE /api/v1/sessions/pT4vWm0cQx2uRk9",
    "POST /login/next", "POST /loginx", "POST /logout", "POST /api/v1/sessions/current/renew",
    "DELETE /api/v1/sessions/current", "GET /account/name", "GET /api/v1/users/me/display-name",
    "GET /account/username", "GET /account/data", "GET /api/v1/users/me/data",
]  # fmt: skip


def test_only_requests_that_cost_a_hash_or_a_write_are_limited(render: Render) -> None:
    rules = map_rules(render(), "credential_client")
    assert {result for _, result in rules} == {"$client_network"}

    def is_limited(request_line: str) -> bool:
        return any(re.search(pattern, request_line) for pattern, _ in rules)

    assert [line for line in LIMITED if not is_limited(line)] == []
    assert [line for line in FREE if is_limited(line)] == []


@pytest.mark.proves("V15.3.4")
def test_only_named_proxies_may_say_who_the_client_is(render: Render) -> None:
    assert "set_real_ip_from" not in render()
    configuration = render(trusted_proxies="192.0.2.7, 2001:DB8::/32 192.0.2.7")
    assert re.findall(r"set_real_ip_from (\S+);", configuration) == ["192.0.2.7", "2001:db8::/32"]


# --- TLS


def test_an_empty_folder_means_no_tls(render: Render, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "ssl_certificate" not in render(tls_dir=str(tmp_path / "empty"))


@pytest.mark.usefixtures("secure")
def test_a_certificate_turns_tls_on_and_leaves_nothing_else_on_the_plain_port(
    render: Render, certs: Path
) -> None:
    configuration = render()
    plain, secured = re.findall(r"(?ms)^    server \{\n(.*?)^    \}$", configuration)
    assert "listen 127.0.0.1:18443 ssl;" in secured
    assert "listen 127.0.0.1:18080;" not in secured
    assert f'ssl_certificate "{certs}/fullchain.pem";' in secured
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in secured
    assert "ssl_session_tickets off;" in secured
    assert "listen 127.0.0.1:18080;" in plain
    assert "listen [::1]:18080;" in plain
    assert 'return 301 "https://door.example:18443$request_uri";' in plain
    assert "proxy_pass" not in plain


@pytest.mark.usefixtures("secure")
def test_files_may_have_other_names_in_the_folder_or_elsewhere(
    render: Render, certs: Path, tmp_path: Path
) -> None:
    configuration = render(tls_certificate_file="own.crt", tls_key_file=str(tmp_path / "own.key"))
    assert f'"{certs}/own.crt";' in configuration
    assert f'"{tmp_path}/own.key";' in configuration


@pytest.mark.usefixtures("secure")
def test_the_same_address_cannot_be_both_plain_and_tls(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DOORWARD_NGINX_TLS_LISTEN", "127.0.0.1:18080")
    assert problems() == ["DOORWARD_NGINX_TLS_LISTEN: '127.0.0.1:18080' is named twice: remove one"]


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
@pytest.mark.usefixtures("secure")
def test_hsts_is_for_names_that_are_not_this_machine(render: Render, url: str, sent: bool) -> None:
    configuration = render(public_url=url)
    assert ('"max-age=31536000; includeSubDomains"' in configuration) == sent
    # Beside the other headers: at a lower level it would replace them.
    assert not re.search(r"(?m)^ {5,}add_header", configuration)


# --- Judged by nginx


@needs_nginx
@pytest.mark.parametrize("rate", ["30r/m", "off"])
@pytest.mark.parametrize("kind", ["environment", "secure"])
def test_nginx_accepts_the_configuration(
    kind: str, folder: Path, rate: str, render: Render, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(kind)
    folder.mkdir(parents=True)
    for name in ("nginx.conf", "nginx.conf.new"):
        (folder / name).write_text("of an earlier run")
        (folder / name).chmod(0o644)
    log = str(folder / "access.log")
    proxies = "192.0.2.7 2001:db8::/32"
    nginx.install(render(trusted_proxies=proxies, credential_rate=rate, nginx_log=log), folder)
    assert stat.S_IMODE((folder / "nginx.conf").stat().st_mode) == 0o600


@needs_nginx
def test_a_host_name_may_be_as_long_as_names_may_be(render: Render, folder: Path) -> None:
    host = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    assert len(host) == 253
    nginx.install(render(public_url=f"http://{host}", allow_insecure_http="1"), folder)


@needs_nginx
def test_a_configuration_that_nginx_refuses_leaves_the_old_one(
    render: Render, folder: Path
) -> None:
    nginx.install(render(), folder)
    before = (folder / "nginx.conf").read_bytes()
    with pytest.raises(nginx.ConfigurationRefused, match="nonsense") as caught:
        nginx.install(render().replace("server_tokens off;", "nonsense;"), folder)
    assert "emerg" not in str(caught.value)
    assert (folder / "nginx.conf").read_bytes() == before
