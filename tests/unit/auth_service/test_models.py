"""What a user's record knows of its own changes."""

from dataclasses import replace

import pytest

from auth_service.models import OWNER, STRANGERS, GuessCounters, SessionRecord, User
from unit.made_users import make_user

HASH = "$2b$12$" + "h" * 53


def test_a_new_password_is_hashed_our_way_and_ends_every_session() -> None:
    user = make_user(password_scheme="bcrypt", generation=3)
    assert user.with_password(HASH) == replace(
        user, password_hash=HASH, password_scheme="bcrypt-sha256", generation=4
    )


def test_a_renewed_hash_is_hashed_our_way_and_ends_no_session() -> None:
    user = make_user(password_scheme="bcrypt", generation=3)
    assert user.with_renewed_hash(HASH) == replace(
        user, password_hash=HASH, password_scheme="bcrypt-sha256"
    )


def test_a_display_name_ends_no_session() -> None:
    user = make_user(generation=3)
    assert user.with_display_name("Alice A.") == replace(user, display_name="Alice A.")


def test_disabling_and_enabling_end_every_session() -> None:
    user = make_user(generation=3)
    assert user.disabled_now() == replace(user, disabled=True, generation=4)
    assert user.disabled_now().enabled_now() == replace(user, disabled=False, generation=5)


@pytest.mark.parametrize(
    ("current", "holds"),
    [
        (make_user(generation=3), True),
        (make_user(generation=3, display_name="Alice A."), True),
        (make_user(generation=4), False),
        (make_user(generation=3, disabled=True), False),
        (make_user("Bob", generation=3), False),
        (None, False),
    ],
    ids=["the same", "another display name", "another generation", "disabled", "other", "gone"],
)
def test_what_was_checked_holds_for_the_same_user_of_the_same_generation(
    current: User | None, *, holds: bool
) -> None:
    assert make_user(generation=3).is_still(current) is holds


def test_a_change_is_put_on_top_of_what_others_changed() -> None:
    before = make_user()
    stored = before.with_display_name("Alice A.")
    assert stored.changed_like(before, before.disabled_now()) == replace(
        stored, disabled=True, generation=2
    )
    assert stored.changed_like(before, before) == stored


def test_a_user_without_further_fields_has_no_display_name_and_our_scheme() -> None:
    user = make_user()
    assert (user.display_name, user.password_scheme) == ("", "bcrypt-sha256")


def test_the_counters_have_the_names_that_every_database_has() -> None:
    assert (STRANGERS, OWNER) == ("strangers", "owner")


def test_a_counter_and_a_session_begin_at_zero() -> None:
    unused = GuessCounters()["owner"]
    assert (unused.failures, unused.used_at) == (0, 0.0)
    session = SessionRecord("id", "user", 1, 0, 0, 0, "192.0.2.1", "", 0)
    assert session.failed_confirmations == 0
