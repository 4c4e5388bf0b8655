"""A command: anything that changes a ticket, from a person or a program; the value of tickets.commands (R2.7)."""

from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID

from msgspec import Meta, field

from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.call import Call
from schemas.contact import Code, Contact, Customer, Evidence, Money, Name, Settlement, Text
from schemas.ticket import Classification, Link, Survey


class Actor(Model):
    """Who did something."""

    kind: Literal["customer", "agent", "unit", "service"]
    name: Name
    """The person, unit or service."""
    unit: Code | None = None
    """The unit the person acts for; refusals of R5.1 look at it."""


class ActionModel(Model, tag_field="type"):
    """One thing that can be asked of a ticket."""

    @property
    def type(self) -> str:
        """Its name, as in the JSON document."""
        return str(self.__struct_config__.tag)


class Open(ActionModel, tag="open"):
    """Open a ticket for a contact; never refused."""

    contact: Contact
    classification: Classification
    links: tuple[Link, ...] = ()


class Remind(ActionModel, tag="remind"):
    """A repeat contact on an open ticket (催办); on a closed one DECISIONS 17 applies; never refused (R2.4)."""

    contact: Contact
    classification: Classification
    reason: Name
    disputed: bool = False
    """The customer disputes the outcome rather than asking how things stand."""


class CompleteForm(ActionModel, tag="complete_form"):
    """The accepting channel has filled the form in; starts the centre's review (R2.5, R4.2)."""

    settlement: Settlement | None = None


class Reclassify(ActionModel, tag="reclassify"):
    """Change kind, type, tier, priority or department; the promise keeps its start (DECISIONS 6)."""

    classification: Classification
    reason: Text


class Dispatch(ActionModel, tag="dispatch"):
    """Send the ticket to a unit (派单)."""

    unit: Code
    note: Text | None = None


class Claim(ActionModel, tag="claim"):
    """A person of the unit takes the ticket."""

    person: Name


class SendBack(ActionModel, tag="send_back"):
    """The unit is not in charge and gives the ticket back to whoever dispatched it."""

    reason: Text


class Transfer(ActionModel, tag="transfer"):
    """Hand the ticket to another unit; time used in the stage is kept (R4.11)."""

    unit: Code
    reason: Text


class RequestAssistance(ActionModel, tag="request_assistance"):
    """Ask another unit to help; the owner stays responsible."""

    unit: Code
    demand: Text


class FeedBack(ActionModel, tag="feed_back"):
    """The unit tells whoever dispatched to it what was found and done (反馈)."""

    result: Text
    cause: Text
    owner: Code | None = None


class Answer(ActionModel, tag="answer"):
    """The customer is told the final outcome (答复); R5.1 says who may."""

    explanation: Text
    result: Text | None = None
    cause: Text | None = None
    owner: Code | None = None
    agreement: Literal["agreed", "agreed_wording", "refused"]


class ReplyProgress(ActionModel, tag="reply_progress"):
    """The customer is told where things stand (回复)."""

    text: Text


class RequestExtension(ActionModel, tag="request_extension"):
    """The holder explains a delay and commits to a new limit (R4.10)."""

    explanation: Text
    committed_until: AwareDatetime


class ApproveExtension(ActionModel, tag="approve_extension"):
    """The centre agrees to the new limit; both limits stay visible."""

    note: Text | None = None


class DenyExtension(ActionModel, tag="deny_extension"):
    """The centre does not agree to the new limit."""

    reason: Text


class Suspend(ActionModel, tag="suspend"):
    """The ticket waits for the customer, or for another cause (R4.11)."""

    waiting_for: Literal["customer", "other"]
    reason: Text


class Resume(ActionModel, tag="resume"):
    """The wait is over."""

    reason: Text | None = None


class Escalate(ActionModel, tag="escalate"):
    """Tell the next level."""

    reason: Text


class Supervise(ActionModel, tag="supervise"):
    """A supervision order on demand (督办)."""

    reason: Text


class Close(ActionModel, tag="close"):
    """Clear the ticket (销项); refused with what is missing (R5.2)."""

    cause: Text | None = None
    owner: Code | None = None
    note: Text | None = None


class Reopen(ActionModel, tag="reopen"):
    """Work begins again with a new run of the clocks (DECISIONS 27)."""

    reason: Text


class Withdraw(ActionModel, tag="withdraw"):
    """The customer takes the complaint back."""

    reason: Text


class Reject(ActionModel, tag="reject"):
    """The customer rejects the outcome; the policy says what follows (R3.6, R4.5)."""

    reason: Text


class Assign(ActionModel, tag="assign"):
    """Give the ticket to a person of the unit that holds it."""

    person: Name


class Attach(ActionModel, tag="attach"):
    """Add a paper, a recording or a photo by reference."""

    evidence: tuple[Evidence, ...]


class JoinCall(ActionModel, tag="join_call"):
    """The record of the call came after its form: the ticket gets what it would have had otherwise (R2.1)."""

    call: Call


