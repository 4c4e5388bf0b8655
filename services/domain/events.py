"""Types of events of a ticket, and what each tells of: what rules and subscribers choose from. Pure."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class EventDetails:
    """What an event of one type has in its details.

    Attributes:
        always: names that are there in every event of the type.
        sometimes: names that may be missing.
        threshold: whether a clock's threshold made it.

    """

    always: frozenset[str]
    sometimes: frozenset[str]
    threshold: Literal["always", "sometimes", "never"] = "never"


def _told(
    always: str = "", sometimes: str = "", *, threshold: Literal["always", "sometimes", "never"] = "never"
) -> EventDetails:
    return EventDetails(frozenset(always.split()), frozenset(sometimes.split()), threshold)


EVENTS: Mapping[str, EventDetails] = {
    "accepted": _told("contact_id path", "triage missing"),
    "answered": _told("agreement from", "explanation on_the_spot result"),
    "apologised": _told("letter facts"),
    "archived": _told(threshold="always"),
    "assessed": _told("reason", "validity opening founded liability"),
    "assigned": _told("person", "from"),
    "assistance_requested": _told("unit demand"),
    "attached": _told("references"),
    "breached": _told("clock due_at level notifies supervision_order", "unit", threshold="always"),
    "callback_ended": _told("reason"),
    "callback_moved": _told("result means until", "recording note"),
    "callback_started": _told(),
    "called_back": _told("attempt means", "result recording note"),
    "claimed": _told("person"),
    "closed": _told("", "note agreement"),
    "compensated": _told("amount covers level", "text"),
    "corrected": _told("reason", "contact_id"),
    "dispatched": _told("unit", "from note"),
    "escalated": _told("notifies", "reason unit clock due_at level", threshold="sometimes"),
    "extension_approved": _told("old_due new_due", "note"),
    "extension_denied": _told("reason"),
    "extension_lapsed": _told(threshold="always"),
    "extension_requested": _told("explanation committed_until old_due"),
    "fed_back": _told("result from", "cause owner"),
    "form_completed": _told(),
    "handed_up": _told("result from", "cause owner"),
    "joined_hot_issue": _told("issue tickets priority"),
    "linked": _told("ticket_id kind reason"),
    "merged": _told("ticket_id reason"),
    "noted": _told("text"),
    "policy_applied": _told("version moved"),
    "progress_replied": _told("text"),
    "reclassified": _told("reason", "from"),
    "rejected": _told("reason level"),
    "reminded": _told("contact_id channel reason"),
    "reminded_customer": _told("clock due_at notifies", "unit", threshold="always"),
    "reopened": _told("reason"),
    "reported": _told("reason unit notifies"),
    "resumed": _told("", "reason note", threshold="sometimes"),
    "screened": _told("finding reason"),
    "screening_needed": _told("", "reason"),
    "sent_back": _told("reason from"),
    "split": _told("ticket_id reason"),
    "supervised": _told("reason notifies", "unit"),
    "survey_answered": _told("verdict process result staff"),
    "suspended": _told("reason waiting_for"),
    "transferred": _told("reason from"),
    "undeliverable": _told("notice about audience reason"),
    "warned": _told("clock due_at notifies", "unit", threshold="always"),
    "warning_settled": _told(threshold="always"),
    "withdrawn": _told("reason"),
}
"""Every type that the ledger makes itself; the entries of a pack's record may have types of their own."""
ENTRY = _told("kind", "value text reference")
"""What such an entry tells."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what to tell somebody who wrote a name that is not there: the one that was probably meant, or all."""
    there = sorted(known)
    near = difflib.get_close_matches(name, there, n=1)
    return f"did you mean {near[0]!r}?" if near else f"choose of {', '.join(there)}"
