"""Watching over the work and asking afterwards: escalation and supervision on demand, callback, survey (R4.9, R5.3)."""

from schemas.command import AnswerSurvey, CallBack, EndCallback, Escalate, Supervise
from services.ledger.domain.story import Refused, Story, because


def escalate(story: Story, action: Escalate) -> None:
    """Tell the next level."""
    story.happen(
        "escalated",
        because("escalation", "on demand", "escalation", "ours: R2.7"),
        details={"reason": action.reason, "unit": story.ticket.unit, "notifies": ["next_level"]},
    )


def supervise(story: Story, action: Supervise) -> None:
    """A supervision order for a key, hard or wrongly handled case (督办)."""
    story.happen(
        "supervised",
        because("supervision", "on demand", "supervision order", "002-1 §1.2.1"),
        {"supervisions": story.ticket.supervisions + 1},
        details={"reason": action.reason, "unit": story.ticket.unit, "notifies": ["unit", "next_level"]},
    )


def call_back(story: Story, action: CallBack) -> None:
    """One attempt to ask the customer (R5.3)."""
    ticket, rule = story.ticket, story.policy.care.callback
    if ticket.survey is not None:
        raise Refused("answered", "the customer has answered the survey already")
    if ticket.classification.validity in rule.never_for:
        raise Refused("never", f"a {ticket.classification.validity} complaint is not called back ({rule.source})")
    story.happen(
        "called_back",
        because("callback", action.means, "callback", rule.source),
        {"callbacks": ticket.callbacks + 1},
        details={"attempt": action.attempt, "means": action.means},
    )


def end_callback(story: Story, action: EndCallback) -> None:
    """Give up asking."""
    rule = story.policy.care.callback
    if story.ticket.survey is not None:
        raise Refused("answered", "the customer has answered the survey already")
    story.happen(
        "callback_ended",
        because("callback", action.reason, "callback", rule.source),
        {"callback_ended": action.reason},
        details={"reason": action.reason},
    )


def answer_survey(story: Story, action: AnswerSurvey) -> None:
    """What the customer says; kept once (R5.4)."""
    if story.ticket.survey is not None:
        raise Refused("answered", "the customer has answered the survey already")
    rule, survey = story.policy.care.survey, action.survey
    scores = (survey.process, survey.result, survey.staff)
    if min(scores) <= rule.dissatisfied_to:
        verdict = "dissatisfied"
    elif min(scores) >= rule.satisfied_from:
        verdict = "satisfied"
    else:
        verdict = "neutral"
    story.happen(
        "survey_answered",
        because("satisfaction", verdict, "survey", rule.source),
        {"survey": survey},
        details={"verdict": verdict, "process": survey.process, "result": survey.result, "staff": survey.staff},
    )
