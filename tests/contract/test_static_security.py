"""What the product's source must never do, read from the source; no test could reach all of it."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
AUTH, WEB, CONTRACT = "auth-service/auth_service", "web-frontend/web_frontend", "session_contract"
SETTINGS, INIT = "doorward_settings", "doorward_init"
MODULES = [
    file
    for folder in (AUTH, WEB, CONTRACT, SETTINGS)
    for file in sorted((ROOT / folder).rglob("*.py"))
]
INIT_MODULES = sorted((ROOT / INIT).rglob("*.py"))
TEMPLATES = sorted((ROOT / WEB / "templates").glob("*.html"))
# Below these, each has a published weakness that could matter here.
LOWEST_SAFE = {
    "pyjwt": (2, 15), "werkzeug": (3, 1, 6), "flask": (3, 1, 3), "jinja2": (3, 1, 6),
    "gunicorn": (22, 0), "requests": (2, 32, 4), "urllib3": (2, 6, 3), "certifi": (2024, 7, 4),
    "idna": (3, 7),
}  # fmt: skip

RAW_SQL = re.compile(
    r"(^|\.)(exec_driver_sql|executescript|cursor\.execute|executemany)$|^(sa|sqlalchemy)\.text$"
)
PACKAGES = {"jwt": "pyjwt"}
"""Packages whose name is not that of what is imported."""


@cache
def every_node() -> list[tuple[str, ast.AST]]:
    """Return every node of the product's source with the place where it stands."""
    return [
        (f"{file.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}", node)
        for file in MODULES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
    ]


def nodes(kind: type[ast.AST]) -> list[tuple[str, ast.AST]]:
    """Return every node of a kind with its place."""
    return [(place, node) for place, node in every_node() if isinstance(node, kind)]


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield every call with its place and the name of what is called."""
    for place, node in nodes(ast.Call):
        assert isinstance(node, ast.Call)
        yield place, ast.unparse(node.func), node


def imported() -> Iterator[tuple[str, str]]:
    """Yield every imported name with its place."""
    for place, node in nodes(ast.AST):
        if isinstance(node, ast.Import):
            yield from ((place, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((place, f"{node.module}.{alias.name}") for alias in node.names)


def imports_of(file: Path) -> Iterator[str]:
    """Yield every name that one file imports."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module)


def places_importing(*packages: str) -> list[str]:
    return [
        f"{place} imports {name}" for place, name in imported() if name.split(".")[0] in packages
    ]


def constant(node: ast.expr) -> bool:
    """Whether an expression is text that stands in the source, or is joined from such texts."""
    if isinstance(node, ast.BinOp):
        return constant(node.left) and constant(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@pytest.mark.proves("V1.3.2")
def test_no_text_is_run_as_code() -> None:
    banned = {"eval", "exec", "compile", "__import__", "importlib.import_module", "os.execvp"}
    assert [(place, name) for place, name, _ in calls() if name in banned] == []
    assert places_importing("code", "codeop", "runpy", "ctypes", "cffi") == []


@pytest.mark.proves("V1.2.5")
def test_no_program_is_started() -> None:
    assert places_importing("subprocess", "pty", "pexpect", "multiprocessing") == []
    started = re.compile(r"os\.(system|popen|exec\w*|spawn\w*|posix_spawn\w*|startfile|fork\w*)$")
    assert [(place, name) for place, name, _ in calls() if started.match(name)] == []
    # The one exception is the operator's own editor, at the operator's own terminal.
    editors = [place.partition(":")[0] for place, name, _ in calls() if name.endswith("click.edit")]
    assert editors == [f"{AUTH}/cli/users.py"]


@pytest.mark.proves("V1.2.5")
def test_init_starts_nothing_but_nginx() -> None:
    started = re.compile(r"(os\.(system|popen|exec\w*|spawn\w*)|subprocess\.\w+)$")
    found = [
        (file.name, ast.unparse(node.args[0]))
        for file in INIT_MODULES
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Call) and started.match(ast.unparse(node.func))
    ]
    assert [(name, command[:8]) for name, command in found] == [
        ("edge.py", "'nginx'"),
        ("nginx.py", "['nginx'"),
    ]


@pytest.mark.proves("V1.5.2")
def test_nothing_is_read_that_could_build_any_object() -> None:
    assert (
        places_importing("pickle", "marshal", "shelve", "dill", "yaml", "lxml", "jsonpickle") == []
    )


