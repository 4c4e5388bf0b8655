"""A command: a request by a person or a program to change a ticket; the value of tickets.commands (R2.7)."""

from typing import Annotated, ClassVar, Literal, get_args
from uuid import UUID

from msgspec import Meta

from schemas.action import (
    ActionModel,
    AddContact,
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
    ReleaseAssistance,
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
    key: Name | None = None
    """The name of the key by which the command came; stamped by the door, never the sender's word."""
    proof: Literal["survey_link", "own_channel"] | None = None
    """How a customer proved to be the one of the ticket; stamped by the door."""


Reach = Annotated[str, Meta(pattern=r"^(\*|[a-z0-9][a-z0-9_.-]{0,63})$")]
"""A code, or `*` for all."""


class Authority(Model):
    """How far the key behind a command reaches; stamped by the door, judged by the ledger (DECISIONS 34, 35)."""

    packs: tuple[Reach, ...] = ()
    """Policy packs whose tickets it may change; `*` for all."""
    units: tuple[Reach, ...] = ()
    """Units for which it acts; `*` for all."""
    channels: tuple[Reach, ...] = ()
    """Channels whose contacts it takes; `*` for all."""
    roles: tuple[Code, ...] = ()
    """Roles, such as callback, besides those that the pack gives the person."""
    actions: tuple[Code, ...] = ()
    """Actions that it may take; empty: every action that its units may."""
    level: Code | None = None
    """Level of authority to compensate, for persons whom the pack does not name (R3.6)."""


Action = (
    Open
    | Remind
    | AddContact
    | CompleteForm
    | Reclassify
    | Dispatch
    | Claim
    | SendBack
    | Transfer
    | RequestAssistance
    | ReleaseAssistance
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
    authority: Authority | None = None
    """How far the key behind it reaches; None for our own services and for customers."""

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, f"command.{self.action.type}", self.at, self.ticket_id)
