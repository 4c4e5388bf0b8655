"""Actions that concern the customer after the outcome: letters, callbacks, surveys (R5.3-R5.7)."""

from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, field

from schemas.action import ActionModel
from schemas.base import AwareDatetime
from schemas.contact import Code, Name, Text
from schemas.ticket import Survey


class ReportUndeliverable(ActionModel, tag="report_undeliverable"):
    """Report that a notice could not be delivered by any means, so that a person takes over (R5.7)."""

    notice: UUID
    letter: Code
    audience: Code = "customer"
    """The intended reader: customer, unit.<code> or person.<code>."""
    reason: Text


class Apologise(ActionModel, tag="apologise"):
    """Send a letter of apology with the facts that it must contain (R5.7, policy-tables 10)."""

    letter: Code
    facts: dict[Code, Text] = field(default_factory=dict)


class CallBack(ActionModel, tag="call_back"):
    """Record one attempt to reach the customer after the outcome (回访)."""

    attempt: Annotated[int, Meta(ge=1)]
    means: Code
    """sms, phone or visit."""


class Screen(ActionModel, tag="screen"):
    """Record why a customer was dissatisfied, by the back office (R5.5); wrong handling leads to a re-handle ticket."""

    wrong_handling: bool
    reason: Text


class StartCallback(ActionModel, tag="start_callback"):
    """Reserve the call to the customer for a person, so that nobody else calls."""


class RecordCallback(ActionModel, tag="record_callback"):
    """Record how a call to the customer ended (R5.3): answered needs a survey, moved the time of the next call."""

    result: Literal["answered", "no_answer", "busy", "refused", "opted_out", "moved"]
    survey: Survey | None = None
    until: AwareDatetime | None = None
    recording: Name | None = None
    """Reference of the stored recording."""
    note: Text | None = None


class EndCallback(ActionModel, tag="end_callback"):
    """End the callback: the customer could not be reached or does not want to be surveyed."""

    reason: Literal["no_answer", "opted_out", "refused"]
    evidence: Name | None = None
    """The contact or recording in which the customer says so; the customer needs none."""


class AnswerSurvey(ActionModel, tag="answer_survey"):
    """Record the customer's reply to the survey (R5.4)."""

    survey: Survey
    evidence: Name | None = None
    """The contact or recording in which the customer says so; the customer needs none."""
