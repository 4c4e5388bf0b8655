"""Actions around the customer once there is an outcome: letters, calls, surveys (R5.3-R5.7)."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from schemas.action import ActionModel
from schemas.base import AwareDatetime
from schemas.contact import Code, Name, Text
from schemas.ticket import Survey


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
