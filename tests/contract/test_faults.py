"""Every fault that must be survived is brought about by a test, and the page says what became of it."""

from typing import Any

import faults


def test_there_are_27_faults_and_each_says_what_must_hold() -> None:
    listed = faults.faults()
    assert [fault.number for fault in listed] == list(range(1, 28))
    assert all(fault.fault and fault.holds.endswith(".") for fault in listed)


def test_every_fault_is_brought_about_by_a_test_that_is_run() -> None:
    assert [fault.number for fault in faults.faults() if not fault.tests] == []
    assert {number for _, number in faults.MARKER.uses()} <= {
        fault.number for fault in faults.faults()
    }
    assert faults.MARKER.stray() == []


def test_the_page_has_every_fault_with_its_tests_and_says_that_it_holds() -> None:
    text = faults.PAGE.read_text("utf-8")
    rows = {
        line.split(" | ")[0].removeprefix("| "): line for line in text.splitlines() if " | " in line
    }
    for fault in faults.faults():
        row = rows[str(fault.number)]
        assert f"| {fault.fault} | {fault.holds} |".replace("&#124;", "|") in row.replace(
            "&#124;", "|"
        )
        assert [test for test in fault.tests if test.partition("::")[0] not in row] == []
        assert row.endswith("| 0 | holds |"), "run `make faults`"
    assert text.endswith("27 of 27 hold.\n")


def case(number: int, **tally: Any) -> dict[str, Any]:
    counted = {"unit": "requests", "tried": 30, "acknowledged": 4, "lost": 0, "times": {}} | tally
    return {"test": "", "arguments": [number], "outcome": "passed", "tally": counted}


def test_a_page_says_what_was_tried_acknowledged_and_lost_how_long_it_took_and_when() -> None:
    cases = {
        "local": [
            case(11, times={"signing in": [4.62, 5, 9]}),
            case(11, times={"signing in": [4.1, 5, 9]}),
        ],
        "compose": [
            case(11, unit="tries", times={"signing in": [5.31, 5, 9], "a page": [0.05, None, None]})
        ],
    }
    text = faults.page(faults.rows(cases, {}), "commit `abc` (clean)")
    assert "\nRan at commit `abc` (clean).\n" in text
    [row] = [line for line in text.splitlines() if line.startswith("| 11 |")]
    cells = row.split(" | ")
    assert cells[3] == "local: 60 requests<br>compose: 30 tries"
    # The slowest, in bold where it is more than was promised.
    assert cells[4] == (
        "signing in: 4.6 s (local), **5.3 s** (compose); 5 s promised, 9 s allowed<br>a page: 50 ms (compose)"
    )
    assert row.endswith(" | 12 | 0 | holds |")
