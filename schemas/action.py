"""Actions: each thing that can be asked of a ticket, and what has to be told with it (R2.7, R5.1)."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, Model
from schemas.call import Call
from schemas.contact import Code, Contact, Customer, Evidence, Money, Name, Settlement, Text
from schemas.ticket import Classification, Link


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


class Tick(ActionModel, tag="tick"):
    """A threshold may be due; changes nothing when none is (DESIGN 2)."""