@pytest.mark.proves("V1.5.1")
def test_only_the_check_of_the_logo_reads_xml_and_with_the_bare_parser() -> None:
    found = [(place.partition(":")[0], name) for place, name in imported() if "xml" in name]
    assert found == [(f"{SETTINGS}/svg.py", "xml.parsers.expat")]


@pytest.mark.proves("V11.5.1")
def test_chance_comes_from_the_systems_secure_source_only() -> None:
    assert places_importing("random", "numpy", "uuid") == []
    lengths = {"token_bytes": 4, "token_hex": 4, "token_urlsafe": 12}
    for place, name, call in calls():
        if (
            name.startswith("secrets.token_")
            and call.args
            and isinstance(call.args[0], ast.Constant)
        ):
            assert call.args[0].value >= lengths[name.removeprefix("secrets.")], place


@pytest.mark.proves("V11.5.1")
@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (f"{AUTH}/sessions/service.py", "secrets.token_urlsafe(16)"),
        (f"{WEB}/csrf.py", "COOKIE_BYTES = 18"),
    ],
)
def test_what_must_not_be_guessed_has_128_bits(file: str, wanted: str) -> None:
    assert wanted in (ROOT / file).read_text("utf-8"), "or more: then correct this test"


@pytest.mark.proves("V11.4.1", "V11.4.3", "V11.2.3", "RFC8725-3.2")
def test_sha_256_is_the_only_hash_function_and_hs256_the_only_algorithm() -> None:
    used = {ast.unparse(node) for _, node in nodes(ast.Attribute)}
    assert {name for name in used if re.fullmatch(r"hashlib\.\w+", name)} == {"hashlib.sha256"}
    assert {name for _, name in imported() if name.startswith("hashlib.")} <= {"hashlib.sha256"}
    for place, name, call in calls():
        if name in ("hmac.new", "hmac.digest"):
            assert ast.unparse(call.args[2]) in ("hashlib.sha256", "'sha256'"), place
    text = "".join(file.read_text("utf-8") for file in MODULES)
    assert not re.search(r"\b(md5|sha1|sha-1|des|rc4)\b", text, re.I)
    assert set(re.findall(r"\b[HREP]S(?:256|384|512)\b", text)) == {"HS256"}


@pytest.mark.proves("V11.2.1")
def test_cryptography_is_that_of_vetted_libraries() -> None:
    known = {"hashlib", "hmac", "secrets", "jwt", "bcrypt", "flask_bcrypt"}
    others = {
        "Crypto", "nacl", "cryptography", "rsa", "ecdsa", "itsdangerous", "jose", "passlib",
        "crypt", "ssl",
    }  # fmt: skip
    assert {name.split(".")[0] for _, name in imported()} >= known
    assert places_importing(*others) == []


@pytest.mark.proves("V1.2.4")
def test_statements_for_the_database_are_constant_and_take_values_as_parameters() -> None:
    assert places_importing("sqlite3", "psycopg", "MySQLdb") == []
    assert [place for place, name in imported() if name == "sqlalchemy.text"] == []
    raw = [
        (place, call.args[0]) for place, name, call in calls() if RAW_SQL.search(name) and call.args
    ]
    assert raw
    for place, statement in raw:
        text = ast.unparse(statement)
        assert not isinstance(statement, ast.JoinedStr | ast.BinOp), place
        # Statements by name are those that change a schema, and those are constants of a module.
        assert not isinstance(statement, ast.Name) or text in ("statement", "query"), place
    upgrades = [
        node for _, node in nodes(ast.Assign) if ast.unparse(node).startswith("_TO_VERSION_")
    ]
    assert upgrades
    for node in upgrades:
        assert isinstance(node, ast.Assign)
        ast.literal_eval(node.value)


@pytest.mark.proves("V1.3.10")
def test_formats_stand_in_the_source() -> None:
    for place, name, call in calls():
        if name.endswith((".format", ".format_map")) and isinstance(call.func, ast.Attribute):
            # A logging formatter's `format` takes a record, not a template.
            formatter = ast.unparse(call.func.value) == "self"
            assert formatter or constant(call.func.value), place
        if re.fullmatch(r"_?log(ger)?\.(debug|info|warning|error|exception|critical)", name):
            assert constant(call.args[0]), f"{place}: a format from elsewhere"
    for place, node in nodes(ast.BinOp):
        assert isinstance(node, ast.BinOp)
        if isinstance(node.op, ast.Mod) and isinstance(node.left, ast.Constant):
            assert not isinstance(node.left.value, bytes), place


