"""A ticket: one complaint from acceptance to archive, with its SLA timers; the value of tickets.state."""

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.case_record import Compensation, Entry
from schemas.contact import Code, Customer, Evidence, Money, Name, OwnCode, Settlement, Text, without_hint


class Status(StrEnum):
    """The stage of processing of a ticket; TMF621 statuses are mapped onto these."""

    ACCEPTED = "accepted"
    """With the centre: the form is being completed or reviewed (受理)."""
    DISPATCHED = "dispatched"
    """Dispatched to a unit that has not claimed it yet (派单)."""
    HANDLING = "handling"
    """A unit is working on it (处理)."""
    FED_BACK = "fed_back"
    """The unit has reported back; the customer is to be answered (反馈)."""
    ANSWERED = "answered"
    """The customer was given the final outcome (答复)."""
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    ARCHIVED = "archived"


OVER = frozenset({Status.CLOSED, Status.WITHDRAWN, Status.ARCHIVED})
"""Statuses of a ticket that is not open any more."""
GONE = frozenset({Status.WITHDRAWN, Status.ARCHIVED})
"""Statuses of a ticket that takes no contact any more; one that was merged into another has one of them."""


class ThresholdState(StrEnum):
    """State of a threshold: open until exactly one event decides it (promise 4)."""

    OPEN = "open"
    FIRED = "fired"
    SETTLED = "settled"


class Threshold(Model):
    """A point in time at which an SLA timer triggers something."""

    name: OwnCode
    """warning, breach, escalation_1 ..., lapse, resume, reminder, archive."""
    at: AwareDatetime
    state: ThresholdState = ThresholdState.OPEN
    reason: OwnCode | None = None
    """Why it was settled instead of fired, such as stage_ended."""
    decided_at: AwareDatetime | None = None
    notifies: tuple[OwnCode, ...] = ()
    """Readers that are notified when it fires."""
    unless_acted: bool = False
    """Whether it is settled instead of fired if something was done in the stage (R4.1)."""


class SlaTimer(Model):
    """An SLA timer: one limit that is running, paused or stopped.

    Its key is (ticket, name, run, limit): a timer that starts anew begins a new run, an extension or a changed limit is
    a new limit (R4.1, R4.10). A timer that continues after its stage was left stays in the same run.
    """

    name: OwnCode
    """promise, form, review, handling, answer, callback, suspension, extension, archive."""
    unit: OwnCode | None = None
    """The assisting unit whose own clock it is; the runs of one name are counted over all units."""
    run: Annotated[int, Meta(ge=1)] = 1
    ticket_run: Annotated[int, Meta(ge=1)] = 1
    """The run of the ticket in which it started."""
    limit: Annotated[int, Meta(ge=1)] = 1
    calendar: OwnCode
    length: timedelta
    """The limit itself, in time of the calendar."""
    started_at: AwareDatetime
    due_at: AwareDatetime
    stopped_at: AwareDatetime | None = None
    stopped_by: OwnCode | None = None
    """Type of the event that stopped the timer."""
    paused_at: AwareDatetime | None = None
    used: timedelta = timedelta(0)
    """Time of the calendar used before the last pause or transfer (R4.11)."""
    held: bool = False
    """Whether an extension requested in time holds back the breach until it is decided (DECISIONS 29)."""
    committed: bool = False
    """Whether its deadline was committed to a customer: only a breach moves it to an earlier time (R4.10)."""
    thresholds: tuple[Threshold, ...] = ()
    resumed_at: AwareDatetime | None = None
    """When it last continued after a pause."""
    provisional: bool = False
    """Whether its deadline lies in a year whose holidays are not published yet."""
    rule: Name
    """The rule of the policy that set the limit."""
    source: Name
    """The rule's place in the customer's documents, or `ours: ` and the reason."""

    @property
    def key(self) -> tuple[str, int, int]:
        """Identifies the timer among those of the ticket."""
        return (self.name, self.run, self.limit)

    @property
    def running(self) -> bool:
        """Whether it is neither stopped nor paused."""
        return self.stopped_at is None and self.paused_at is None

    @property
    def exceeded(self) -> bool:
        """Whether its limit was exceeded, or counts as over for another reason."""
        return any(
            threshold.name == "breach" and threshold.state is not ThresholdState.OPEN for threshold in self.thresholds
        )


class Reason(Model):
    """A decision and the rule that made it (promise 6)."""

    subject: Code
    """What was decided: tier, priority, department, kind, validity ..."""
    value: Annotated[str, Meta(max_length=1000)]
    rule: Name
    """Name of the rule in the policy pack."""
    source: Name
    """Its place in the customer's documents, or `ours: ` and the reason."""
    matched: Annotated[str, Meta(max_length=1000)] | None = None
    """The keyword that matched, if a keyword rule decided."""


class Suggestion(Model):
    """Types that are likely, for the person who decides where the rules were not sure (R3.1)."""

    business_type: Code | None = None
    problem_type: Code | None = None
    reason: Name
    """The keywords that speak for them."""


