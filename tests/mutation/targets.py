"""What is mutated, and the unit tests that have to notice."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_UNIT, _AUTH = "tests/unit", "tests/unit/auth_service"


@dataclass(frozen=True)
class Target:
    """Modules and the files or folders of the tests that concern them."""

    name: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


def _of_auth_service(*names: str) -> tuple[str, ...]:
    return tuple(f"auth-service/auth_service/{name}.py" for name in names)


TARGETS = (
    Target(
        "session_contract",
        tuple(
            str(file.relative_to(ROOT))
            for file in sorted((ROOT / "session_contract").glob("*.py"))
            if file.name != "__init__.py"
        ),
        (
            f"{_UNIT}/session_contract",
            f"{_UNIT}/web_frontend/test_audit.py",
            f"{_AUTH}/test_audit.py",
            f"{_AUTH}/test_settings.py",
        ),
    ),
    Target(
        "store",
        _of_auth_service(
            "file_locks",
            "storage/users_json/store",
            "storage/users_json/synced_users",
            "storage/users_json/users_file",
            "storage/users_json/replaced_files",
            "storage/users_json/reading",
            "storage/users_json/changes",
            "storage/users_json/hand_edits",
            "storage/users_json/versions",
            "storage/users_json/codec",
            "storage/users_json/user_index",
        ),
        (
            f"{_AUTH}/test_store.py",
            f"{_AUTH}/test_hand_edits.py",
            f"{_AUTH}/test_overlapping_edits.py",
            f"{_AUTH}/test_edited_users.py",
            f"{_AUTH}/test_store_crash.py",
            f"{_AUTH}/test_store_start.py",
            f"{_AUTH}/test_users_file.py",
            f"{_AUTH}/test_users_codec.py",
        ),
    ),
    Target(
        "throttle",
        _of_auth_service(
            "guessing/throttle",
            "guessing/policies",
            "guessing/devices",
            "guessing/standing",
            "storage/sql/guesses",
            "storage/sql/throttle_tables",
            "models",
        ),
        (
            f"{_AUTH}/guessing",
            f"{_AUTH}/test_guessing.py",
            f"{_AUTH}/test_models.py",
            f"{_AUTH}/test_tables.py",
        ),
    ),
    Target(
        "sessions",
        _of_auth_service(
            "sessions/service",
            "usecases/reauthentication",
            "sessions/tokens",
            "storage/sql/sessions",
            "storage/sql/account_facts",
            "storage/sql/state_tables",
            "storage/sql/database",
        ),
        (
            f"{_AUTH}/test_sessions.py",
            f"{_AUTH}/test_session_records.py",
            f"{_AUTH}/test_account_facts.py",
            f"{_AUTH}/test_told_facts.py",
            f"{_AUTH}/test_tables.py",
            f"{_AUTH}/test_full_disk.py",
            f"{_AUTH}/test_reauthentication.py",
            f"{_AUTH}/test_account_api.py",
        ),
    ),
)
