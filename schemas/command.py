"""A command: anything that changes a ticket, from a person or a program; the value of tickets.commands (R2.7)."""

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
    """Who did something."""

    kind: Literal["customer", "agent", "unit", "service"]
    name: Name
    """The person, unit or service."""
    unit: Code | None = None
    """The unit the person acts for; refusals of R5.1 look at it."""


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