class Correct(ActionModel, tag="correct"):
    """Put the customer's data right."""

    customer: Customer
    reason: Text


class Split(ActionModel, tag="split"):
    """Make a ticket of its own of what is another matter; both are linked (DECISIONS 30)."""

    text: Text
    classification: Classification
    reason: Text


class Merge(ActionModel, tag="merge"):
    """Close it in favour of another about the same matter; both are linked (DECISIONS 30)."""

    into: UUID
    reason: Text


class Assess(ActionModel, tag="assess"):
    """Judge the case: validity, whether it is founded, who is liable, whether a case is opened (R2.9, R3.6, R3.12)."""

    validity: Code | None = None
    opening: Code | None = None
    founded: bool | None = None
    liability: Code | None = None
    reason: Text


class RecordEntry(ActionModel, tag="record"):
    """Put a report, a finding, an approval or another entry that the policy knows on record (R5.9-R5.11)."""

    kind: Code
    value: Code | None = None
    text: Text | None = None
    reference: Name | None = None


class Compensate(ActionModel, tag="compensate"):
    """Grant compensation by the authority of a level (R3.6)."""

    level: Code
    covers: Code
    amount: Money
    text: Text


class ApplyPolicy(ActionModel, tag="apply_policy"):
    """Derive the open deadlines anew by the version of the policy that is in force (R4.12)."""

    version: Name


class Note(ActionModel, tag="note"):
    """Something worth knowing, for colleagues only."""

    text: Text


class LinkTo(ActionModel, tag="link"):
    """Tie this ticket to another."""

    link: Link


class JoinHotIssue(ActionModel, tag="join_hot_issue"):
    """The ticket is one of many that are the same issue; that it is broad may raise its priority (R3.7)."""

    issue: UUID
    tickets: Annotated[int, Meta(ge=0)]
    """How many the issue had by then."""


class ReportUndeliverable(ActionModel, tag="report_undeliverable"):
    """A letter reached its reader by no means: a person has to see to it (R5.7)."""

    notice: UUID
    letter: Code
    audience: Code = "customer"
    """Who did not get it: customer, unit.<code> or person.<code>."""
    reason: Text


class Apologise(ActionModel, tag="apologise"):
    """Send a letter of apology (R5.7); its facts are what the letter must hold (policy-tables 10)."""

    letter: Code
    facts: dict[Code, Text] = field(default_factory=dict)


class CallBack(ActionModel, tag="call_back"):
    """One attempt to reach the customer after the outcome (回访)."""

    attempt: Annotated[int, Meta(ge=1)]
    means: Code
    """sms, phone or visit."""


class Screen(ActionModel, tag="screen"):
    """The back office's finding on a bad answer (R5.5): wrong handling goes back to the responsible department."""

    wrong_handling: bool
    reason: Text


class StartCallback(ActionModel, tag="start_callback"):
    """A person takes the call to the customer, so that nobody else does."""


class RecordCallback(ActionModel, tag="record_callback"):
    """How a person's call to the customer ended (R5.3): answered comes with a survey, moved with when to call."""

    result: Literal["answered", "no_answer", "busy", "refused", "opted_out", "moved"]
    survey: Survey | None = None
    until: AwareDatetime | None = None
    recording: Name | None = None
    """Reference of the recording, which is kept."""
    note: Text | None = None


class EndCallback(ActionModel, tag="end_callback"):
    """The customer could not be reached, or does not want to be asked."""

    reason: Literal["no_answer", "opted_out", "refused"]


class AnswerSurvey(ActionModel, tag="answer_survey"):
    """What the customer says at the callback (R5.4)."""

    survey: Survey


class Tick(ActionModel, tag="tick"):
    """A threshold may be due; changes nothing when none is (DESIGN 2)."""


Action = (
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
    | Reject
    | Assign
    | Attach
    | JoinCall
    | Correct
    | Split
    | Merge
    | Assess
    | RecordEntry
    | Compensate
    | ApplyPolicy
    | Note
    | LinkTo
    | JoinHotIssue
    | ReportUndeliverable
    | Apologise
    | CallBack
    | Screen
    | StartCallback
    | RecordCallback
    | EndCallback
    | AnswerSurvey
    | Tick
)
"""Whatever can be asked of a ticket; `type` tells which."""

MODELS: dict[str, type[ActionModel]] = {str(each.__struct_config__.tag): each for each in get_args(Action)}
"""The model of each action."""


class Command(Record):
    """One command to one ticket."""

    TOPIC: ClassVar[str] = "tickets.commands"

    id: UUID
    """From its cause: a person's Idempotency-Key, a contact, a threshold."""
    ticket_id: UUID
    at: AwareDatetime
    """When our door had it, in business time."""
    actor: Actor
    policy: Code | None = None
    """The pack, when the ticket does not exist yet."""
    expected_version: Annotated[int, Meta(ge=1)] | None = None
    action: Action

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, f"command.{self.action.type}", self.at, self.ticket_id)