class Classification(Model):
    """How a ticket is classified, where it goes first, and why (R3.1-R3.5)."""

    kind: Code
    origin: Code | None = None
    """Origin of an appeal (R3.8): filed, not_filed, other_authority, direct."""
    validity: Code = "valid"
    opening: Code = "opened"
    """Whether a case is opened (R2.9): opened, not_opened, unsure."""
    founded: bool | None = None
    """Whether the complaint was found justified; None until it is assessed (R3.12)."""
    liability: Code | None = None
    """liable, not_liable or unclear; None until it is assessed (R3.6)."""
    tier: Code
    """The level that has to handle it, or its severity, as defined by the policy (R3.3, R3.11)."""
    vip: bool = False
    priority: Annotated[int, Meta(ge=1, le=3)]
    signals: Annotated[tuple[Code, ...], Meta(max_length=50)] = ()
    """Any of importance, severity, breadth, urgency."""
    business_type: Code | None = None
    problem_type: Code | None = None
    department: Code | None = None
    """The unit that the centre dispatches the ticket to; None: manual triage."""
    path: Annotated[tuple[Code, ...], Meta(max_length=50)] = ()
    triage: Name | None = None
    """Why manual triage is needed."""
    suggestions: Annotated[tuple[Suggestion, ...], Meta(max_length=3)] = ()
    """The most likely types, the likeliest first, where a type was left open because others are as likely."""
    reasons: Annotated[tuple[Reason, ...], Meta(max_length=50)] = ()


class Link(Model):
    """A link to another ticket."""

    ticket_id: UUID
    kind: Code
    """repeat, rehandle, rehandled_by, hot_issue ..."""
    reason: Name


class Outcome(Model):
    """The outcome, as closing needs it (R5.2)."""

    result: Text | None = None
    explanation: Text | None = None
    cause: Text | None = None
    owner: Code | None = None
    """The unit that is responsible for the cause."""
    agreement: Code | None = None
    """agreed, agreed_wording or refused."""


class Extension(Model):
    """A request to extend the limit of the handling stage, pending or decided (R4.10)."""

    clock: Code
    run: int
    asked_at: AwareDatetime
    committed_until: AwareDatetime
    explanation: Text
    state: Code = "asked"
    """asked, approved, denied or lapsed."""


class AssistanceRequest(Model):
    """A request for assistance that the assisting unit has not fed back on yet (协办)."""

    unit: Code
    """The assisting unit."""
    at: AwareDatetime
    by: Code | None = None
    """The unit that asked; it is notified of the feedback."""


class AppealBar(Model):
    """The date after which a regulator no longer accepts an appeal about the matter (DECISIONS 37)."""

    name: OwnCode
    """Name of the bar in the policy, such as charges."""
    since: AwareDatetime
    """From when it counts: when the matter occurred, or the contact if that is not known."""
    at: AwareDatetime
    provisional: bool = False
    """Whether it lies in a year whose holidays are not published yet."""
    source: Name
    """As of every rule: its place in the documents, or `ours: ` and the reason."""


class Survey(Model):
    """The customer's scores for process, result and staff, each from 1 to 5 (R5.4)."""

    process: Annotated[int, Meta(ge=1, le=5)]
    result: Annotated[int, Meta(ge=1, le=5)]
    staff: Annotated[int, Meta(ge=1, le=5)]
    comment: Text | None = None


class PolicyVersion(Model):
    """The policy pack that decided, and its version."""

    pack: Code
    version: Name


