"""What skeptical readers once found in the lifecycle: the old rule put back, and a proof finds it again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from schemas.action import ActionModel, Note, RequestExtension
from schemas.contact import Customer
from schemas.ticket import Classification, SlaTimer, Status, Ticket
from services.domain.policy.clocks import ClockRule
from services.domain.sla import timer as arithmetic
from services.domain.sla.calendar import Calendar
from services.domain.sla.thresholds import thresholds_of
from services.ledger.domain import (
    decision_context,
    extension,
    lifecycle,
    merge_split,
    names,
    reclassification,
    suspension,
    timers,
)
from services.ledger.domain.decision_context import CommandRejected, DecisionContext
from services.ledger.domain.lifecycle import LIFECYCLE
from services.ledger.domain.named_ticket import NamedTicket
from tests.builders import PACKS
from tests.unit.duban.proving.broken_packs import actions_of, of_kinds, plays, violation

SMALL = PACKS["logistics"]
COMPLAINTS = of_kinds("carrier", "complaint")
Patch = pytest.MonkeyPatch


def comparing(patch: Patch, changed: Callable[[Any, Callable[[Any], list[SlaTimer]]], list[SlaTimer]]) -> None:
    """Put another comparison of clocks in the place of the real one, which it may call."""
    real = timers.Comparison.changed
    patch.setattr(timers.Comparison, "changed", lambda self: changed(self, real))


def with_row(patch: Patch, action: type[ActionModel], **changes: Any) -> None:
    """Put another row for an action into the table of the lifecycle."""
    row = {action: replace(LIFECYCLE[action], **changes)}
    patch.setattr(lifecycle, "LIFECYCLE", {**LIFECYCLE, **row})


def started_by(patch: Patch, *events: str) -> None:
    """Let a promise begin only with some events, as before a clock belonged to a state."""
    real = timers.Comparison._start

    def start(self: timers.Comparison, rule: ClockRule, *rest: Any, **more: Any) -> None:
        if not rule.outer or self.by in events:
            real(self, rule, *rest, **more)

    patch.setattr(timers.Comparison, "_start", start)


def test_a_rejected_answer_without_a_promise(monkeypatch: Patch, tmp_path: Path) -> None:
    started_by(monkeypatch, "accepted", "reopened")
    story = violation(SMALL, 2, "promise", "dispatched")
    assert actions_of(story)[-1] == "reject"
    assert plays(story, SMALL, tmp_path)


def test_a_reopened_appeal_without_a_promise(monkeypatch: Patch, tmp_path: Path) -> None:
    pack = of_kinds("carrier", "appeal")
    started_by(monkeypatch, "accepted")
    story = violation(pack, 2, "promise", "accepted")
    assert actions_of(story)[-1] in {"reopen", "remind"}
    assert plays(story, pack, tmp_path)


def test_a_changed_kind_without_the_clocks_of_the_new_one(monkeypatch: Patch, tmp_path: Path) -> None:
    pack = of_kinds("carrier", "complaint", "appeal")
    started_by(monkeypatch, "accepted", "reopened")
    story = violation(pack, 1, "promise", "accepted")
    assert actions_of(story) == ["reclassify"]
    assert plays(story, pack, tmp_path)


def test_a_limit_that_is_exceeded_again_after_a_reclassification(monkeypatch: Patch, tmp_path: Path) -> None:
    real = arithmetic.relimit

    def anew(timer: SlaTimer, rule: ClockRule, limit: Any, calendar: Any, **more: Any) -> Any:
        if not timer.exceeded:
            return real(timer, rule, limit, calendar, **more)
        due = calendar.due(more["at"], limit.span)
        old = arithmetic.stop(timer, more["at"], by=more["by"], reason="relimited", calendar=calendar)
        spans = {"start": more["at"], "due": due, "length": calendar.between(more["at"], due)}
        points = thresholds_of(rule, limit, calendar, **spans, used=timedelta(0))
        return old, timer.replace(limit=timer.limit + 1, due_at=due, thresholds=points, rule=limit.rule)

    monkeypatch.setattr(arithmetic, "relimit", anew)
    story = violation(SMALL, 3, "breach", "promise")
    assert "reclassify" in actions_of(story)
    assert plays(story, SMALL, tmp_path)


def test_a_ticket_that_waits_and_keeps_the_old_limit(monkeypatch: Patch, tmp_path: Path) -> None:
    real = arithmetic.relimit

    def running_only(timer: SlaTimer, *rest: Any, **more: Any) -> Any:
        return real(timer, *rest, **more) if timer.paused_at is None else None

    monkeypatch.setattr(arithmetic, "relimit", running_only)
    story = violation(SMALL, 2, "limit", "promise")
    assert actions_of(story) == ["suspend", "reclassify"]
    assert plays(story, SMALL, tmp_path)


@pytest.mark.long
def test_a_commitment_that_a_reclassification_takes_back(monkeypatch: Patch, tmp_path: Path) -> None:
    real = arithmetic.relimit

    def forgetful(timer: SlaTimer, *rest: Any, **more: Any) -> Any:
        return real(timer.replace(committed=False), *rest, **more)

    monkeypatch.setattr(arithmetic, "relimit", forgetful)
    story = violation(SMALL, 5, "limit", "promise")
    assert actions_of(story)[-1] == "reclassify"
    assert plays(story, SMALL, tmp_path)


def sent_back_to_the_centre(self: Any, real: Callable[[Any], list[SlaTimer]]) -> list[SlaTimer]:
    """Compare the clocks as if each return of a ticket led to the centre."""
    if self.by == "sent_back":
        self.ticket = self.ticket.replace(status=Status.ACCEPTED)
    return real(self)


@pytest.mark.long
def test_a_return_on_the_second_level_that_starts_the_review(monkeypatch: Patch, tmp_path: Path) -> None:
    comparing(monkeypatch, sent_back_to_the_centre)
    story = violation(COMPLAINTS, 3, "stage", "review")
    assert actions_of(story) == ["dispatch", "dispatch", "send_back"]
    assert plays(story, COMPLAINTS, tmp_path)


@pytest.mark.long
def test_a_return_that_stops_the_days_of_the_province(monkeypatch: Patch, tmp_path: Path) -> None:
    pack = of_kinds("carrier", "escalated")
    comparing(monkeypatch, sent_back_to_the_centre)
    story = violation(pack, 3, "stage", "escalated")
    assert actions_of(story)[-1] == "send_back"
    assert plays(story, pack, tmp_path)


def test_another_centre_that_the_feedback_does_not_reach(monkeypatch: Patch, tmp_path: Path) -> None:
    def old(_: DecisionContext, classification: Classification) -> dict[str, Any]:
        return {"centre": classification.path[0]} if classification.path else {}

    pack = of_kinds("carrier", "complaint", "escalated")
    monkeypatch.setattr(reclassification, "of_centre", old)
    story = violation(pack, 2, "place", "chain")
    assert actions_of(story) == ["dispatch", "reclassify"]
    assert plays(story, pack, tmp_path)


def test_a_form_whose_clock_goes_on_after_the_dispatch(monkeypatch: Patch, tmp_path: Path) -> None:
    real = timers.Comparison._end

    def end(self: timers.Comparison, timer: SlaTimer, changed: list[SlaTimer]) -> None:
        if timer.name != "form":
            real(self, timer, changed)

    monkeypatch.setattr(timers.Comparison, "_end", end)
    story = violation(COMPLAINTS, 1, "stage", "form")
    assert actions_of(story) == ["dispatch"]
    assert plays(story, COMPLAINTS, tmp_path)


def test_a_late_form_that_starts_the_review(monkeypatch: Patch, tmp_path: Path) -> None:
    def changed(self: Any, real: Callable[[Any], list[SlaTimer]]) -> list[SlaTimer]:
        found = real(self)
        if self.by == "form_completed" and self.ticket.status is not Status.ACCEPTED:
            self._start(self.pack.limits.by_name["review"], None, found)
        return found

    comparing(monkeypatch, changed)
    story = violation(COMPLAINTS, 2, "stage", "review")
    assert actions_of(story)[-1] in {"complete_form", "remind"}
    assert plays(story, COMPLAINTS, tmp_path)


def test_a_merge_into_whatever_is_named(monkeypatch: Patch) -> None:
    def anything(self: DecisionContext, id_: UUID, *, field: str) -> NamedTicket:
        return NamedTicket(id_, field, 1, self.ticket.policy.pack, Status.ACCEPTED, Customer(), None)

    monkeypatch.setattr(DecisionContext, "other_ticket", anything)
    monkeypatch.setattr(merge_split, "_check_survivor", lambda *_: None)
    story = violation(SMALL, 1, "merge", "merge")
    assert actions_of(story) == ["merge"]


def test_a_classification_that_names_what_the_pack_does_not_have(monkeypatch: Patch) -> None:
    monkeypatch.setattr(names, "check_classification", lambda *_: None)
    for action in ("reclassify", "split"):
        story = violation(SMALL, 1, "names", action)
        assert story.finding.message.endswith("nowhere")
        assert actions_of(story) == [action]


def test_waiting_again_and_again(monkeypatch: Patch, tmp_path: Path) -> None:
    def waiting(before: Ticket, update: Mapping[str, Any], when: datetime) -> dict[str, Any]:
        return {name: value for name, value in counted(before, update, when).items() if name != "waited"}

    counted = decision_context._waiting
    monkeypatch.setattr(decision_context, "_waiting", waiting)
    story = violation(SMALL, 3, "wait", "sum")
    assert actions_of(story) == ["suspend", "tick", "suspend"]
    assert plays(story, SMALL, tmp_path)


def test_a_ticket_that_waits_while_it_is_dispatched(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(decision_context, "WAIT_ENDS", frozenset({"suspended"}))
    story = violation(SMALL, 2, "wait", "goes_on")
    assert actions_of(story)[0] == "suspend"
    assert plays(story, SMALL, tmp_path)


def test_a_customer_who_is_reminded_of_what_others_owe(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(suspension, "CUSTOMER", "other")
    story = violation(SMALL, 2, "wait", "reminder")
    assert actions_of(story) == ["suspend", "tick"]
    assert plays(story, SMALL, tmp_path)


@pytest.mark.long
def test_more_time_that_is_refused_by_the_end_of_before_the_wait(monkeypatch: Patch, tmp_path: Path) -> None:
    def request(context: DecisionContext, action: RequestExtension) -> None:
        _, timer = extension._stage(context, context.ticket)
        if timer.due_at <= context.at:
            raise CommandRejected("too_late", "the limit ran out")
        real(context, action)

    real = extension.request
    with_row(monkeypatch, RequestExtension, decide=request)
    pack = PACKS["bank"]
    story = violation(pack, 4, "wait", "too_late")
    assert actions_of(story)[-1] == "request_extension"
    assert plays(story, pack, tmp_path)


def test_a_clock_of_no_length(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(Calendar, "half_day", property(lambda _: timedelta(0)))
    pack = PACKS["bus"]
    story = violation(pack, 1, "thresholds", "promise")
    assert plays(story, pack, tmp_path)


def test_a_clock_that_a_later_version_does_not_have(monkeypatch: Patch) -> None:
    real = timers.Comparison._end

    def end(self: timers.Comparison, timer: SlaTimer, changed: list[SlaTimer]) -> None:
        if timer.name in self.pack.limits.by_name or timer.name in timers.WAITS:
            real(self, timer, changed)

    monkeypatch.setattr(timers.Comparison, "_end", end)
    story = violation(SMALL, 1, "stage", "former_clock")
    assert actions_of(story) == ["answer"]


def test_units_that_assist_after_the_work(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(decision_context, "_assistance", lambda *_: {})
    story = violation(SMALL, 3, "place", "assisting")
    assert actions_of(story)[:2] == ["dispatch", "request_assistance"]
    assert plays(story, SMALL, tmp_path)


def test_an_archived_ticket_that_still_takes_notes(monkeypatch: Patch, tmp_path: Path) -> None:
    with_row(monkeypatch, Note, allowed=lifecycle.ANY)
    story = violation(SMALL, 3, "over", "note")
    assert actions_of(story)[-2:] == ["tick", "note"]
    assert plays(story, SMALL, tmp_path)