@pytest.mark.proves("V1.1.2", "V1.3.7")
def test_templates_are_files_that_escape_everything_at_the_end() -> None:
    assert TEMPLATES
    for template in TEMPLATES:
        text = template.read_text("utf-8")
        assert not re.search(
            r"\|\s*(safe|forceescape)\b|autoescape\s+false|include\s+[a-z_]+\s*%", text
        ), template
    banned = ("render_template_string", "from_string", "Markup", "Template")
    assert [(place, name) for place, name, _ in calls() if name.split(".")[-1] in banned] == []
    assert [name for _, name in imported() if name.startswith("markupsafe")] == []


@pytest.mark.proves("V3.2.2", "V1.2.3", "V14.3.3", "V14.2.3")
def test_the_script_writes_text_only_stores_nothing_and_calls_nobody() -> None:
    script = (ROOT / WEB / "static/doorward.js").read_text("utf-8")
    for banned in (
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(",
        "localStorage", "sessionStorage", "indexedDB", "document.cookie", "caches", "serviceWorker",
        "fetch(", "XMLHttpRequest", "sendBeacon", "WebSocket", "EventSource", "import(",
        'addEventListener("message"',
    ):  # fmt: skip
        assert banned not in script, banned
    # A BroadcastChannel reaches pages of the same origin alone.
    assert script.count("postMessage") == script.count("tabs.postMessage(now)") == 1
    for template in TEMPLATES:
        text = template.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+\s*=|javascript:|\sstyle\s*=", text), (
            template
        )


@pytest.mark.proves("V3.7.1")
def test_pages_use_no_plugin_and_nothing_from_other_sites() -> None:
    for file in [
        *TEMPLATES,
        *(ROOT / WEB / "static").iterdir(),
        ROOT / "nginx/error.html",
        ROOT / "nginx/error.css",
    ]:
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"<(object|embed|applet|iframe|frame)\b", text), file
        assert not re.search(r"https?://|//[a-z0-9-]+\.[a-z]", text), file


@pytest.mark.proves("V1.3.6", "V13.2.4", "V13.2.5", "V15.3.2")
def test_only_the_client_of_auth_service_calls_anybody_and_only_known_paths() -> None:
    network = (
        "requests", "urllib3", "http", "socket", "aiohttp", "httpx", "smtplib", "ftplib",
        "telnetlib",
    )  # fmt: skip
    allowed = {f"{WEB}/auth_service/transport.py", f"{WEB}/auth_service/deadline.py"}
    assert {place.partition(":")[0] for place in places_importing(*network)} <= allowed
    assert [name for _, name in imported() if name.startswith("urllib.request")] == []
    client = ast.parse((ROOT / WEB / "auth_service/transport.py").read_text("utf-8"))
    sent = [
        node
        for node in ast.walk(client)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "self._session.request"
    ]
    assert len(sent) == 1, "one place sends everything"
    options = {keyword.arg: ast.unparse(keyword.value) for keyword in sent[0].keywords}
    assert options["allow_redirects"] == "False"
    assert "self._session.trust_env = False" in ast.unparse(client)


@pytest.mark.proves("V13.2.4", "V13.2.5")
def test_the_services_network_has_no_way_out() -> None:
    content = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    assert content["networks"]["inner"] == {"internal": True}
    networks = {name: service.get("networks") for name, service in content["services"].items()}
    assert networks["auth-service"] == networks["web-frontend"] == ["inner"]
    assert content["services"]["init"]["network_mode"] == "none"
    upstreams = re.findall(
        r"proxy_pass\s+(\S+);", (ROOT / "nginx/nginx.conf.j2").read_text("utf-8")
    )
    assert set(upstreams) == {"http://auth_service", "http://web_frontend"}


@pytest.mark.proves("V13.4.2", "V13.4.3", "V13.4.5")
def test_nothing_for_developers_is_switched_on() -> None:
    text = "".join(file.read_text("utf-8") for file in MODULES)
    assert not re.search(
        r"debug\s*=\s*True|FLASK_DEBUG|\.run\(host|DebugToolbar|PROPAGATE_EXCEPTIONS", text
    )
    nginx = (ROOT / "nginx/nginx.conf.j2").read_text("utf-8")
    assert not re.search(r"autoindex\s+on|stub_status|error_log[^;]*debug", nginx)
    for service in ("auth-service", "web-frontend"):
        settings = (ROOT / service / "gunicorn.conf.py").read_text("utf-8")
        assert not re.search(r"reload\s*=\s*True|loglevel\s*=\s*.debug", settings)


