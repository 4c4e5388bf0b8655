"""A command: a request by a person or a program to change a ticket; the value of tickets.commands (R2.7)."""

from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID

from msgspec import Meta

from schemas.action import (
    ActionModel,
    Answer,
    ApplyPolicy,
    ApproveExtension,
    Assess,
    Assign,
    Attach,
    Claim,
    Close,
    Compensate,
    CompleteForm,
    Correct,
    DenyExtension,
    Dispatch,
    Escalate,
    FeedBack,
    JoinCall,
    JoinHotIssue,
    LinkTo,
    Merge,
    Note,
    Open,
    Reclassify,
    RecordEntry,
    Reject,
    Remind,
    Reopen,
    ReplyProgress,
    RequestAssistance,
    RequestExtension,
    Resume,
    SendBack,
    Split,
    Supervise,
    Suspend,
    Tick,
    Transfer,
    Withdraw,
)
from schemas.base import AwareDatetime, CloudEvent, Model, Record
from schemas.contact import Code, Name
from schemas.customer_actions import (
    AnswerSurvey,
    Apologise,
    CallBack,
    EndCallback,
    RecordCallback,
    ReportUndeliverable,
    Screen,
    StartCallback,
)


class Actor(Model):
    """Who issued a command."""

    kind: Literal["customer", "agent", "unit", "service"]
    name: Name
    """The person, unit or service."""
    unit: Code | None = None
    """The unit that the person acts for; it decides what the person may do (R5.1)."""


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
"""Any action; `type` says which."""

MODELS: dict[str, type[ActionModel]] = {str(model.__struct_config__.tag): model for model in get_args(Action)}
"""The models of the actions, by their `type`."""


class Command(Record):
    """One command to one ticket."""

    TOPIC: ClassVar[str] = "tickets.commands"

    id: UUID
    """Derived from its cause: an Idempotency-Key, a contact, a threshold."""
    ticket_id: UUID
    at: AwareDatetime
    """When it was received, in business time."""
    actor: Actor
    policy: Code | None = None
    """The policy pack, if the ticket does not exist yet."""
    expected_version: Annotated[int, Meta(ge=1)] | None = None
    action: Action

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, f"command.{self.action.type}", self.at, self.ticket_id)
