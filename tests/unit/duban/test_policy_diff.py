"""A changed policy: its changed values, and the open deadlines that it moves (R4.12)."""

from datetime import timedelta

import pytest

from deploy.tools.checkout import PROJECT
from duban import policy_diff
from duban.policy_diff import PolicyDiff
from schemas.action import (
    ApplyPolicy,
    ApproveExtension,
    ReplyProgress,
    RequestExtension,
    Resume,
    Suspend,
    Withdraw,
)
from schemas.contact import Customer
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from tests.builders import CENTRE, HOUR, MINUTE, PACK, TicketScenario, contact

VIP = Customer(name="李", phone="+8613800000101", level="金卡")
ROW = """
[[clock.limits]]
name = "broadband faults of a VIP"
when = { business = ["broadband"], problem = ["quality_inside"] }
lower = "6h"
upper = "24h"
ours = "half of what it was"

[[clock.limits]]
name = "money, national"
"""


def halved() -> Pack:
    files = loading.read_files(PROJECT / "policies", "carrier")
    text = files["limits.toml"].replace('\n[[clock.limits]]\nname = "money, national"\n', ROW, 1)
    assert text != files["limits.toml"]
    return loading.from_files("carrier", files | {"limits.toml": text})


def vip() -> TicketScenario:
    return TicketScenario.dispatched(opened_by=contact(customer=VIP))


def diff_of(new: Pack, *scenarios: TicketScenario, shown: int = 40) -> PolicyDiff:
    diff = PolicyDiff(new, scenarios[0].now, shown)
    for scenario in scenarios:
        diff.add(scenario.current)
    return diff


def changed_limits(*changes: tuple[str, str]) -> Pack:
    """Return the carrier's pack with other texts in limits.toml."""
    files = loading.read_files(PROJECT / "policies", "carrier")
    text = files["limits.toml"]
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return loading.from_files("carrier", files | {"limits.toml": text})


@pytest.mark.requirement("R4.12")
def test_the_handling_limit_of_a_vip_s_broadband_fault_is_halved_in_one_file() -> None:
    new, scenario = halved(), vip()
    lines = list(policy_diff.changed_values(PACK, new))
    # An assisting department has the limits of the one that handles.
    assert [line.split(" / ")[2] for line in lines] == ["handling", "assistance"]
    assert all("lower 6h" in line for line in lines)
    diff = diff_of(new, scenario, TicketScenario.dispatched())
    (moved,) = diff.deadlines
    assert (diff.tickets, diff.earlier, diff.later, diff.exceeded) == (1, 1, 0, 0)
    assert (moved.clock, moved.difference, moved.is_exceeded(scenario.now)) == ("handling", -6 * HOUR, False)


@pytest.mark.requirement("R4.12", "R4.11")
def test_applied_the_used_time_is_kept_and_both_limits_stay_visible() -> None:
    scenario = vip().advance(2 * HOUR)
    scenario.pack = halved()
    scenario.do(ApplyPolicy(version="x"))
    old, new = [each for each in scenario.current.clocks if each.name == "handling"]
    assert (old.stopped_by, new.limit, new.due_at - new.started_at) == ("policy_applied", 2, 6 * HOUR)
    assert scenario.current.policy.version == scenario.pack.reference.version != PACK.reference.version
    assert scenario.advance(4 * HOUR).tick().current.breaches == 1


def test_applied_twice_it_moves_nothing_more() -> None:
    scenario = vip()
    scenario.pack = halved()
    scenario.do(ApplyPolicy(version="x"))
    version = scenario.current.version
    assert scenario.do(ApplyPolicy(version="x")).current.version == version


def test_rolled_back_the_deadline_is_what_it_was() -> None:
    scenario = vip().advance(HOUR)
    due = scenario.timer("handling").due_at
    scenario.pack = halved()
    scenario.do(ApplyPolicy(version="x")).advance(MINUTE)
    scenario.pack = PACK
    assert scenario.do(ApplyPolicy(version="y")).timer("handling").due_at == due


def test_an_exceeded_deadline_stays_exceeded() -> None:
    scenario = vip().advance(13 * HOUR).tick()
    breaches = scenario.current.breaches
    scenario.pack = halved()
    assert scenario.do(ApplyPolicy(version="x")).tick().current.breaches == breaches


