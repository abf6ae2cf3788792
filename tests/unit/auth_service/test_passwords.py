"""What a password may be."""

import time
import timeit
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auth_service.accounts.passwords import PasswordPolicy, load_blocklist, normalise, to_bytes

GOOD = "a quiet harbour at dawn"
POLICY = PasswordPolicy(15, b"\ncorrect horse battery staple\nstrasse strasse strasse\n")


@pytest.mark.proves(
    "NIST-3.1.1.2-composition", "NIST-3.1.1.2-maximum", "NIST-3.1.1.2-unicode", "V6.2.5", "V6.2.9"
)
@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "fifteen letters",
        "fifteen letters"[:14] + "é",
        "日本語のとても長い合言葉です。よ",
        "🦆" * 14 + "🐟",
        "x y" * 21,
        "no digits no capitals no signs",
        "tab-free but ~!@#$%^&*()_+{}|:<>?",
        "é" * 511 + "xy",
        "a" + "b" * 1023,
        " spaces around it ",
        "sole zero width \u200b joiner",
    ],
)
def test_any_text_of_fifteen_characters_to_1024_bytes_is_a_password(password: str) -> None:
    assert POLICY.problems(password, "alice") == []


@pytest.mark.proves("NIST-3.1.1.2-blocklist", "NIST-3.1.1.2-length", "V6.2.1")
@pytest.mark.parametrize(
    ("password", "said"),
    [
        ("", "too short"),
        ("fourteen chars", "too short"),
        ("🦆" * 14, "too short"),
        ("e\u0301" * 14, "too short"),  # 28 code points before they are composed
        ("é" * 512 + "x", "too long"),
        ("x" * 1025, "too long"),
        ("x" * 100_000, "too long"),
        ("a quiet harbour\0at dawn", "control"),
        ("a quiet harbour\nat dawn", "control"),
        ("a quiet harbour\x7fat dawn", "control"),
        ("a quiet harbour\x85at dawn", "control"),
        ("a quiet harbour\ud800at dawn", "control"),
        ("correct horse battery staple", "too common"),
        ("CORRECT Horse Battery\u00a0Staple", "too common"),
        ("STRASSE STRASSE STRASSE", "too common"),
        ("Straße Straße Straße", "too common"),
        (" " * 15, "too common"),
        ("\u3000" * 20, "too common"),
        ("\u200b" * 15, "too common"),
        ("correct\u200b horse battery\u00ad staple", "too common"),
        ("correct horse battery staple ", "too common"),
        ("rootrootrootroot", "too common"),
        ("FACEBOOKfacebook", "too common"),
        ("x" * 32, "too common"),
        ("alice" * 3, "username"),
        ("ALICEaliceAlice", "username"),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_what_breaks_a_rule_is_refused_with_the_reason(password: str, said: str) -> None:
    (problem,) = POLICY.problems(password, "alice")
    assert said in problem


def test_a_password_that_only_holds_the_user_name_or_a_listed_one_is_fine() -> None:
    assert POLICY.problems("alice alice alice", "alice") == []
    assert POLICY.problems("correct horse battery staple!", "alice") == []
    assert POLICY.problems("alice and alice", "") == []


@pytest.mark.parametrize(
    "password", ["x" * 33, "🦆" * 15, "abcabcabcabcabcab", "root root root root"]
)
def test_a_text_repeated_that_is_long_or_rare_or_not_all_there_is_a_password(password: str) -> None:
    assert POLICY.problems(password, "alice") == []


@pytest.mark.proves("V2.2.3")
def test_a_long_user_name_itself_is_refused() -> None:
    assert POLICY.problems("Alice.Wonderland@example.org", "alice.wonderland@example.org")


@pytest.mark.parametrize("minimum", [8, 15, 64])
def test_the_minimum_is_a_setting_and_stands_in_the_reason(minimum: int) -> None:
    policy = PasswordPolicy(minimum, b"")
    assert policy.problems("xy" * 100, "alice") == []
    assert policy.problems("z" * (minimum - 1) + "a", "alice") == []
    assert f"{minimum} characters" in policy.problems("z" * (minimum - 1), "alice")[0]


def test_spellings_of_one_text_are_one_password() -> None:
    assert to_bytes("caf\u00e9 au lait") == to_bytes("cafe\u0301\u00a0au\u2003lait")
    assert to_bytes("Café") != to_bytes("café"), "case counts"
    assert to_bytes("ﬁsh") != to_bytes("fish"), "only canonical forms are one"
    assert to_bytes(" x") != to_bytes("x"), "nothing is cut off"
    assert len({to_bytes(text) for text in ("\ud800", "\ud801", "?", "\ufffd", "")}) == 5


@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_has_one_form_that_stays_as_it_is(password: str) -> None:
    normal = normalise(password)
    assert normalise(normal) == normal
    assert unicodedata.is_normalized("NFC", normal)
    assert to_bytes(normal) == to_bytes(password)


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=[])), st.text())
def test_no_text_breaks_the_policy(password: str, username: str) -> None:
    problems = POLICY.problems(password, username)
    assert len(problems) < 2
    assert problems or 15 <= len(normalise(password)) <= 1024