@pytest.mark.proves("V13.4.1", "V13.3.1", "V15.2.3")
def test_images_take_the_product_and_nothing_else_into_them() -> None:
    ignore = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    assert "*" in ignore, "what is not named stays out"
    assert "**/.*" in ignore[ignore.index("*") :], "and so does every hidden file"
    for name in (".git", ".env", "var", "tests", "certs", "brand", "backups", "."):
        assert name not in kept
    for file in ROOT.glob("*/Dockerfile"):
        text = file.read_text("utf-8")
        assert not re.search(r"^COPY\s+(--\S+\s+)*\.\s", text, re.M), file
        assert not re.search(r"(?i)^(ENV|ARG)\s.*(secret|password|credential|key)", text, re.M), (
            file
        )
        assert re.search(r"^USER [1-9]\d{3,}:[1-9]\d{3,}$", text, re.M), file


@pytest.mark.proves("V15.2.1")
@pytest.mark.parametrize("lock", ["auth-service", "web-frontend"])
def test_no_pinned_package_is_older_than_its_last_known_weakness(lock: str) -> None:
    text = (ROOT / lock / "requirements.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([a-z0-9._-]+)==([0-9.]+)", text, re.M))
    assert "pyjwt" in pins
    for name, lowest in LOWEST_SAFE.items():
        if name in pins:
            assert tuple(int(part) for part in pins[name].split(".")) >= lowest, (
                f"{name} {pins[name]}"
            )


@pytest.mark.proves("V15.1.2")
def test_every_import_is_a_package_of_the_inventory() -> None:
    ours = {"auth_service", "web_frontend", CONTRACT, SETTINGS, INIT}
    locks = "".join(
        (ROOT / s / "requirements.txt").read_text("utf-8")
        for s in ("auth-service", "web-frontend", "nginx")
    )
    of_init = [(file.name, line) for file in INIT_MODULES for line in imports_of(file)]
    for place, name in [*imported(), *of_init]:
        top = name.split(".")[0]
        if top not in sys.stdlib_module_names and top not in ours:
            assert re.search(rf"^{PACKAGES.get(top, top.replace('_', '-'))}==", locks, re.M), (
                f"{place} imports {top}"
            )


@pytest.mark.proves("V6.4.2", "NIST-3.1.1.2-hints", "V6.2.10", "NIST-3.1.1.2-rotation")
def test_users_json_holds_no_hint_no_question_and_no_age_of_a_password() -> None:
    models = ast.parse((ROOT / AUTH / "models.py").read_text("utf-8"))
    user = next(n for n in models.body if isinstance(n, ast.ClassDef) and n.name == "User")
    fields = {
        n.target.id
        for n in user.body
        if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
    }
    assert fields == {
        *("id", "username", "canonical", "former_usernames", "display_name"),
        *("password_hash", "password_scheme", "generation", "disabled", "created_at"),
    }
    for template in TEMPLATES:
        assert not re.search(
            r"(?i)\bhint\s*(for|to) your password|secret question|mother", template.read_text()
        )


@pytest.mark.proves("V3.4.2")
def test_no_part_of_the_product_answers_cors() -> None:
    sources = [*MODULES, ROOT / "nginx/nginx.conf.j2"]
    for file in sources:
        assert not re.search(r"(?i)access-control-|flask_cors|CORS\(", file.read_text("utf-8")), (
            file
        )


@pytest.mark.proves("V13.2.3", "V6.3.2")
def test_no_account_and_no_credential_comes_with_the_product() -> None:
    listed = (ROOT / ".env.example").read_text("utf-8")
    for name in ("EDGE_CREDENTIAL", "SERVICE_CREDENTIAL", "CSRF_KEY"):
        assert re.search(rf"^#DOORWARD_{name}=$", listed, re.M), name
    assert not list(ROOT.glob("**/auth_service/**/users*.json"))
    provision = (ROOT / INIT / "provision.py").read_text("utf-8")
    assert "add" not in re.findall(r"\.(\w+)\(", provision), (
        "the first start makes secrets, never users"
    )
