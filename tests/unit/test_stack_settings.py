"""The settings of local mode: where they are read, and what comes of them."""

from pathlib import Path

import pytest

from scripts.doorward_stack import local_settings, settings
from scripts.doorward_stack.errors import StackError
from scripts.doorward_stack.layout import Layout

PORTS = {"auth-service": 20001, "web-frontend": 20002}


def test_settings_come_from_the_file_and_the_environment_wins(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PORT=9000\nDOORWARD_CONTACT='Ann $1 #2'\n")
    read = local_settings.read(layout, {"DOORWARD_PORT": "9001"})
    assert read == {"DOORWARD_PORT": "9001", "DOORWARD_CONTACT": "Ann $1 #2"}


def test_an_empty_setting_is_an_unset_one_and_hides_the_file(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PORT=9000\n")
    assert local_settings.read(layout, {"DOORWARD_PORT": ""}) == {}


@pytest.mark.parametrize("line", ["A=$B", 'A="$B"', "A='b", "A", 'A="b" c'])
def test_a_line_that_is_not_understood_is_named(layout: Layout, line: str) -> None:
    (layout.root / ".env").write_text(f"# a comment\n{line}\n")
    with pytest.raises(StackError, match=r"\.env, line 2"):
        local_settings.read(layout, {})


def test_a_byte_order_mark_is_ignored(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PORT=9000\n", "utf-8-sig")
    settings.refuse_unknown(layout, {})
    assert local_settings.read(layout, {}) == {"DOORWARD_PORT": "9000"}


def test_unknown_settings_are_all_named_with_the_nearest_one(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_PROT=1\n")
    with pytest.raises(StackError) as caught:
        settings.refuse_unknown(layout, {"DOORWARD_BINDD": "::1", "DOORWARD_TEST_X": "1"})
    assert len(caught.value.problems) == 2
    assert "DOORWARD_PROT is not a setting of Doorward. Did you mean DOORWARD_PORT?" in str(
        caught.value
    )


def test_a_stack_beside_the_usual_one_does_not_inherit_its_settings(layout: Layout) -> None:
    (layout.root / ".env").write_text("DOORWARD_DATA_DIR=/srv/real\nDOORWARD_PROT=1\n")
    beside = Layout(layout.root, layout.root / "elsewhere")
    settings.refuse_unknown(beside, {})
    assert local_settings.data_folder(beside, local_settings.read(beside, {})) == beside.state


def test_the_default_url_is_one_that_answers(tmp_path: Path) -> None:
    hosts = {"[::1]": "[::1]", "127.0.0.2": "127.0.0.2", "": "localhost", "[::]": "localhost"}
    for bind, host in hosts.items():
        where = settings.address({"DOORWARD_BIND": bind}, tmp_path)
        assert where.public_url == f"http://{host}:8080"
    (tmp_path / "fullchain.pem").touch()
    assert settings.address({}, tmp_path).public_url == "https://localhost:8443"


def test_programs_get_their_wiring_and_what_is_set_by_hand_stays(layout: Layout) -> None:
    plain = local_settings.environment(layout, {}, PORTS)
    assert plain["DOORWARD_AUTH_URL"] == "http://127.0.0.1:20001"
    assert plain["DOORWARD_NGINX_LISTEN"] == "127.0.0.1:8080"
    assert plain["DOORWARD_CSRF_KEY_FILE"] == str(layout.state / "secrets/csrf/key")
    by_hand = {"DOORWARD_CSRF_KEY": "k" * 43, "DOORWARD_AUTH_URL": "http://127.0.0.1:7"}
    given = local_settings.environment(layout, by_hand, PORTS)
    assert given["DOORWARD_AUTH_URL"] == "http://127.0.0.1:7"
    assert "DOORWARD_CSRF_KEY_FILE" not in given