class Ticket(Record):
    """The state of a ticket after its event number `version`."""

    TOPIC: ClassVar[str] = "tickets.state"

    id: UUID
    number: Name
    """The number that people use (工单号)."""
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
    """The text of the complaint."""
    desired_outcome: Text | None = None
    flags: tuple[Code, ...] = ()
    classification: Classification
    centre: Code
    """The complaint centre in charge, which reviews, dispatches, answers and closes the ticket."""
    unit: Code | None = None
    """The unit that holds the ticket now."""
    person: Name | None = None
    form_completed_at: AwareDatetime | None = None
    """When the registration form was completed (R2.5)."""
    dispatched_at: AwareDatetime | None = None
    """When it was first dispatched to a unit, in this run."""
    claimed_at: AwareDatetime | None = None
    """When a person claimed it, in this run."""
    handled_by: Code | None = None
    """The unit that last reported back; a disputed answer returns to it (DECISIONS 28)."""
    had_by: tuple[Code, ...] = ()
    """Units that had it before, the latest sixteen, each once: they may add notes and evidence (R2.7)."""
    assisting: tuple[Code, ...] = ()
    """Units that were asked to help and have not fed back yet; the holder stays responsible."""
    assistance_requests: tuple[AssistanceRequest, ...] = ()
    """When each of them was asked, and by which unit."""
    dispatched_by: tuple[Code, ...] = ()
    """Units that dispatched the ticket; feedback returns along them, the last one first (R3.9)."""
    acted_in_stage: bool = False
    """Whether anything was done since the stage began; a warning fires only if nothing was (R4.1)."""
    wanted_by: AwareDatetime | None = None
    """The customer's own deadline, if the policy lets it count."""
    appeal_bar: AppealBar | None = None
    """Until when the customer may appeal to a regulator, where the policy knows that."""
    level: Annotated[int, Meta(ge=0)] = 0
    """Steps up the escalation ladder after rejected outcomes (R3.6)."""
    earlier_number: Name | None = None
    """Its number in the system from which it was migrated."""
    call: Name | None = None
    """The exchange's id of the call by which the customer complained."""
    evidence: tuple[Evidence, ...] = ()
    """The latest five; `evidence_count` says how many there are. GET /v1/tickets/<number> has all, as of each list."""
    evidence_count: Annotated[int, Meta(ge=0)] = 0
    evidence_marks: str = ""
    """Short hashes of the latest hundred references; the ledger looks older ones up. Not published."""
    entries: tuple[Entry, ...] = ()
    """The latest five entries of the case record, with texts of at most 1,000 characters."""
    entries_count: Annotated[int, Meta(ge=0)] = 0
    entry_marks: dict[Code, AwareDatetime] = msgspec.field(default_factory=dict)
    """When the latest entry of each kind was made."""
    compensations: tuple[Compensation, ...] = ()
    """The latest five."""
    compensations_count: Annotated[int, Meta(ge=0)] = 0
    compensation_total: Money = "0"
    """Yuan that were granted on this ticket in sum."""
    settlement: Settlement | None = None
    """How the accepting channel answered on the spot."""
    progress_replied_at: AwareDatetime | None = None
    """When the customer was last informed of the progress."""
    callbacks: Annotated[int, Meta(ge=0)] = 0
    """Attempts to reach the customer after the outcome."""
    callback_ended: Code | None = None
    """Why no more attempts are made: no_answer, opted_out or refused."""
    asking_ended_at: AwareDatetime | None = None
    """When the customer replied to the survey, or the callback ended without a reply."""
    screened: Code | None = None
    """The back office's finding on a dissatisfied customer: wrong_handling or other_cause."""
    calling: Name | None = None
    """Who is calling the customer at the moment."""
    calling_since: AwareDatetime | None = None
    outcome: Outcome = Outcome()
    extensions: tuple[Extension, ...] = ()
    """The latest five requests."""
    extensions_count: Annotated[int, Meta(ge=0)] = 0
    extensions_approved: Annotated[int, Meta(ge=0)] = 0
    survey: Survey | None = None
    reminders: Annotated[int, Meta(ge=0)] = 0
    """Repeat contacts linked to this ticket (催办)."""
    reopened: Annotated[int, Meta(ge=0)] = 0
    reopened_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    """When it was closed or withdrawn; SLA timers of the callback may continue after that."""
    warnings: Annotated[int, Meta(ge=0)] = 0
    breaches: Annotated[int, Meta(ge=0)] = 0
    supervisions: Annotated[int, Meta(ge=0)] = 0
    reported: tuple[Name, ...] | None = None
    """Alerts of the policy that were reported, each once (R3.10); None: opened by a version that kept no list."""
    links: tuple[Link, ...] = ()
    """The latest five."""
    links_count: Annotated[int, Meta(ge=0)] = 0
    link_marks: str = ""
    """Short hashes of the latest hundred links; the ledger looks older ones up. Not published."""
    merged_into: UUID | None = None
    """The ticket in whose favour this one was closed (DECISIONS 30); what its customer writes goes there."""
    hot_issue: UUID | None = None
    """The hot issue that the ticket belongs to (R3.7)."""
    clocks: tuple[SlaTimer, ...] = ()
    """Those that run or are paused and the latest that ended; `clocks_count` counts all, old limits included."""
    clocks_count: Annotated[int, Meta(ge=0)] = 0
    promised_at: AwareDatetime | None = None
    """By when the customer was promised an answer (R2.6); moves with a commitment (DECISIONS 31)."""
    first_promised_at: AwareDatetime | None = None
    """The promise that this run began with."""
    next_action_at: AwareDatetime | None = None
    """Time of the earliest open threshold, when the SLA monitor has to send a tick; None if nothing is to come, or only
    the archive."""
    archive_at: AwareDatetime | None = None
    """When it is put into the archive; None as long as anything else is to come before."""

    @property
    def known_customer(self) -> Customer:
        """The customer without a phone that is only a hint: whom notices and proofs are about (DECISIONS 40)."""
        return without_hint(self.customer, self.flags)

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(uuid5(self.id, f"state/{self.version}"), "ticket.state", self.updated_at, self.id)

    @property
    def open(self) -> bool:
        """Whether the ticket is neither closed, withdrawn nor archived."""
        return self.status not in OVER
