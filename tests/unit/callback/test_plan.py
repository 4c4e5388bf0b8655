"""Callback plans: who is asked, how, how often and until when; nobody twice, and nobody is forgotten."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.action import Answer, Assess, Close, Correct, Note, Open, Reject, Reopen, Withdraw
from schemas.command import Action
from schemas.contact import Customer
from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback, RecordCallback, Screen, StartCallback
from schemas.ticket import Survey
from services.callback.domain import plan as plans
from services.callback.domain.call_capacity import CallCapacity
from services.callback.domain.plan import CallbackPlan, update_plan
from services.domain.classify import classify
from services.domain.ids import ticket_id
from services.domain.policy.pack import Pack
from tests.builders import HOUR, MINUTE, PACK, PACKS, TicketScenario, contact

CALLER = Customer(name="赵女士", phone="+8613800000101", preferred_means="phone")


CUSTOMERS_WORDS = (AnswerSurvey, EndCallback, Reject, Withdraw)


@dataclass
class CallbackScenario:
    """A ticket, and the callback plan that its events lead to."""

    pack: Pack = PACK
    customer: Customer = CALLER
    capacity: CallCapacity = field(default_factory=CallCapacity)
    by_run: dict[int, CallbackPlan] = field(default_factory=dict)
    processed: int = 0

    def __post_init__(self) -> None:
        first = contact(policy=self.pack.header.name, customer=self.customer)
        self.scenario = TicketScenario(now=first.received_at, id=ticket_id(first.id), pack=self.pack)
        self.do(Open(contact=first, classification=classify(first, self.pack)))

    @property
    def plan(self) -> CallbackPlan | None:
        """The plan of the latest run that has one."""
        return self.by_run[max(self.by_run)] if self.by_run else None

    @property
    def current(self) -> CallbackPlan:
        """The plan, where there is one."""
        assert self.plan is not None
        return self.plan

    def do(self, action: Action) -> "CallbackScenario":
        """Decide a command and update the plan; each event is processed twice, as after a crash."""
        centre = self.scenario.ticket.centre if self.scenario.ticket is not None else None
        self.scenario.do(action, unit=None if isinstance(action, CUSTOMERS_WORDS) else centre)
        events = self.scenario.events
        for event in (*events[self.processed :], *events[max(0, self.processed - 3) :]):
            after = update_plan(self.plan, event, self.pack, self.scenario.now, self.capacity)
            if after is not None:
                self.by_run[after.run] = after
        self.processed = len(events)
        return self

    def answered(self) -> "CallbackScenario":
        """Give the customer an answer."""
        return self.do(Answer(explanation="e", result="r", cause="c", agreement="agreed"))

    def wait(self, span: timedelta) -> "CallbackScenario":
        """Let time pass, and ask as the service does, which looks for due plans all the time."""
        end = self.scenario.now + span
        while self.plan is not None and self.plan.due_at is not None and self.plan.due_at <= end:
            self.scenario.now = max(self.scenario.now, self.plan.due_at)
            if self.plan.means == "phone":
                break
            self._ask()
        self.scenario.now = end
        self._move_if_missed()
        return self

    def _move_if_missed(self) -> None:
        if self.plan is not None and self.plan.until_at is not None and self.plan.until_at <= self.scenario.now:
            self.by_run[self.plan.run] = plans.after_missed_hours(
                self.plan, self.pack, self.scenario.now, self.capacity
            )

    def _ask(self) -> None:
        self._move_if_missed()
        plan = self.current
        if plan.due_at is None or plan.due_at > self.scenario.now:
            return
        given_up = plan.attempts >= self.pack.outcome.callback.attempts
        self.by_run[plan.run] = plans.after_attempt(plan, self.pack, self.scenario.now)
        self.do(EndCallback(reason="no_answer") if given_up else CallBack(attempt=plan.attempts + 1, means=plan.means))


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize(
    ("changes", "customer", "means"),
    [
        ({}, {}, "sms"),
        ({"vip": True}, {}, "phone"),
        ({"signals": frozenset({"severity"})}, {}, "phone"),
        ({"signals": frozenset({"urgency"})}, {}, "phone"),
        ({"kind": "appeal"}, {}, "phone"),
        ({"kind": "escalated"}, {}, "phone"),
        ({"signals": frozenset({"breadth"})}, {}, "sms"),
        ({}, {"preferred_means": "phone"}, "phone"),
        ({}, {"preferred_means": "visit"}, "phone"),
        ({"vip": True}, {"phone": None}, "sms"),
    ],
)
def test_who_is_called_by_a_person(changes: dict[str, object], customer: dict[str, str], means: str) -> None:
    ticket = TicketScenario.dispatched().current
    facts = msgspec.structs.replace(PACK.facts_of(ticket), **changes)
    assert (
        plans.choose_means(PACK.outcome.callback, ticket.replace(customer=ticket.customer.replace(**customer)), facts)
        == means
    )


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize("name", [name for name, pack in PACKS.items() if pack.outcome.callback.means == "phone"])
def test_a_pack_that_calls_everybody_finally_asks_in_writing_and_then_gives_up(name: str) -> None:
    callback = CallbackScenario(PACKS[name], CALLER.replace(preferred_means=None)).answered()
    assert callback.current.means == "phone"
    for _ in range(PACKS[name].outcome.callback.attempts):
        callback.wait(26 * HOUR).do(RecordCallback(result="no_answer"))
    assert (callback.current.means, callback.current.open) == ("sms", True)
    for _ in range(4):
        callback.wait(26 * HOUR)
    assert (callback.current.state, callback.current.due_at) == ("done", None)
    assert callback.scenario.current.callback_ended == "no_answer"
    without = CallbackScenario(PACKS[name], Customer(name="钱先生", email="q@mail.example")).answered()
    assert without.current.means == "sms"


@pytest.mark.requirement("R5.3", "R3.6")
def test_a_rejected_outcome_ends_the_plan_and_the_next_answer_begins_another() -> None:
    callback = CallbackScenario(PACKS["call_centre"]).answered().do(Reject(reason="not solved"))
    assert (callback.current.run, callback.current.state, callback.current.due_at) == (1, "cancelled", None)
    callback.answered()
    assert (callback.current.run, callback.current.state, callback.current.attempts) == (2, "planned", 0)
    assert not callback.by_run[1].open


@pytest.mark.requirement("R5.3")
def test_the_customers_own_hours_count_and_change_when_they_are_corrected() -> None:
    callback = CallbackScenario(customer=CALLER.replace(contact_hours="18:00-20:00")).answered()
    assert callback.current.due_at == _at("2026-03-13T18:00")
    callback.do(Correct(customer=CALLER.replace(contact_hours="10:00-11:00"), reason="x"))
    callback.wait(_at("2026-03-13T18:00") - callback.scenario.now)
    assert (callback.current.due_at, callback.current.until_at) == (_at("2026-03-14T10:00"), _at("2026-03-14T11:00"))
    callback.do(Correct(customer=CALLER.replace(phone=None, email="z@mail.example"), reason="x"))
    assert callback.current.means == "sms"


@pytest.mark.requirement("R5.3")
def test_a_call_that_nobody_made_in_time_is_planned_for_the_next_day() -> None:
    callback = CallbackScenario().answered()
    callback.wait(_at("2026-03-13T23:00") - callback.scenario.now)
    assert (callback.current.due_at, callback.current.until_at) == (_at("2026-03-14T09:00"), _at("2026-03-14T20:00"))


@pytest.mark.requirement("R5.3")
def test_repeated_and_moved_calls_take_hours_in_which_the_team_is_free() -> None:
    most = PACK.outcome.callback.calls_per_hour
    team = ("carrier", "provincial_centre")
    full = {_at("2026-03-12T13:00"): most, _at("2026-03-12T15:00"): most}
    callback = CallbackScenario(
        capacity=CallCapacity(lambda: {(team, hour): count for hour, count in full.items()})
    ).answered()
    callback.do(RecordCallback(result="busy"))  # four hours later it is one o'clock
    assert callback.current.due_at == _at("2026-03-12T14:00")
    callback.do(RecordCallback(result="moved", until=_at("2026-03-12T15:00")))
    assert callback.current.due_at == _at("2026-03-12T16:00")


@pytest.mark.requirement("R5.3")
def test_callers_have_a_script_that_lets_them_talk_freely_with_a_vip() -> None:
    assert "评" in str(CallbackScenario().answered().current.script)
    vip = CallbackScenario(customer=CALLER.replace(level="金卡", language="en")).answered()
    assert str(vip.current.script).startswith("Talk freely")


def test_a_customer_who_was_wrongly_thought_malicious_is_asked_after_all() -> None:
    callback = CallbackScenario().answered().do(Assess(validity="malicious", reason="x"))
    assert (callback.current.state, callback.current.reason) == ("cancelled", "malicious")
    callback.do(Assess(validity="valid", reason="y"))
    assert callback.current.open


def _at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}:00+08:00")


def _actions(now: datetime) -> list[Action]:
    return [
        Answer(explanation="e", result="r", cause="c", agreement="agreed"),
        Reopen(reason="x"),
        Reject(reason="x"),
        Withdraw(reason="x"),
        Close(cause="c", owner="agent"),
        Assess(validity="malicious", reason="x"),
        Assess(validity="valid", reason="x"),
        StartCallback(),
        *(RecordCallback(result=each) for each in ("no_answer", "busy", "refused", "opted_out")),
        RecordCallback(result="moved", until=now + 30 * HOUR),
        RecordCallback(result="answered", survey=Survey(process=1, result=2, staff=3)),
        AnswerSurvey(survey=Survey(process=5, result=5, staff=5)),
        EndCallback(reason="opted_out"),
        Screen(wrong_handling=True, reason="x"),
        Correct(customer=CALLER.replace(phone=None, email="z@mail.example"), reason="x"),
        Correct(customer=CALLER.replace(contact_hours="18:00-19:00"), reason="x"),
        Note(text="x"),
    ]


STEPS = st.lists(st.tuples(st.integers(0, 19), st.integers(0, 40 * 60)), max_size=16)


@pytest.mark.requirement("R5.3")
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["carrier", "call_centre", "service_company", "property"]), st.booleans(), STEPS)
def test_nobody_is_asked_twice_and_nobody_is_forgotten(
    name: str,
    wants_call: bool,  # noqa: FBT001
    steps: list[tuple[int, int]],
) -> None:
    pack = PACKS[name]
    callback = CallbackScenario(pack, CALLER if wants_call else CALLER.replace(preferred_means=None)).answered()
    for number, minutes in steps:
        callback.wait(minutes * MINUTE).do(_actions(callback.scenario.now)[number])
        _check(callback)
    attempts = len([each for each in callback.scenario.types if each == "called_back"])
    # Without further events every plan comes to its end: a call waits for the caller, who reaches nobody.
    for _ in range(2 * pack.outcome.callback.attempts + 2):
        callback.wait(
            max(callback.plan.due_at - callback.scenario.now, HOUR) if callback.plan and callback.plan.due_at else HOUR
        )
        if callback.plan is not None and callback.plan.open and callback.plan.means == "phone":
            callback.do(RecordCallback(result="no_answer"))
        _check(callback)
    assert callback.plan is None or not callback.plan.open
    further = len([each for each in callback.scenario.types if each == "called_back"]) - attempts
    assert further <= pack.outcome.callback.attempts + 1


def _check(callback: CallbackScenario) -> None:
    ticket, rule = callback.scenario.current, callback.pack.outcome.callback
    open_ = [each for each in callback.by_run.values() if each.open]
    assert len(open_) <= 1
    for each in callback.by_run.values():
        assert each.open == (each.due_at is not None) == (each.until_at is not None)
    asked = ticket.status in plans.ANSWERED_STATUSES and ticket.classification.validity not in rule.never_for
    if not asked or ticket.survey is not None or ticket.callback_ended is not None:
        assert open_ == []
    else:
        # Given up, and the command that says so is on its way; or planned, in the ticket's present run.
        assert callback.current.run == ticket.run
        assert callback.current.open or callback.current.reason == "no_answer"
        assert callback.current.means != "phone" or ticket.customer.phone is not None


def test_a_plan_is_the_same_object_when_nothing_changed() -> None:
    callback = CallbackScenario().answered()
    before = callback.current
    callback.do(Note(text="x"))
    assert callback.current is before
    assert replace(before) == before
