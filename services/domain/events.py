"""The catalogue of ticket event types and of the details each carries; rules and subscribers choose from it. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EventDetails:
    """The meaning of events of one type, and the details that they carry.

    Attributes:
        meaning: one sentence for people: what happened to the ticket.
        always: keys present in every event of the type.
        sometimes: keys that may be absent.
        threshold: whether such an event comes from a threshold of an SLA timer.

    """

    meaning: str
    always: frozenset[str]
    sometimes: frozenset[str]
    threshold: Literal["always", "sometimes", "never"] = "never"


def _details(
    meaning: str, always: str = "", sometimes: str = "", *, threshold: Literal["always", "sometimes", "never"] = "never"
) -> EventDetails:
    return EventDetails(meaning, frozenset(always.split()), frozenset(sometimes.split()), threshold)


EVENTS: Mapping[str, EventDetails] = {
    "accepted": _details("The ticket was opened for a contact (受理).", "contact_id path", "triage missing"),
    "answered": _details(
        "The customer was informed of the final outcome (答复).", "agreement from", "explanation on_the_spot result"
    ),
    "apologised": _details("A letter of apology was ordered; the notifier sends it.", "letter facts"),
    "archived": _details("The archive time of a closed or withdrawn ticket was over.", threshold="always"),
    "assessed": _details(
        "The case was judged: validity, opening, whether it is founded, who is liable.",
        "reason",
        "validity opening founded liability",
    ),
    "assigned": _details("A person of the unit that holds the ticket got it.", "person", "from"),
    "assistance_fed_back": _details(
        "An assisting unit reported its result to whoever had asked it; its assistance is over.",
        "unit result cause notifies",
        "owner",
    ),
    "assistance_released": _details("The help of an assisting unit is not needed any more.", "unit reason"),
    "assistance_requested": _details("Another unit was asked to help; the owner stays responsible.", "unit demand"),
    "attached": _details("Documents, recordings or pictures were added by reference.", "references"),
    "breached": _details(
        "A limit ran out; the supervision order (督办) is part of the event.",
        "clock due_at level notifies supervision_order",
        "unit",
        threshold="always",
    ),
    "callback_ended": _details("Nobody asks this customer any more, for the reason in it.", "reason"),
    "callback_moved": _details(
        "The customer wants to be asked at another time.", "result means until", "recording note"
    ),
    "callback_started": _details("A person called the customer before the plan was due."),
    "called_back": _details(
        "The customer was asked, or could not be reached (回访).", "attempt means", "result recording note"
    ),
    "claimed": _details("A person of the unit took the ticket.", "person"),
    "closed": _details("The ticket was cleared (销项).", "", "note agreement"),
    "compensated": _details("Compensation was granted by the authority of a level.", "amount covers level", "text"),
    "contact_added": _details(
        "A further contact that urges nothing was added: a line of a chat, thanks, a fact.",
        "contact_id channel reason",
        "text",
    ),
    "corrected": _details("Data of the customer or of the call were put right.", "reason", "contact_id"),
    "date_reached": _details(
        "A date came that exceeds nothing of ours, such as that from which the customer may appeal (DECISIONS 37).",
        "clock due_at notifies",
        "unit",
        threshold="always",
    ),
    "dispatched": _details("The ticket was sent to a unit (派单).", "unit", "from note"),
    "escalated": _details(
        "The next level was informed: on demand, or because a limit stays exceeded.",
        "notifies",
        "reason unit clock due_at level",
        threshold="sometimes",
    ),
    "extension_approved": _details("The centre agreed to a new limit; both stay visible.", "old_due new_due", "note"),
    "extension_denied": _details("The centre did not agree to a new limit.", "reason"),
    "extension_lapsed": _details(
        "Nobody decided on a requested extension in time; the old limit counts.", threshold="always"
    ),
    "extension_requested": _details(
        "The holder explained a delay and committed to a new limit.", "explanation committed_until old_due"
    ),
    "fed_back": _details("The unit reported its result to the centre (反馈).", "result from", "cause owner"),
    "form_completed": _details("The accepting channel completed the form; the centre's review begins."),
    "handed_up": _details(
        "The unit's feedback went back to the unit that had dispatched to it.", "result from", "cause owner"
    ),
    "joined_hot_issue": _details("The ticket became one of many that are the same issue.", "issue tickets priority"),
    "linked": _details("The ticket was tied to another.", "ticket_id kind reason"),
    "merged": _details("The ticket was closed in favour of another about the same matter.", "ticket_id reason"),
    "noted": _details("Somebody wrote a note for colleagues.", "text"),
    "policy_applied": _details("Another version of the policy moved open limits.", "version moved"),
    "progress_replied": _details("The customer was informed of the progress (回复).", "text"),
    "reclassified": _details("Kind, type, tier, priority or department changed.", "reason", "from"),
    "rejected": _details("The customer rejected the outcome.", "reason level"),
    "reminded": _details("A repeat contact joined the open ticket (催办).", "contact_id channel reason"),
    "reminded_customer": _details(
        "The ticket has waited for the customer so long that a reminder is due.",
        "clock due_at notifies",
        "unit",
        threshold="always",
    ),
    "reopened": _details("Work began again, with a new run of the clocks.", "reason"),
    "reported": _details("A major problem was reported upwards at once.", "reason unit notifies"),
    "resumed": _details("The wait is over; the clocks go on.", "", "reason note", threshold="sometimes"),
    "screened": _details("The centre judged a bad survey: wrong handling or another cause.", "finding reason"),
    "screening_needed": _details(
        "A customer was dissatisfied in the survey; the centre has to screen it.", "", "reason"
    ),
    "sent_back": _details("The unit is not in charge and gave the ticket back.", "reason from"),
    "split": _details("A ticket of its own was opened for another matter in this one.", "ticket_id reason"),
    "supervised": _details("A supervision order was raised on demand (督办).", "reason notifies", "unit"),
    "survey_answered": _details("The customer answered the survey.", "verdict process result staff"),
    "suspended": _details(
        "The ticket waits for the customer or for another cause; its clocks pause.", "reason waiting_for"
    ),
    "transferred": _details("The ticket was handed to another unit; time used in the stage is kept.", "reason from"),
    "undeliverable": _details("A notice reached nobody by any means.", "notice about audience reason"),
    "warned": _details(
        "A limit is near and nothing was done in the stage (预警).", "clock due_at notifies", "unit", threshold="always"
    ),
    "warning_settled": _details("A warning was due, but something had been done in the stage.", threshold="always"),
    "withdrawn": _details("The customer took the complaint back.", "reason"),
}
"""Every type that the ledger itself emits; record entries of a pack may define further types."""
ENTRY = _details("An entry of the pack's case record was made.", "kind", "value text reference")
"""Details of an event that comes from such a record entry."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return advice for an unknown name: the known name closest to it, or the list of all known names."""
    choices = sorted(known)
    near = difflib.get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(choices)}"