@pytest.mark.proves("NIST-3.1.1.2-blocklist", "V6.2.12")
@pytest.mark.parametrize(
    "password", ["passwordpassword", "Password12345678", "QWERTYUIOPASDFGHJKL", "DoorwardDoorward"]
)
def test_the_committed_list_holds_what_is_tried_first(password: str) -> None:
    policy = PasswordPolicy(15, load_blocklist())
    assert policy.problems(password, "alice")
    assert policy.problems(GOOD, "alice") == []


def marks(length: int) -> str:
    """Return the text of this length that takes the longest to bring into canonical order."""
    return "a" + "\u0301" * (length // 2) + "\u0323" * (length // 2)


@pytest.mark.parametrize("length", [2050, 8000, 100_000])
def test_the_length_is_judged_before_the_text_is_normalised(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object) -> str:
        raise AssertionError("this takes 45 s for 100,000 marks")

    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "normalize", fail)
        assert normalise(marks(length)) == marks(length)
        assert "too long" in POLICY.problems(marks(length), "alice")[0]


@pytest.mark.parametrize("length", [16, 256, 2000])
def test_marks_are_in_canonical_order_before_the_library_sorts_them(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sorts them by insertion: in linear time only where they are in order."""
    texts: list[str] = []
    normalize = unicodedata.normalize

    def record(form: str, text: str) -> str:
        texts.append(text)
        return normalize(form, text)

    with monkeypatch.context() as patch:
        patch.setattr(unicodedata, "normalize", record)
        normalise(marks(length))
    assert texts
    for text in texts:
        classes = [unicodedata.combining(character) for character in text[1:]]
        assert classes == sorted(classes)


@pytest.mark.slow
def test_normalising_twice_the_text_costs_at_most_two_and_a_half_times_as_much() -> None:
    def seconds(length: int) -> float:
        text = marks(length)
        # The processor time of this thread, because others use the processor too.
        timer = timeit.Timer(lambda: normalise(text), timer=time.thread_time)
        return min(timer.repeat(number=5, repeat=15))

    for length in (256, 512, 1000):
        assert seconds(2 * length) < 2.5 * seconds(length)


@given(st.text(st.sampled_from("aé\u0301\u0323\u0344\u0315\u1100\u1161\u11a8\u0f71\u0f72 ")))
def test_marks_in_any_order_get_the_canonical_form(text: str) -> None:
    assert normalise(text) == unicodedata.normalize("NFC", text)


def test_the_longest_password_is_found_again_in_its_longest_spelling() -> None:
    """1,024 bytes of characters that are three code points each when they are taken apart."""
    password = "\u0390" * 512
    spelled = unicodedata.normalize("NFD", password)
    assert (len(password.encode()), len(spelled)) == (1024, 1536)
    assert normalise(spelled) == password
    assert POLICY.problems(password, "alice") == []
