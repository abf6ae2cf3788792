"""Every requirement of Doorward's has a test, a paragraph or a reason, and all of them exist."""

import re
from collections import Counter

import evidence
import ledger
import marked_tests

ASVS_IDS, ASVS_ENOUGH = 164, 150
"""How many requirements of OWASP ASVS 5.0.0 apply, and how many have to be proven or documented."""
ASVS_LEVELS = {1: 70, 2: 183}
"""How many requirements each level adds, whether they apply or not."""


def answered() -> dict[str, bool]:
    """Return every id with whether a test or a paragraph answers for it."""
    proven = {id_ for _, id_ in marked_tests.uses("proves")}
    return {
        id_: not requirement.state and (id_ in proven or bool(requirement.documents))
        for id_, requirement in ledger.requirements().items()
    }


def test_every_requirement_has_a_test_a_paragraph_or_a_reason() -> None:
    without = [
        id_
        for id_, has_answer in answered().items()
        if not has_answer and not ledger.requirements()[id_].reason
    ]
    assert without == []


def test_a_reason_is_given_where_something_is_not_met_and_only_there() -> None:
    for id_, requirement in ledger.requirements().items():
        assert requirement.state in ("", *ledger.STATES), id_
        assert bool(requirement.state) == bool(requirement.reason), id_
        assert requirement.meaning.endswith("."), id_


def test_all_requirements_of_the_asvs_that_apply_are_listed_and_nearly_all_answered() -> None:
    assert len(ledger.requirements()) == len(ledger.ledger().requirements), "an id stands twice"
    asvs = {id_: has for id_, has in answered().items() if re.fullmatch(r"V\d+\.\d+\.\d+", id_)}
    assert len(asvs) == ASVS_IDS
    assert sum(asvs.values()) >= ASVS_ENOUGH


def test_each_requirement_of_levels_1_and_2_is_answered_or_left_out_for_a_reason() -> None:
    [asvs] = [source for source in ledger.sources() if source.left_out]
    listed = [(r.id, r.level) for r in ledger.requirements().values() if r.source == asvs.name]
    listed += [
        (id_, int(level))
        for group in asvs.left_out
        for level, ids in group.levels.items()
        for id_ in ids
    ]
    assert len({id_ for id_, _ in listed}) == len(listed)
    assert Counter(level for _, level in listed) == ASVS_LEVELS
    for group in asvs.left_out:
        chapter = group.chapter.partition(" ")[0]
        assert all(id_.startswith(f"{chapter}.") for id_ in group.ids)
        assert group.reason.endswith(".")


def test_level_1_is_complete() -> None:
    asvs = {id_: r for id_, r in ledger.requirements().items() if r.level == 1}
    assert len(asvs) >= 50
    assert [id_ for id_ in asvs if not answered()[id_]] == []


def test_every_marker_names_a_requirement_and_decorates_a_test_that_is_run() -> None:
    known = ledger.requirements().keys()
    assert [(test, id_) for test, id_ in marked_tests.uses("proves") if id_ not in known] == []
    run = marked_tests.folders(evidence.LAYERS)
    assert [test for test, _ in marked_tests.uses("proves") if test.split("/")[1] not in run] == []


def test_every_paragraph_that_is_named_exists() -> None:
    named = [link for row in ledger.requirements().values() for link in row.documents]
    assert [link for link in named if ledger.broken_link(link)] == []


def test_the_threat_model_names_tests_that_exist_and_uses_each() -> None:
    text = (ledger.ROOT / "docs" / "threat-model.md").read_text("utf-8")
    prose, _, table = text.partition("## The tests")
    named = dict(re.findall(r"^\| (T\d+) \|[^|]*\| `([^`]+)` \|$", table, re.M))
    assert len(named) >= 40
    for test in named.values():
        assert ledger.broken_link(test) is None
    used = {name for group in re.findall(r"\[(T[\d, T]+)\]", prose) for name in group.split(", ")}
    assert used == set(named)


def test_the_threat_model_looks_at_every_kind_of_threat() -> None:
    text = (ledger.ROOT / "docs" / "threat-model.md").read_text("utf-8")
    assert set("STRIDE") <= set(re.findall(r"^\| ([A-Z]) \|", text, re.M))
