"""A command: anything that changes a ticket, from a person or a program; the value of tickets.commands (R2.7)."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.contact import Code, Contact, Name, Settlement, Text
from schemas.ticket import Classification, Link, Survey


class Actor(Model):
    """Who did something."""

    kind: Literal["customer", "agent", "unit", "service"]
    name: Name
    """The person, unit or service."""
    unit: Code | None = None
    """The unit the person acts for; refusals of R5.1 look at it."""


class Open(Model):
    """Open a ticket for a contact; never refused."""

    type: Literal["open"] = "open"
    contact: Contact
    classification: Classification
    links: tuple[Link, ...] = ()


class Remind(Model):
    """A repeat contact on an open ticket (催办); on a closed one DECISIONS 17 applies; never refused (R2.4)."""

    type: Literal["remind"] = "remind"
    contact: Contact
    classification: Classification
    reason: Name
    disputed: bool = False
    """The customer disputes the outcome rather than asking how things stand."""


class CompleteForm(Model):
    """The accepting channel has filled the form in; starts the centre's review (R2.5, R4.2)."""

    type: Literal["complete_form"] = "complete_form"
    settlement: Settlement | None = None


class Reclassify(Model):
    """Change kind, type, tier, priority or department; the promise keeps its start (DECISIONS 6)."""

    type: Literal["reclassify"] = "reclassify"
    classification: Classification
    reason: Text


class Dispatch(Model):
    """Send the ticket to a unit (派单)."""

    type: Literal["dispatch"] = "dispatch"
    unit: Code
    note: Text | None = None


class Claim(Model):
    """A person of the unit takes the ticket."""

    type: Literal["claim"] = "claim"
    person: Name


class SendBack(Model):
    """The unit is not in charge and gives the ticket back to whoever dispatched it."""

    type: Literal["send_back"] = "send_back"
    reason: Text


class Transfer(Model):
    """Hand the ticket to another unit; time used in the stage is kept (R4.11)."""

    type: Literal["transfer"] = "transfer"
    unit: Code
    reason: Text


class RequestAssistance(Model):
    """Ask another unit to help; the owner stays responsible."""

    type: Literal["request_assistance"] = "request_assistance"
    unit: Code
    demand: Text


class FeedBack(Model):
    """The unit tells whoever dispatched to it what was found and done (反馈)."""

    type: Literal["feed_back"] = "feed_back"
    result: Text
    cause: Text
    owner: Code | None = None


class Answer(Model):
    """The customer is told the final outcome (答复); R5.1 says who may."""

    type: Literal["answer"] = "answer"
    explanation: Text
    result: Text | None = None
    cause: Text | None = None
    owner: Code | None = None
    agreement: Literal["agreed", "agreed_wording", "refused"]


class ReplyProgress(Model):
    """The customer is told where things stand (回复)."""

    type: Literal["reply_progress"] = "reply_progress"
    text: Text


class RequestExtension(Model):
    """The holder explains a delay and commits to a new limit (R4.10)."""

    type: Literal["request_extension"] = "request_extension"
    explanation: Text
    committed_until: AwareDatetime


class ApproveExtension(Model):
    """The centre agrees to the new limit; both limits stay visible."""

    type: Literal["approve_extension"] = "approve_extension"
    note: Text | None = None


class DenyExtension(Model):
    """The centre does not agree to the new limit."""

    type: Literal["deny_extension"] = "deny_extension"
    reason: Text


class Suspend(Model):
    """The ticket waits for the customer, or for another cause (R4.11)."""

    type: Literal["suspend"] = "suspend"
    waiting_for: Literal["customer", "other"]
    reason: Text


class Resume(Model):
    """The wait is over."""

    type: Literal["resume"] = "resume"
    reason: Text | None = None


class Escalate(Model):
    """Tell the next level."""

    type: Literal["escalate"] = "escalate"
    reason: Text


class Supervise(Model):
    """A supervision order on demand (督办)."""

    type: Literal["supervise"] = "supervise"
    reason: Text


class Close(Model):
    """Clear the ticket (销项); refused with what is missing (R5.2)."""

    type: Literal["close"] = "close"
    cause: Text | None = None
    owner: Code | None = None
    note: Text | None = None


class Reopen(Model):
    """Work begins again with a new run of the clocks (DECISIONS 27)."""

    type: Literal["reopen"] = "reopen"
    reason: Text


class Withdraw(Model):
    """The customer takes the complaint back."""

    type: Literal["withdraw"] = "withdraw"
    reason: Text


class Note(Model):
    """Something worth knowing, for colleagues only."""

    type: Literal["note"] = "note"
    text: Text


class LinkTo(Model):
    """Tie this ticket to another."""

    type: Literal["link"] = "link"
    link: Link


class CallBack(Model):
    """One attempt to reach the customer after the outcome (回访)."""

    type: Literal["call_back"] = "call_back"
    attempt: Annotated[int, Field(ge=1)]
    means: Code
    """sms, phone or visit."""


class EndCallback(Model):
    """The customer could not be reached, or does not want to be asked."""

    type: Literal["end_callback"] = "end_callback"
    reason: Literal["no_answer", "opted_out"]


class AnswerSurvey(Model):
    """What the customer says at the callback (R5.4)."""

    type: Literal["answer_survey"] = "answer_survey"
    survey: Survey


class Tick(Model):
    """A threshold may be due; changes nothing when none is (DESIGN 2)."""

    type: Literal["tick"] = "tick"


Action = Annotated[
    Open
    | Remind
    | CompleteForm
    | Reclassify
    | Dispatch
    | Claim
    | SendBack
    | Transfer
    | RequestAssistance
    | FeedBack
    | Answer
    | ReplyProgress
    | RequestExtension
    | ApproveExtension
    | DenyExtension
    | Suspend
    | Resume
    | Escalate
    | Supervise
    | Close
    | Reopen
    | Withdraw
    | Note
    | LinkTo
    | CallBack
    | EndCallback
    | AnswerSurvey
    | Tick,
    Field(discriminator="type"),
]


class Command(Record):
    """One command to one ticket."""

    TOPIC = "tickets.commands"

    id: UUID
    """From its cause: a person's Idempotency-Key, a contact, a threshold."""
    ticket_id: UUID
    at: AwareDatetime
    """When our door had it, in business time."""
    actor: Actor
    policy: Code | None = None
    """The pack, when the ticket does not exist yet."""
    expected_version: Annotated[int, Field(ge=1)] | None = None
    action: Action

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, f"command.{self.action.type}", self.at, self.ticket_id)
