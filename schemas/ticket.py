"""A ticket: one complaint from acceptance to archive, with its clocks; the value of tickets.state."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID, uuid5

from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.case_record import Compensation, Entry
from schemas.contact import Code, Customer, Evidence, Name, OwnCode, Settlement, Text


class Status(StrEnum):
    """Where a ticket is on its way; `contracts` map these onto TMF621."""

    ACCEPTED = "accepted"
    """With the centre: the form is being completed or reviewed (受理)."""
    DISPATCHED = "dispatched"
    """Sent to a unit that has not yet claimed it (派单)."""
    HANDLING = "handling"
    """A unit works on it (处理)."""
    FED_BACK = "fed_back"
    """The unit has told whoever dispatched to it; the customer is to be answered (反馈)."""
    ANSWERED = "answered"
    """The customer has the final outcome (答复)."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    ARCHIVED = "archived"


class ThresholdState(StrEnum):
    """A threshold is open until it is decided, in exactly one event (promise 4)."""

    OPEN = "open"
    FIRED = "fired"
    SETTLED = "settled"


class Threshold(Model):
    """A point in time at which a clock does something by itself."""

    name: OwnCode
    """warning, breach, escalation_1 ..., lapse, resume, reminder, archive."""
    at: AwareDatetime
    state: ThresholdState = ThresholdState.OPEN
    reason: OwnCode | None = None
    """Why it was settled without firing, such as stage_ended."""
    decided_at: AwareDatetime | None = None
    notifies: tuple[OwnCode, ...] = ()
    """Who is told when it fires."""
    unless_acted: bool = False
    """Whether it is settled instead of fired when something was done in the stage (R4.1)."""


class SlaTimer(Model):
    """One running or ended limit.

    Its key is (ticket, name, run, limit): a clock that starts anew is a new run, an extension or a changed limit is a
    new limit (R4.1, R4.10). A clock that is carried on after its stage was left is the same run.
    """

    name: OwnCode
    """promise, form, review, handling, answer, callback, suspension, extension, archive."""
    run: Annotated[int, Meta(ge=1)] = 1
    ticket_run: Annotated[int, Meta(ge=1)] = 1
    """The run of the ticket in which it started."""
    limit: Annotated[int, Meta(ge=1)] = 1
    calendar: OwnCode
    length: timedelta
    """The limit itself, in time of its calendar."""
    started_at: AwareDatetime
    due_at: AwareDatetime
    stopped_at: AwareDatetime | None = None
    stopped_by: OwnCode | None = None
    """Type of the event that stopped it."""
    paused_at: AwareDatetime | None = None
    used: timedelta = timedelta(0)
    """Time of the calendar used before the last pause or hand-over (R4.11)."""
    held: bool = False
    """An extension asked in time holds the breach until it is decided (DECISIONS 29)."""
    committed: bool = False
    """Its end was committed to a customer: nothing but an exceeding moves it to an earlier time (R4.10)."""
    thresholds: tuple[Threshold, ...] = ()
    resumed_at: AwareDatetime | None = None
    """When it last went on after a pause."""
    provisional: bool = False
    """Its end lies in a year whose holidays are not known yet."""
    rule: Name
    """The rule of the policy that said so."""
    source: Name
    """That rule's place in the customer's documents, or `ours: ` and the reason."""

    @property
    def key(self) -> tuple[str, int, int]:
        """What tells this clock from the ticket's other clocks."""
        return (self.name, self.run, self.limit)

    @property
    def running(self) -> bool:
        """Neither stopped nor paused."""
        return self.stopped_at is None and self.paused_at is None

    @property
    def exceeded(self) -> bool:
        """Whether its limit was exceeded, or counts as over for another reason."""
        return any(point.name == "breach" and point.state is not ThresholdState.OPEN for point in self.thresholds)


class Reason(Model):
    """One decision and the rule that made it (promise 6)."""

    subject: Code
    """What was decided: tier, priority, department, kind, validity ..."""
    value: str
    rule: Name
    """Name of the rule in the policy pack."""
    source: Name
    """Its place in the customer's documents, or `ours: ` and the reason."""
    matched: str | None = None
    """What in the contact matched, when a text rule decided."""


class Classification(Model):
    """What kind of ticket this is, where it goes first, and why (R3.1-R3.5)."""

    kind: Code
    origin: Code | None = None
    """Where an appeal is from (R3.8): filed, not_filed, other_authority, direct."""
    validity: Code = "valid"
    opening: Code = "opened"
    """Whether a case is opened (R2.9): opened, not_opened, unsure."""
    founded: bool | None = None
    """Whether reason and demand were found to hold, once somebody judged (R3.12)."""
    liability: Code | None = None
    """liable, not_liable or unclear, once somebody judged (R3.6)."""
    tier: Code
    """How far up it has to go, or how grave it is, in the words of the policy (R3.3, R3.11)."""
    vip: bool = False
    priority: Annotated[int, Meta(ge=1, le=3)]
    signals: tuple[Code, ...] = ()
    """Of importance, severity, breadth, urgency."""
    business_type: Code | None = None
    problem_type: Code | None = None
    department: Code | None = None
    """The unit that gets the ticket from the centre; None: manual triage."""
    path: tuple[Code, ...] = ()
    triage: Name | None = None
    """Why a person has to look, when the rules are unsure."""
    reasons: tuple[Reason, ...] = ()


class Link(Model):
    """A tie to another ticket."""

    ticket_id: UUID
    kind: Code
    """repeat, rehandle, rehandled_by, hot_issue ..."""
    reason: Name


