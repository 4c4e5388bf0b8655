"""Survivors need a reason, reasons need a survivor, and few enough may survive."""

from tests.mutation import report
from tests.mutation.mutants import GROUPS
from tests.mutation.report import Shares


def shares(survived: int) -> Shares:
    return Shares(
        {(group, "play"): 100 - survived for group in GROUPS} | {(group, "survived"): survived for group in GROUPS}
    )


def test_all_is_well() -> None:
    assert list(report.problems({"a"}, {"a": "equivalent"}, {"a", "b"}, shares(1), whole=True)) == []


def test_a_survivor_without_a_reason_fails() -> None:
    assert list(report.problems({"a"}, {}, {"a"}, shares(1), whole=False)) == ["survives without a reason: a"]


def test_a_reason_without_a_survivor_fails() -> None:
    (problem,) = report.problems(set(), {"a": "equivalent"}, {"a"}, shares(1), whole=False)
    assert problem.endswith("has a reason for what does not survive: a")


def test_a_reason_for_a_mutant_outside_the_sample_is_left_alone() -> None:
    assert list(report.problems(set(), {"a": "equivalent"}, {"b"}, shares(1), whole=False)) == []


def test_too_many_survivors_fail() -> None:
    found = list(report.problems(set(), {}, set(), shares(6), whole=True))
    assert found == [f"{group}: 94.0% are killed, 95% have to be" for group in GROUPS]


def test_the_page_has_the_shares_and_every_survivor_with_its_reason() -> None:
    entries = [{"mutants": ["a", "b"], "because": "they mean the same"}]
    text = report.page(shares(1), 90.0, entries)
    assert "| readers | 100 | 0 | 99 | 0 | 1 | 99.0% |" in text
    assert "they mean the same:\n\n```text\na\nb\n```\n" in text