def test_a_limit_that_somebody_committed_to_stays() -> None:
    scenario = vip().advance(HOUR)
    until = scenario.timer("handling").due_at + 3 * HOUR
    scenario.do(RequestExtension(explanation="x", committed_until=until), unit="network")
    scenario.do(ReplyProgress(text="p"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    scenario.pack = halved()
    assert scenario.do(ApplyPolicy(version="x")).timer("handling").due_at == until


def test_a_ticket_that_waits_has_as_much_of_the_new_limit_left() -> None:
    scenario = vip().advance(HOUR).do(Suspend(waiting_for="customer", reason="x"), unit="network").advance(10 * HOUR)
    scenario.pack = halved()
    scenario.do(ApplyPolicy(version="x")).advance(HOUR).do(Resume(), unit="network")
    assert scenario.timer("handling").due_at - scenario.now == 5 * HOUR
    assert scenario.timer("handling").due_at > scenario.now + timedelta(0)


def test_clocks_that_a_version_renames_are_counted_as_ended_and_started() -> None:
    renamed = changed_limits(('name = "handling"', 'name = "work"'), ('value = "handling"', 'value = "work"'))
    diff = diff_of(renamed, vip(), vip())
    assert (diff.tickets, dict(diff.ended), dict(diff.started)) == (2, {"handling": 2}, {"work": 2})


def test_only_the_earliest_deadlines_are_kept_however_many_move() -> None:
    scenarios = [vip().advance(number * MINUTE) for number in range(7)]
    for number, scenario in enumerate(scenarios):
        opened = contact(f"m{number}", customer=VIP, at=scenario.now)
        scenarios[number] = TicketScenario.dispatched(opened_by=opened)
    diff = diff_of(halved(), *reversed(scenarios), shown=3)
    assert (diff.tickets, diff.earlier) == (7, 7)
    first = min(scenario.now for scenario in scenarios) + 6 * HOUR
    assert [deadline.after for deadline in diff.deadlines] == [first + number * MINUTE for number in range(3)]


def test_a_ticket_that_waits_for_the_archive_is_no_open_one() -> None:
    over = TicketScenario.opened().do(Withdraw(reason="r", evidence="calls/1"), unit=CENTRE)
    diff = diff_of(changed_limits(('value = "1096d"', 'value = "1097d"')), over)
    assert (diff.tickets, diff.closed_tickets, diff.later) == (0, 1, 1)


def test_tickets_that_wait_for_the_archive_are_looked_at_only_when_its_rules_change() -> None:
    assert policy_diff.changes_archive(PACK, changed_limits(('value = "1096d"', 'value = "1097d"')))
    assert policy_diff.changes_archive(PACK, changed_limits(('name = "archive"', 'name = "kept"')))
    assert not policy_diff.changes_archive(PACK, halved())


@pytest.mark.requirement("R7.5")
def test_a_change_of_contact_person_or_of_who_is_in_charge_of_a_unit_is_named() -> None:
    files = loading.read_files(PROJECT / "policies", "carrier")
    text = files["units.toml"].replace('name = "Appeals officer, province"', 'name = "Wang Fang"')
    text = text.replace('person = "Network desk"', 'person = "Li Jun"')
    lines = list(policy_diff.changed_values(PACK, loading.from_files("carrier", files | {"units.toml": text})))
    assert [line.split(":")[0] for line in lines] == [
        "- units / persons / Appeals officer, province",
        "+ units / persons / Wang Fang",
        "~ unit network",
    ]
    assert lines[-1] == "~ unit network: person Network desk -> Li Jun"


@pytest.mark.requirement("R5.1")
def test_a_changed_rule_of_authority_is_shown_with_its_source() -> None:
    files = loading.read_files(PROJECT / "policies", "carrier")
    del files["authority.toml"]
    lines = list(policy_diff.changed_values(PACK, loading.from_files("carrier", files)))
    assert all(line.startswith("- authority / rules: ") for line in lines)
    assert any("units provincial_centre" in line and "[002-1 §1.2.1③" in line for line in lines)
