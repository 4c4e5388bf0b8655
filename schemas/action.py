"""Actions: everything a command can ask of a ticket, with its parameters (R2.7, R5.1)."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from schemas.base import AwareDatetime, Model
from schemas.call import Call
from schemas.contact import Code, Contact, Customer, Evidence, Money, Name, Settlement, Text
from schemas.ticket import Classification, Link


class ActionModel(Model, tag_field="type"):
    """Base of all actions; the `type` of the JSON document says which."""

    @property
    def type(self) -> str:
        """The name of the action, as in the JSON document."""
        return str(self.__struct_config__.tag)


class Open(ActionModel, tag="open"):
    """Open a ticket for a contact (受理); never refused."""

    contact: Contact
    classification: Classification
    links: tuple[Link, ...] = ()


class Remind(ActionModel, tag="remind"):
    """A repeat contact about an open ticket (催办); about a closed one, DECISIONS 17 applies; never refused (R2.4)."""

    contact: Contact
    classification: Classification
    reason: Name
    disputed: bool = False
    """The customer disputes the outcome, rather than asking for progress."""


class AddContact(ActionModel, tag="add_contact"):
    """A further contact of the ticket's customer that urges nothing: a line of a chat, thanks, a fact (DECISIONS 36).

    It opens a ticket only where the one that it belongs to is over and its text is part of the complaint.
    """

    contact: Contact
    classification: Classification
    """Of this contact alone, for a ticket of its own."""
    reason: Name
    appends: bool = False
    """Whether its text is part of the complaint; until a person has acted, all lines together are classified anew."""


class CompleteForm(ActionModel, tag="complete_form"):
    """The accepting channel has completed the form; starts the centre's review (R2.5, R4.2)."""

    settlement: Settlement | None = None


class Reclassify(ActionModel, tag="reclassify"):
    """Change kind, types, tier, priority or department; the promise keeps its start (DECISIONS 6)."""

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
    """The unit is not in charge and returns the ticket to whoever dispatched it."""

    reason: Text


class Transfer(ActionModel, tag="transfer"):
    """Hand the ticket over to another unit; time used in the stage is kept (R4.11)."""

    unit: Code
    reason: Text


class RequestAssistance(ActionModel, tag="request_assistance"):
    """Ask another unit for help; the holder of the ticket stays responsible."""

    unit: Code
    demand: Text


class ReleaseAssistance(ActionModel, tag="release_assistance"):
    """The help of an assisting unit is not needed any more; its clock ends."""

    unit: Code
    reason: Text


class FeedBack(ActionModel, tag="feed_back"):
    """The unit reports what was found and done to whoever dispatched the ticket to it (反馈).

    An assisting unit reports to whoever asked it; that ends its assistance, and the ticket stays with its holder.
    """

    result: Text
    cause: Text
    owner: Code | None = None


class Answer(ActionModel, tag="answer"):
    """The customer was given the final outcome (答复); R5.1 says who may."""

    explanation: Text
    result: Text | None = None
    cause: Text | None = None
    owner: Code | None = None
    agreement: Literal["agreed", "agreed_wording", "refused"]


class ReplyProgress(ActionModel, tag="reply_progress"):
    """The customer was informed of the progress (回复)."""

    text: Text


class RequestExtension(ActionModel, tag="request_extension"):
    """The holder explains a delay and commits to a new limit (R4.10)."""

    explanation: Text
    committed_until: AwareDatetime


class ApproveExtension(ActionModel, tag="approve_extension"):
    """The centre agrees to the new limit; the ticket keeps both limits."""

    note: Text | None = None


class DenyExtension(ActionModel, tag="deny_extension"):
    """The centre rejects the new limit."""

    reason: Text


class Suspend(ActionModel, tag="suspend"):
    """The ticket waits for the customer, or for another cause (R4.11)."""

    waiting_for: Literal["customer", "other"]
    reason: Text


class Resume(ActionModel, tag="resume"):
    """The wait is over."""

    reason: Text | None = None


class Escalate(ActionModel, tag="escalate"):
    """Escalate the ticket to the next level."""

    reason: Text


class Supervise(ActionModel, tag="supervise"):
    """Issue a supervision order by hand (督办)."""

    reason: Text


class Close(ActionModel, tag="close"):
    """Close the ticket (销项); refused with the list of what is missing (R5.2)."""

    cause: Text | None = None
    owner: Code | None = None
    note: Text | None = None


class Reopen(ActionModel, tag="reopen"):
    """Resume work with a new run of the SLA timers (DECISIONS 27)."""

    reason: Text


class Withdraw(ActionModel, tag="withdraw"):
    """The customer withdraws the complaint."""

    reason: Text
    evidence: Name | None = None
    """The contact or recording in which the customer says so; the customer needs none."""


class Reject(ActionModel, tag="reject"):
    """The customer rejects the outcome; the policy decides what follows (R3.6, R4.5)."""

    reason: Text
    evidence: Name | None = None
    """The contact or recording in which the customer says so; the customer needs none."""


class Assign(ActionModel, tag="assign"):
    """Assign the ticket to a person of the unit that holds it."""

    person: Name


class Attach(ActionModel, tag="attach"):
    """Attach a document, a recording or a photo by reference."""

    evidence: tuple[Evidence, ...]


class JoinCall(ActionModel, tag="join_call"):
    """The record of a call arrived after its form: add its data to the ticket (R2.1)."""

    call: Call


class Correct(ActionModel, tag="correct"):
    """Correct the customer's data."""

    customer: Customer
    reason: Text


class Split(ActionModel, tag="split"):
    """Open a separate ticket for another matter in this one; both are linked (DECISIONS 30)."""

    text: Text
    classification: Classification
    reason: Text


class Merge(ActionModel, tag="merge"):
    """Close the ticket in favour of another about the same matter; both are linked (DECISIONS 30)."""

    into: UUID
    reason: Text


class Assess(ActionModel, tag="assess"):
    """Assess the case: validity, whether it is justified, liability, whether a case is opened (R2.9, R3.6, R3.12)."""

    validity: Code | None = None
    opening: Code | None = None
    founded: bool | None = None
    liability: Code | None = None
    reason: Text


class RecordEntry(ActionModel, tag="record"):
    """Add a report, a finding, an approval or another kind of entry of the policy to the record (R5.9-R5.11)."""

    kind: Code
    value: Code | None = None
    text: Text | None = None
    reference: Name | None = None


class Compensate(ActionModel, tag="compensate"):
    """Grant compensation within the authority of the person's level, which the pack or the key says (R3.6)."""

    covers: Code
    amount: Money
    text: Text


class ApplyPolicy(ActionModel, tag="apply_policy"):
    """Recalculate the open deadlines by the version of the policy that is in force (R4.12)."""

    version: Name


class Note(ActionModel, tag="note"):
    """An internal note, which the customer does not see."""

    text: Text


class LinkTo(ActionModel, tag="link"):
    """Link the ticket to another."""

    link: Link


class JoinHotIssue(ActionModel, tag="join_hot_issue"):
    """The ticket belongs to a hot issue; this may raise its priority (R3.7)."""

    issue: UUID
    tickets: Annotated[int, Meta(ge=0)]
    """Number of tickets of the issue at that time."""
    opened_at: AwareDatetime | None = None
    """When the issue opened; with the ticket's types and region it makes the issue's id, so no other ticket joins."""


class Tick(ActionModel, tag="tick"):
    """A threshold may be due; changes nothing if none is (DESIGN 2)."""