class Outcome(Model):
    """What closing needs (R5.2)."""

    result: Text | None = None
    explanation: Text | None = None
    cause: Text | None = None
    owner: Code | None = None
    """The unit whose responsibility the cause is."""
    agreement: Code | None = None
    """agreed, agreed_wording or refused."""


class Extension(Model):
    """A request for a new limit of the handling stage that awaits a decision, or was decided (R4.10)."""

    clock: Code
    run: int
    asked_at: AwareDatetime
    committed_until: AwareDatetime
    explanation: Text
    state: Code = "asked"
    """asked, approved, denied or lapsed."""


class Survey(Model):
    """The customer's own judgement: process, result and staff apart, 1 to 5 each (R5.4)."""

    process: Annotated[int, Meta(ge=1, le=5)]
    result: Annotated[int, Meta(ge=1, le=5)]
    staff: Annotated[int, Meta(ge=1, le=5)]
    comment: Text | None = None


class PolicyVersion(Model):
    """Which version of which pack decided."""

    pack: Code
    version: Name


class Ticket(Record):
    """A ticket as it stands after its event number `version`."""

    TOPIC: ClassVar[str] = "tickets.state"

    id: UUID
    number: Name
    """What people say on the phone (工单号)."""
    version: Annotated[int, Meta(ge=1)]
    policy: PolicyVersion
    status: Status
    stage_since: AwareDatetime | None = None
    """When it entered its present stage: with the centre, with a unit, fed back, answered, or over."""
    suspended: Code | None = None
    """customer or other, while the ticket waits."""
    waiting_since: AwareDatetime | None = None
    waited: timedelta = timedelta(0)
    """How long it has waited in this run before the present wait (DECISIONS 11)."""
    run: Annotated[int, Meta(ge=1)] = 1
    """Counts from 1; a reopening begins a new run (DECISIONS 27)."""
    contact_id: UUID
    """The contact that opened it."""
    channel: Code
    sender: Code
    accepted_at: AwareDatetime
    contacted_at: AwareDatetime
    updated_at: AwareDatetime
    customer: Customer
    subject: Text
    """What the customer complains of."""
    desired_outcome: Text | None = None
    flags: tuple[Code, ...] = ()
    classification: Classification
    centre: Code
    """The complaint centre in charge of it: reviews, dispatches, answers and closes."""
    unit: Code | None = None
    """Who holds the ticket now."""
    person: Name | None = None
    form_completed_at: AwareDatetime | None = None
    """When the registration form was filled in (R2.5)."""
    dispatched_at: AwareDatetime | None = None
    """When it was first sent to a unit, in this run."""
    claimed_at: AwareDatetime | None = None
    """When a person took it, in this run."""
    handled_by: Code | None = None
    """The unit that fed back last; a disputed answer goes back to it (DECISIONS 28)."""
    assisting: tuple[Code, ...] = ()
    dispatched_by: tuple[Code, ...] = ()
    """Feedback goes back along these, last one first (R3.9)."""
    acted_in_stage: bool = False
    """Whether anything was done since the stage began; a warning fires only when nothing was (R4.1)."""
    wanted_by: AwareDatetime | None = None
    """The customer's own limit, where the policy lets it count."""
    level: Annotated[int, Meta(ge=0)] = 0
    """Steps up the ladder after rejected outcomes (R3.6)."""
    earlier_number: Name | None = None
    """Its number in the system before this one."""
    call: Name | None = None
    """The exchange's id of the call by which the customer complained."""
    evidence: tuple[Evidence, ...] = ()
    entries: tuple[Entry, ...] = ()
    compensations: tuple[Compensation, ...] = ()
    settlement: Settlement | None = None
    """How the accepting channel answered it on the spot."""
    progress_replied_at: AwareDatetime | None = None
    """When the customer was last told where things stand."""
    callbacks: Annotated[int, Meta(ge=0)] = 0
    """Attempts to reach the customer after the outcome."""
    callback_ended: Code | None = None
    """Why no more attempts are made: no_answer, opted_out or refused."""
    asking_ended_at: AwareDatetime | None = None
    """When the customer had answered the survey, or was not asked any more."""
    screened: Code | None = None
    """What the back office found in a bad answer: wrong_handling or other_cause."""
    calling: Name | None = None
    """Who is calling the customer just now."""
    calling_since: AwareDatetime | None = None
    outcome: Outcome = Outcome()
    extensions: tuple[Extension, ...] = ()
    survey: Survey | None = None
    reminders: Annotated[int, Meta(ge=0)] = 0
    """Repeat contacts linked to this ticket (催办)."""
    reopened: Annotated[int, Meta(ge=0)] = 0
    reopened_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    """When it was closed or withdrawn; clocks of the callback may go on after it."""
    warnings: Annotated[int, Meta(ge=0)] = 0
    breaches: Annotated[int, Meta(ge=0)] = 0
    supervisions: Annotated[int, Meta(ge=0)] = 0
    links: tuple[Link, ...] = ()
    hot_issue: UUID | None = None
    """The hot issue that it is one of (R3.7)."""
    clocks: tuple[SlaTimer, ...] = ()
    promised_at: AwareDatetime | None = None
    """By when the customer was promised an answer (R2.6); moves with a commitment (DECISIONS 31)."""
    first_promised_at: AwareDatetime | None = None
    """The promise that this run began with."""
    next_action_at: AwareDatetime | None = None
    """The earliest open threshold: when the monitor has to send a tick."""

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(uuid5(self.id, f"state/{self.version}"), "ticket.state", self.updated_at, self.id)

    @property
    def open(self) -> bool:
        """Whether work on it is still due."""
        return self.status not in {Status.CLOSED, Status.WITHDRAWN, Status.ARCHIVED}
