"""Callbacks and surveys: attempts, calls by a person, answers and the screening of bad ones (R5.3-R5.5)."""

from typing import Any

from schemas.customer_actions import AnswerSurvey, CallBack, EndCallback, RecordCallback, Screen, StartCallback
from services.domain.policy.outcome import CALL_LEASE
from services.ledger.domain.decision_context import CommandRejected, DecisionContext, because

OVER: dict[str, Any] = {"calling": None, "calling_since": None}
WANTS_NONE = frozenset({"opted_out", "refused"})


def call_back(context: DecisionContext, action: CallBack) -> None:
    """One attempt to ask the customer (R5.3)."""
    ticket, rule = context.ticket, context.policy.outcome.callback
    _to_be_asked(context)
    context.record_event(
        "called_back",
        because("callback", action.means, "callback", rule.source),
        {"callbacks": ticket.callbacks + 1},
        details={"attempt": action.attempt, "means": action.means},
    )


def start_callback(context: DecisionContext, _: StartCallback) -> None:
    """A person takes the call (R5.3); refused while somebody else has it."""
    ticket, name = context.ticket, context.command.actor.name
    _to_be_asked(context)
    since = ticket.calling_since
    if ticket.calling not in {None, name} and since is not None and context.at - since < CALL_LEASE:
        raise CommandRejected("taken", f"{ticket.calling} is calling this customer; take the next one")
    context.record_event(
        "callback_started",
        because("callback", "phone", "callback", context.policy.outcome.callback.source),
        {"calling": name, "calling_since": context.at},
    )


def record_callback(context: DecisionContext, action: RecordCallback) -> None:
    """How the call ended (R5.3); what the customer says is kept as any other answer."""
    ticket, rule = context.ticket, context.policy.outcome.callback
    _not_answered(context)
    details = {"result": action.result, "recording": action.recording, "note": action.note, "means": "phone"}
    why = because("callback", action.result, "callback", rule.source)
    if action.result == "moved":
        if action.until is None or action.until <= context.at:
            raise CommandRejected(
                "missing", "say when the customer wants to be called: until, in the future", ("until",)
            )
        context.record_event("callback_moved", why, OVER, details=details | {"until": action.until.isoformat()})
        return
    if action.result == "answered" and action.survey is None:
        raise CommandRejected(
            "missing", "add the customer's answers: survey with process, result and staff", ("survey",)
        )
    attempt = ticket.callbacks + 1
    context.record_event("called_back", why, OVER | {"callbacks": attempt}, details=details | {"attempt": attempt})
    if action.survey is not None:
        answer_survey(context, AnswerSurvey(survey=action.survey))
    elif action.result in {"refused", "opted_out"}:
        context.record_event(
            "callback_ended", why, {"callback_ended": action.result}, details={"reason": action.result}
        )


def _to_be_asked(context: DecisionContext) -> None:
    """Refuse to ask a customer who has answered, wants no question, was given up on, or must not be asked."""
    ticket, rule = context.ticket, context.policy.outcome.callback
    _not_answered(context)
    if ticket.callback_ended is not None:
        raise CommandRejected("ended", f"this customer is not asked any more ({ticket.callback_ended}): take another")
    if ticket.classification.validity in rule.never_for:
        raise CommandRejected(
            "never", f"a {ticket.classification.validity} complaint is not called back ({rule.source})"
        )


def _not_answered(context: DecisionContext) -> None:
    if context.ticket.survey is not None:
        raise CommandRejected("answered", "the customer has answered the survey already")


def end_callback(context: DecisionContext, action: EndCallback) -> None:
    """Give up asking; that a customer wants no question is the stronger word, and is kept."""
    ended, rule = context.ticket.callback_ended, context.policy.outcome.callback
    _not_answered(context)
    if ended in WANTS_NONE or ended == action.reason:
        raise CommandRejected("ended", f"asking has ended already ({ended})")
    context.record_event(
        "callback_ended",
        because("callback", action.reason, "callback", rule.source),
        {"callback_ended": action.reason},
        details={"reason": action.reason},
    )


def answer_survey(context: DecisionContext, action: AnswerSurvey) -> None:
    """What the customer says; kept once (R5.4)."""
    _not_answered(context)
    rule, survey = context.policy.outcome.survey, action.survey
    scores = (survey.process, survey.result, survey.staff)
    if min(scores) <= rule.dissatisfied_to:
        verdict = "dissatisfied"
    elif min(scores) >= rule.satisfied_from:
        verdict = "satisfied"
    else:
        verdict = "neutral"
    context.record_event(
        "survey_answered",
        because("satisfaction", verdict, "survey", rule.source),
        {"survey": survey},
        details={"verdict": verdict, "process": survey.process, "result": survey.result, "staff": survey.staff},
    )
    if verdict == "dissatisfied":
        context.record_event(
            "screening_needed",
            because("satisfaction", verdict, "screening", "R5.5"),
            details={"reason": survey.comment},
        )


def screen(context: DecisionContext, action: Screen) -> None:
    """The back office looks into a bad answer: only wrong handling is handled again (R5.5)."""
    if context.ticket.survey is None:
        raise CommandRejected("not_answered", "the customer has not answered the survey: there is nothing to screen")
    if context.ticket.screened is not None:
        raise CommandRejected("screened", "it was screened already")
    finding = "wrong_handling" if action.wrong_handling else "other_cause"
    context.record_event(
        "screened",
        because("screening", finding, "screening", "R5.5"),
        {"screened": finding},
        details={"finding": finding, "reason": action.reason},
    )
