"""What happened in a fault is written down beside what is known of the others."""

import math
import re
from contextlib import nullcontext
from dataclasses import replace

from tests.faults.delivery.fault import Fault
from tests.faults.delivery.load import ObservedAnswer
from tests.faults.delivery.play import Played
from tests.faults.delivery.report import BEGIN, END, commit, merged, row


def test_rows_of_faults_that_were_not_played_now_stay_on_the_page() -> None:
    fault = Fault("a-fault", "something is done", 10, lambda _: nullcontext())
    first = Played(fault, lasted=10.0, answers=[ObservedAnswer(0.0, 202, 0.1)])
    first.recovered_after = 1.5
    second = Played(replace(fault, name="b-fault"))
    second.missing = "no such device | here"
    page = f"before\n{BEGIN}\n| old | was played |\n| gone | renamed since |\n{END}\nafter\n"
    rows = {"a-fault": row(first, "abc"), "b-fault": row(second, "abc")}
    text = merged(page, rows, ["b-fault", "old", "a-fault"])
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    lines = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert lines == ["fault", "b-fault", "old", "a-fault"]
    assert "| 1 x 202; 0.10 / 0.1 / 0.1 s | ready | 1.5 s | nothing | none | abc |" in text
    assert "not injected: no such device / here" in text
    assert math.isinf(second.recovered_after)
    assert merged(text, {}, ["b-fault", "old", "a-fault"]) == text


def test_a_row_names_the_commit_that_was_tested() -> None:
    assert re.fullmatch("[0-9a-f]{10,}(-dirty)?|unknown", commit())
