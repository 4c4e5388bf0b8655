"""Each property on a pack that is broken for it: named, with the shortest story, which plays again."""

from dataclasses import replace
from pathlib import Path

import pytest

from duban.proving.exemptions import Exemption
from duban.proving.prover import prove
from schemas.command import Command
from schemas.ticket import SlaTimer, Status, Ticket
from services.domain.authority.judge import ALLOWED, Verdict, judge
from services.domain.policy.conditions import When
from services.domain.policy.outcome import EntryRule
from services.domain.policy.pack import Pack
from services.ledger.domain import decide, timers
from tests.builders import PACKS
from tests.unit.duban.proving.broken_packs import actions_of, plays, violation, with_clock, with_outcome

SMALL = PACKS["logistics"]


def test_a_pack_as_it_is_shipped_has_no_violation_near_its_beginning() -> None:
    report = prove(SMALL, depth=3)
    assert report.violations == ()
    assert report.states > 50
    assert report.decisions > report.states


def test_a_promise_that_ends_with_the_feedback(tmp_path: Path) -> None:
    outer = SMALL.limits.by_name["promise"]
    state = outer.while_.model_copy(update={"status": tuple(set(outer.while_.status) - {Status.FED_BACK})})
    pack = with_clock(SMALL, "promise", while_=state)
    story = violation(pack, 2, "promise", "fed_back")
    assert actions_of(story) == ["dispatch", "feed_back"]
    assert plays(story, pack, tmp_path)


def test_a_clock_that_waits_for_a_customer_whom_nobody_asks(tmp_path: Path) -> None:
    pack = with_clock(SMALL, "callback", unless=None)
    story = violation(pack, 2, "stage", "callback")
    assert "whom nobody asks" in story.finding.message
    assert actions_of(story) == ["assess"]
    assert plays(story, pack, tmp_path)


def test_an_entry_that_closing_needs_and_nobody_may_write(tmp_path: Path) -> None:
    entries = tuple(
        EntryRule.model_construct(**{**dict(rule), "by": ("nobody",)}) if rule.kind == "check" else rule
        for rule in SMALL.outcome.entries
    )
    pack = with_outcome(SMALL, entries=entries)
    story = violation(pack, 1, "close", "nobody may record check while it is answered")
    assert story.steps == ()
    assert plays(story, pack, tmp_path)


def test_rules_that_let_somebody_without_a_unit_act(monkeypatch: pytest.MonkeyPatch) -> None:
    def lax(ticket: Ticket | None, command: Command, pack: Pack) -> Verdict:
        return judge(ticket, command, pack) if command.actor.unit is not None else ALLOWED

    monkeypatch.setattr(decide, "judge", lax)
    story = violation(SMALL, 1, "authority", "dispatch")
    assert "may not dispatch" in story.finding.message


def test_an_act_that_moves_a_clock_although_it_changes_no_fact(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Restless(timers.Comparison):
        def changed(self) -> list[SlaTimer]:
            if self.by != "supervised":
                return super().changed()
            return [timer.replace(provisional=not timer.provisional) for timer in self.ticket.clocks[:1]]

    monkeypatch.setattr(timers, "Comparison", Restless)
    monkeypatch.setattr(timers, "depends_on", lambda _: True)
    story = violation(SMALL, 1, "unmoved", "supervise")
    assert actions_of(story) == ["supervise"]
    assert plays(story, SMALL, tmp_path)


@pytest.mark.long
def test_a_clock_and_an_entry_that_can_never_happen_are_named() -> None:
    pack = with_clock(SMALL, "investigation", when=When(tier=("nothing",)))
    report = prove(pack)
    assert {finding.subject for finding in report.dead} >= {"clock investigation", "breach of investigation"}
    assert not report.holds


def test_rules_that_raise_an_error_are_found_with_the_contact() -> None:
    promise = SMALL.limits.by_name["promise"]
    pack = with_clock(SMALL, "promise", limits=promise.limits[:1])
    story = violation(pack, 0, "crash", "open")
    assert "has no limit for tier" in story.finding.message
    assert story.possible


def test_an_exemption_that_nothing_matches_is_an_error() -> None:
    pack = with_clock(SMALL, "callback", unless=None)
    wanted = Exemption(property="stage", subject="callback", ours="nobody minds")
    report = prove(pack, [wanted], depth=2)
    assert report.violations == ()
    assert [story.finding.key for story in report.exempted] == [("stage", "callback")]
    assert replace(report, unused=(wanted,)).holds is False
    assert any(
        "nothing matches the exemption stage, callback" in line for line in replace(report, unused=(wanted,)).lines()
    )
