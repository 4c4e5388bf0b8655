"""The arithmetic of `make bench-against`: what it parses, how it takes turns, and what it calls a change."""

import math

import pytest

from deploy.tools.bench_against import (
    BenchComparison,
    compare,
    order,
    parse_instructions,
    parse_rules,
    parse_table,
)

LINES = """decide + evolve, every command of the day: 368.2 µs, reading 41.6 µs, ratio 8.84, 51
route, every contact of the day: 220.8 µs, reading 38.0 µs, ratio 5.81, 13
"""
JSON = """[{"name": "route, every contact of the day", "rule": 220.84, "reading": 38.0, "messages": 13}]
12,,instructions:u,5,100.00,,
"""
TABLE = """| what | figure | unit | of the broker alone |
|---|---|---|---|
| POST /v1/contacts/batch, 200 a request | 1,234.5 | contacts/s | 0.312 |
|   until all were taken in | 8.0 | s |  |
|   until all were taken in | 9.0 | s |  |
"""


def test_trees_run_first_in_turn() -> None:
    assert list(order(5)) == [(0, 1), (1, 0), (0, 1), (1, 0), (0, 1)]


def test_figures_of_rules_are_read_from_lines_and_from_json() -> None:
    assert parse_rules(LINES) == {
        "decide + evolve, every command of the day, µs of processor time": 368.2,
        "route, every contact of the day, µs of processor time": 220.8,
    }
    assert parse_rules(JSON) == {"route, every contact of the day, µs of processor time": 220.84}
    assert parse_rules("Traceback (most recent call last)") == {}


def test_figures_of_the_system_are_read_from_its_table() -> None:
    assert parse_table(TABLE) == {
        "POST /v1/contacts/batch, 200 a request, contacts/s": 1234.5,
        "until all were taken in, s": 8.0,
        "until all were taken in, s (2)": 9.0,
    }


def test_instructions_are_read_where_perf_counts_them() -> None:
    assert parse_instructions("1234567,,instructions:u,812,100.00,,\n") == 1_234_567
    assert parse_instructions("<not supported>,,instructions:u,0,100.00,,\n") is None


def test_only_benchmarks_that_both_trees_have_in_every_round_are_compared() -> None:
    before = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]
    after = [{"a": 2.0, "c": 2.0}, {"a": 2.0, "b": 1.0}]
    assert compare(before, after) == [BenchComparison("a", [1.0, 3.0], [2.0, 2.0])]


def test_a_change_counts_when_each_median_is_outside_the_other_rounds() -> None:
    assert BenchComparison("a", [10, 11, 12], [14, 15, 16]).changed
    assert not BenchComparison("a", [10, 11, 12], [11, 12, 13]).changed
    assert not BenchComparison("a", [10, 11, 12], [10, 15, 16]).changed
    assert not BenchComparison("a", [5, 5, 5], [5, 5, 5]).changed


def test_a_comparison_shows_medians_spread_and_ratio() -> None:
    row = BenchComparison("a", [10, 11, 12], [20, 22, 24]).row()
    assert row == "| a | 11 (10 - 12) | 22 (20 - 24) | 2.000 | beyond the spread |"
    assert math.isnan(BenchComparison("a", [0, 0, 0], [1, 1, 1]).ratio)


@pytest.mark.parametrize("rounds", [1, 5])
def test_every_round_runs_both_trees(rounds: int) -> None:
    assert all(sorted(turns) == [0, 1] for turns in order(rounds))
