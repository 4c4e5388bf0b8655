"""The lifecycle of a ticket: one table of what each action does, which `decide` obeys and docs/states.md is drawn from.

Who may take an action stands beside it in `services.domain.authority.table`, which the doors read as well.

What an action means for the clocks is not here: they belong to states (`timers`), whatever led there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from schemas import action as actions
from schemas import customer_actions
from schemas.action import ActionModel
from schemas.ticket import Status
from services.domain.authority.table import GRANTS, Grant
from services.domain.policy.authority import PARTY_MEANINGS, Party
from services.ledger.domain import (
    acceptance,
    apologies,
    callback,
    case_record,
    compensation,
    deadline_recalculation,
    escalation,
    extension,
    further_contact,
    handling,
    merge_split,
    migration,
    reclassification,
    resolution,
    suspension,
)
from services.ledger.domain.decision_context import DecisionContext

S = Status
WORK = frozenset({S.DISPATCHED, S.HANDLING})
UNDER_WAY = WORK | {S.ACCEPTED, S.FED_BACK}
OPEN = UNDER_WAY | {S.ANSWERED}
AFTER_ANSWER = frozenset({S.ANSWERED, S.CLOSED})
KEPT = frozenset(Status) - {S.ARCHIVED}
ANY = frozenset(Status)

Decide = Callable[[DecisionContext, Any], None]


@dataclass(frozen=True, slots=True)
class Transition:
    """What one action does.

    Attributes:
        decide: makes the events, or refuses.
        allowed: statuses in which it may be asked for; a ticket that is not there yet has none.
        events: types of the events that it may make, thresholds and alerts apart.
        leads_to: statuses that it may lead to; empty: the status stays.
        new_run: whether the work begins again, with a new run of the clocks (DECISIONS 27).

    """

    decide: Decide
    allowed: frozenset[Status]
    events: tuple[str, ...]
    leads_to: tuple[Status, ...] = ()
    new_run: bool = False


def _nothing(_: DecisionContext, __: Any) -> None:
    """A tick asks for nothing but that what is due is decided."""


OPENING = ("accepted", "reported", "escalated", "form_completed", "answered", "closed")
LIFECYCLE: Mapping[type[ActionModel], Transition] = {
    actions.Open: Transition(
        migration.open_,
        ANY,
        (*OPENING, "reminded", "noted", "dispatched", "claimed", "fed_back"),
        (S.ACCEPTED, S.ANSWERED, S.CLOSED, S.DISPATCHED, S.HANDLING, S.FED_BACK),
    ),
    actions.Remind: Transition(
        acceptance.remind,
        ANY,
        ("reminded", "corrected", "reclassified", "form_completed", "answered", "closed", "reopened", "dispatched"),
        (S.ANSWERED, S.CLOSED, S.ACCEPTED, S.DISPATCHED),
        new_run=True,
    ),
    actions.AddContact: Transition(further_contact.add, ANY, ("contact_added", "reclassified")),
    actions.Tick: Transition(_nothing, ANY, ()),
    actions.CompleteForm: Transition(
        acceptance.complete_form,
        UNDER_WAY,
        ("form_completed", "answered", "closed"),
        (S.ANSWERED, S.CLOSED),
    ),
    actions.Reclassify: Transition(reclassification.reclassify, UNDER_WAY, ("reclassified",)),
    actions.Assess: Transition(reclassification.assess, OPEN | {S.CLOSED}, ("assessed",)),
    actions.JoinHotIssue: Transition(reclassification.join_hot_issue, OPEN, ("joined_hot_issue",)),
    actions.Dispatch: Transition(handling.dispatch, UNDER_WAY, ("dispatched",), (S.DISPATCHED,)),
    actions.Claim: Transition(handling.claim, WORK, ("claimed",), (S.HANDLING,)),
    actions.SendBack: Transition(handling.send_back, WORK, ("sent_back",), (S.ACCEPTED, S.HANDLING)),
    actions.Transfer: Transition(handling.transfer, WORK, ("transferred",), (S.DISPATCHED,)),
    actions.RequestAssistance: Transition(handling.request_assistance, WORK, ("assistance_requested",)),
    actions.ReleaseAssistance: Transition(handling.release_assistance, WORK, ("assistance_released",)),
    actions.FeedBack: Transition(
        handling.feed_back, WORK, ("fed_back", "handed_up", "assistance_fed_back"), (S.FED_BACK, S.HANDLING)
    ),
    actions.Answer: Transition(resolution.answer, UNDER_WAY, ("answered", "closed"), (S.ANSWERED, S.CLOSED)),
    actions.ReplyProgress: Transition(resolution.reply_progress, UNDER_WAY, ("progress_replied",)),
    actions.Close: Transition(resolution.close, frozenset({S.ANSWERED}), ("closed",), (S.CLOSED,)),
    actions.Reopen: Transition(
        resolution.reopen,
        AFTER_ANSWER,
        ("reopened", "dispatched"),
        (S.ACCEPTED, S.DISPATCHED),
        new_run=True,
    ),
    actions.Reject: Transition(
        resolution.reject,
        frozenset({S.ANSWERED}),
        ("rejected", "dispatched"),
        (S.ACCEPTED, S.DISPATCHED),
        new_run=True,
    ),
    actions.Withdraw: Transition(resolution.withdraw, OPEN, ("withdrawn",), (S.WITHDRAWN,)),
    actions.RequestExtension: Transition(extension.request, WORK, ("extension_requested",)),
    actions.ApproveExtension: Transition(extension.approve, WORK, (extension.APPROVED,)),
    actions.DenyExtension: Transition(extension.deny, WORK, ("extension_denied",)),
    actions.Suspend: Transition(suspension.suspend, UNDER_WAY, ("suspended",)),
    actions.Resume: Transition(suspension.resume, UNDER_WAY, ("resumed",)),
    actions.Escalate: Transition(escalation.escalate, UNDER_WAY, ("escalated",)),
    actions.Supervise: Transition(escalation.supervise, OPEN, ("supervised",)),
    actions.Split: Transition(merge_split.split, OPEN, ("split",)),
    actions.Merge: Transition(merge_split.merge, UNDER_WAY, ("merged",), (S.WITHDRAWN,)),
    actions.Assign: Transition(case_record.assign, UNDER_WAY, ("assigned",)),
    actions.Attach: Transition(case_record.attach, KEPT, ("attached",)),
    actions.Correct: Transition(case_record.correct, KEPT, ("corrected",)),
    actions.RecordEntry: Transition(case_record.record, KEPT, ("recorded",)),
    actions.Compensate: Transition(compensation.compensate, OPEN, ("compensated",)),
    actions.JoinCall: Transition(deadline_recalculation.join_call, KEPT, ("corrected",)),
    actions.ApplyPolicy: Transition(deadline_recalculation.apply_policy, KEPT, ("policy_applied",)),
    actions.Note: Transition(acceptance.note, KEPT, ("noted",)),
    actions.LinkTo: Transition(acceptance.link, KEPT, ("linked",)),
    customer_actions.ReportUndeliverable: Transition(apologies.report_undeliverable, KEPT, ("undeliverable",)),
    customer_actions.Apologise: Transition(apologies.apologise, KEPT, ("apologised",)),
    customer_actions.CallBack: Transition(callback.call_back, AFTER_ANSWER, ("called_back",)),
    customer_actions.StartCallback: Transition(callback.start_callback, AFTER_ANSWER, ("callback_started",)),
    customer_actions.RecordCallback: Transition(
        callback.record_callback,
        AFTER_ANSWER,
        ("callback_moved", "called_back", "callback_ended", "survey_answered", "screening_needed"),
    ),
    customer_actions.EndCallback: Transition(callback.end_callback, AFTER_ANSWER, ("callback_ended",)),
    customer_actions.AnswerSurvey: Transition(
        callback.answer_survey, AFTER_ANSWER, ("survey_answered", "screening_needed")
    ),
    customer_actions.Screen: Transition(callback.screen, AFTER_ANSWER, ("screened",)),
}
"""What each action does. An entry of the record makes an event of the type that the pack gives it, by default
`recorded`. By time a ticket is archived and nothing else: every other threshold leaves the status as it is."""


def name_of(action: type[ActionModel]) -> str:
    """Return the name of an action, as in the JSON document."""
    return str(action.__struct_config__.tag)


def transition(action: ActionModel) -> Transition:
    """Return what an action does."""
    return LIFECYCLE[type(action)]


def diagram() -> str:
    """Return docs/states.md: the statuses, what leads from one to the next, and every action."""
    rows = sorted(((name_of(action), action, row) for action, row in LIFECYCLE.items()), key=itemgetter(0))
    lines = [
        "# States of a ticket",
        "",
        "Drawn by `make docs` from `services/ledger/domain/lifecycle.py`. Which clocks run in which state is in",
        "[clocks.md](clocks.md), where a pack lets others act in [authority.md](authority.md).",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> accepted: open",
    ]
    for name, _, row in rows:
        if name not in {"open", "remind", "add_contact", "complete_form"}:
            lines += _arrows(name, row)
    lines += [
        "    closed --> archived: by time",
        "    withdrawn --> archived: by time",
        "    archived --> [*]",
        "```",
        "",
        "| action | allowed while | who may | leads to | events | new run |",
        "|---|---|---|---|---|---|",
    ]
    lines += [_table_row(name, row, GRANTS[action]) for name, action, row in rows]
    lines += [
        "",
        "Who somebody is to a ticket (DECISIONS 34); a pack may say otherwise in its `authority.toml`:",
        "",
        "| who | meaning |",
        "|---|---|",
        *(f"| `{party}` | {PARTY_MEANINGS[party]} |" for party in Party),
    ]
    return "\n".join([*lines, ""])


def _arrows(name: str, row: Transition) -> list[str]:
    """Return the arrows of an action in the diagram, from every status in which it is allowed."""
    return [
        f"    {status} --> {target}: {name}"
        for status in Status
        for target in row.leads_to
        if status in row.allowed and (status is not target or name == "dispatch")
    ]


def _table_row(name: str, row: Transition, grant: Grant) -> str:
    allowed = "always" if row.allowed == ANY else ", ".join(status for status in Status if status in row.allowed)
    leads = ", ".join(row.leads_to) or "stays"
    events = ", ".join(row.events) or "what is due"
    who = ", ".join((*(f"`{party}`" for party in grant.who), *(f"the service {name}" for name in grant.services)))
    evidence = "; with evidence, but for the customer" if grant.evidence else ""
    return f"| {name} | {allowed} | {who}{evidence} | {leads} | {events} | {'yes' if row.new_run else ''} |"
