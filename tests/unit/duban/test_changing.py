"""A changed policy: what it says differently, and which open deadlines it moves, by how much (R4.12)."""

from datetime import timedelta

import pytest

from duban import policy_diff
from schemas.action import ApplyPolicy, ApproveExtension, ReplyProgress, RequestExtension, Resume, Suspend
from schemas.contact import Customer
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.shared.runtime.settings import PROJECT
from tests.builders import CENTRE, HOUR, MINUTE, PACK, Tale, contact

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
    files = loading.files_of(PROJECT / "policies", "carrier")
    text = files["limits.toml"].replace('\n[[clock.limits]]\nname = "money, national"\n', ROW, 1)
    assert text != files["limits.toml"]
    return loading.from_files("carrier", files | {"limits.toml": text})


def vip() -> Tale:
    return Tale.dispatched(told=contact(customer=VIP))


@pytest.mark.requirement("R4.12")
def test_the_handling_limit_of_a_vip_s_broadband_fault_is_halved_in_one_file() -> None:
    new, tale = halved(), vip()
    lines = list(policy_diff.changed_values(PACK, new))
    assert len(lines) == 1
    assert "lower 6h" in lines[0]
    (moved,) = policy_diff.deadlines([tale.it, Tale.dispatched().it], new, tale.now)
    assert (moved.clock, moved.by, moved.over(tale.now)) == ("handling", -6 * HOUR, False)


@pytest.mark.requirement("R4.12", "R4.11")
def test_applied_the_used_time_is_kept_and_both_limits_stay_visible() -> None:
    tale = vip().after(2 * HOUR)
    tale.pack = halved()
    tale.do(ApplyPolicy(version="x"))
    old, new = [each for each in tale.it.clocks if each.name == "handling"]
    assert (old.stopped_by, new.limit, new.due_at - new.started_at) == ("policy_applied", 2, 6 * HOUR)
    assert tale.it.policy.version == tale.pack.reference.version != PACK.reference.version
    assert tale.after(4 * HOUR).tick().it.breaches == 1


def test_applied_twice_it_moves_nothing_more() -> None:
    tale = vip()
    tale.pack = halved()
    tale.do(ApplyPolicy(version="x"))
    version = tale.it.version
    assert tale.do(ApplyPolicy(version="x")).it.version == version


def test_rolled_back_the_deadline_is_what_it_was() -> None:
    tale = vip().after(HOUR)
    due = tale.clock("handling").due_at
    tale.pack = halved()
    tale.do(ApplyPolicy(version="x")).after(MINUTE)
    tale.pack = PACK
    assert tale.do(ApplyPolicy(version="y")).clock("handling").due_at == due


def test_what_was_exceeded_stays_exceeded() -> None:
    tale = vip().after(13 * HOUR).tick()
    breaches = tale.it.breaches
    tale.pack = halved()
    assert tale.do(ApplyPolicy(version="x")).tick().it.breaches == breaches


def test_a_limit_that_somebody_committed_to_stays() -> None:
    tale = vip().after(HOUR)
    until = tale.clock("handling").due_at + 3 * HOUR
    tale.do(RequestExtension(explanation="x", committed_until=until), unit="network")
    tale.do(ReplyProgress(text="p"), unit=CENTRE).do(ApproveExtension(), unit=CENTRE)
    tale.pack = halved()
    assert tale.do(ApplyPolicy(version="x")).clock("handling").due_at == until


def test_a_ticket_that_waits_has_as_much_of_the_new_limit_left() -> None:
    tale = vip().after(HOUR).do(Suspend(waiting_for="customer", reason="x"), unit="network").after(10 * HOUR)
    tale.pack = halved()
    tale.do(ApplyPolicy(version="x")).after(HOUR).do(Resume(), unit="network")
    assert tale.clock("handling").due_at - tale.now == 5 * HOUR
    assert tale.clock("handling").due_at > tale.now + timedelta(0)
