"""A test causes every fault that must be survived, and the page says what became of it."""

import faults
import marked_tests


def test_there_are_27_faults_and_each_says_what_must_hold() -> None:
    listed = faults.faults()
    assert [fault.number for fault in listed] == list(range(1, 28))
    assert all(fault.fault and fault.holds.endswith(".") for fault in listed)


def test_every_fault_is_brought_about_by_a_test_that_is_run() -> None:
    assert [fault.number for fault in faults.faults() if not fault.tests] == []
    known = {fault.number for fault in faults.faults()}
    assert {number for _, number in marked_tests.uses("fault")} <= known
    run = marked_tests.folders(faults.LAYERS)
    assert [test for test, _ in marked_tests.uses("fault") if test.split("/")[1] not in run] == []
