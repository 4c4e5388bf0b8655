"""Many commands leave room for others, and an interrupted run continues (R4.12)."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

import pytest

from duban.command_pacing import PATIENCE, POLL_INTERVAL, Pacer
from schemas.action import ApplyPolicy, Tick
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.shared.runtime.errors import DubanError
from tests.builders import MORNING

ACTOR = Actor(kind="service", name="policy")


def commands(count: int) -> list[Command]:
    ids = [UUID(int=number) for number in range(1, count + 1)]
    action = ApplyPolicy(version="2026.1+1")
    return [
        Command(id=command_id(id_, "policy", 1), ticket_id=id_, at=MORNING, actor=ACTOR, action=action) for id_ in ids
    ]


@dataclass
class LedgerAtATime:
    """A ledger that decides `rate` commands a second, in the order in which they came; and the clock."""

    rate: float
    queue: list[Command] = field(default_factory=list)
    done: set[UUID] = field(default_factory=set)
    published: list[UUID] = field(default_factory=list)
    longest: int = 0
    now: float = 0.0

    def publish(self, sent: list[Command]) -> None:
        self.queue += sent
        self.published += [command.id for command in sent]
        self.longest = max(self.longest, len(self.queue))

    def decided(self, ids: Collection[UUID]) -> set[UUID]:
        return self.done & set(ids)

    def pause(self, seconds: float) -> None:
        self.now += seconds
        count = round(seconds * self.rate)
        self.done |= {command.id for command in self.queue[:count]}
        del self.queue[:count]

    def pacer(self, at_once: int) -> Pacer:
        return Pacer(at_once, self.publish, self.decided, self.pause, lambda: self.now)


@pytest.mark.requirement("R4.12")
@pytest.mark.parametrize("at_once", [1, 7, 200])
def test_no_more_than_a_bounded_number_is_undecided_at_any_moment(at_once: int) -> None:
    ledger = LedgerAtATime(rate=730)
    assert sum(ledger.pacer(at_once).send(commands(1_000))) == 1_000
    assert ledger.longest <= at_once
    assert ledger.published == [command.id for command in commands(1_000)]


@pytest.mark.requirement("R4.12", "R4.10")
def test_a_tick_that_is_published_meanwhile_waits_for_no_more_than_those() -> None:
    at_once = 200
    ledger, tick_at, waited = LedgerAtATime(rate=730), 0.0, list[float]()
    tick = Command(id=command_id(UUID(int=0), "tick"), ticket_id=UUID(int=0), at=MORNING, actor=ACTOR, action=Tick())
    for _ in ledger.pacer(at_once).send(commands(2_000)):
        if tick.id in ledger.done:
            waited.append(ledger.now - tick_at)
            ledger.done.discard(tick.id)
        if tick not in ledger.queue:
            ledger.queue.append(tick)
            tick_at = ledger.now
    assert len(waited) > 5
    assert max(waited) <= at_once / ledger.rate + 2 * POLL_INTERVAL


@pytest.mark.requirement("R4.12")
def test_an_interrupted_run_sends_only_what_is_not_decided_yet() -> None:
    ledger = LedgerAtATime(rate=730)
    list(islice(ledger.pacer(50).send(commands(1_000)), 5))
    before, decided = len(ledger.published), len(ledger.done)
    assert 0 < before < 1_000
    ledger.pause(10)
    assert sum(ledger.pacer(50).send(commands(1_000))) == 1_000
    assert len(ledger.published) == 1_000
    assert decided < len(ledger.done)


@pytest.mark.requirement("R4.12")
def test_a_ledger_that_decides_nothing_is_reported_with_what_to_do() -> None:
    ledger = LedgerAtATime(rate=0)
    with pytest.raises(DubanError, match=r"none of 20 commands was decided .* it continues where it stopped"):
        list(ledger.pacer(20).send(commands(100)))
    assert PATIENCE < ledger.now < PATIENCE + 1
    assert len(ledger.published) == 20
