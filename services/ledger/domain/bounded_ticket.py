"""Keeps a stored ticket small, so that its 10,000th command costs what the first did (DECISIONS 38). Pure.

A list of the ticket holds its latest items, each with its text cut; how many there were, and what decisions need to
know of the others, stand beside it as counts and marks. Nothing is lost: the event that added an item holds it whole,
and `services.domain.whole_ticket` puts the lists together again.
"""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from types import SimpleNamespace
from typing import Any, TypeVar

from schemas.action import AddContact, Attach, JoinCall, LinkTo, Remind
from schemas.base import Model
from schemas.case_record import Compensation, Entry
from schemas.command import Action
from schemas.contact import Evidence
from schemas.ticket import Extension, Link, SlaTimer, Threshold, ThresholdState, Ticket
from services.domain.cut_text import cut
from services.domain.sla.thresholds import BREACH
from services.domain.whole_ticket import LATEST

LONGEST_TEXT = 1000
"""Characters of an item's text that stay on the ticket."""
MAX_MARKS = 100
"""References, and links, that the ticket itself recognises when they come again.

They take 1,000 characters, however many a ticket has had. The ledger looks up what may be older by its hash
(`unmarked_evidence`, `unmarked_link`, `added_items`), so that none is added a second time, with 10,000 of them either.
"""
MARK_LENGTH = 10
"""Hexadecimal digits of a mark."""
MAX_CLOCKS = 16
"""Clocks of a ticket, old limits included, up to which all of them stay on it."""
LATEST_RUNS = 5
"""Runs of a clock that stay on the ticket beyond that."""

LISTS = frozenset({"evidence", "links", "entries", "compensations", "extensions"})
EMPTY = SimpleNamespace(
    evidence=(),
    evidence_count=0,
    evidence_marks="",
    links=(),
    links_count=0,
    link_marks="",
    entries=(),
    entries_count=0,
    entry_marks={},
    compensations=(),
    compensations_count=0,
    compensation_total="0",
    extensions=(),
    extensions_count=0,
    extensions_approved=0,
)
"""The lists of a ticket before its first event."""

ModelT = TypeVar("ModelT", bound=Model)


def bounded_lists(before: Ticket | None, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists that an event changes as they stay on the ticket, and the counts and marks beside them.

    Args:
        before: the ticket before the event; None for the first.
        changes: fields that the event changes; a list holds the items of before, then the new ones.

    """
    if LISTS.isdisjoint(changes):
        return {}
    update: dict[str, Any] = {}
    ticket: Any = before if before is not None else EMPTY
    if changes.get("evidence"):
        kept, new = _divided(ticket.evidence, changes["evidence"])
        update |= _trimmed("evidence", ticket.evidence_count, kept, new)
        update["evidence_marks"] = _marks(ticket.evidence_marks, (_mark(evidence.reference) for evidence in new))
    if changes.get("links"):
        links, new_links = _divided(ticket.links, changes["links"])
        update |= _trimmed("links", ticket.links_count, links, new_links)
        update["link_marks"] = _marks(ticket.link_marks, map(_link_mark, new_links))
    if changes.get("entries"):
        entries, new_entries = _divided(ticket.entries, changes["entries"])
        update |= _trimmed("entries", ticket.entries_count, entries, [_cut_entry(entry) for entry in new_entries])
        update["entry_marks"] = _entry_marks(ticket.entry_marks, new_entries)
    if changes.get("compensations"):
        granted, new_granted = _divided(ticket.compensations, changes["compensations"])
        update |= _trimmed("compensations", ticket.compensations_count, granted, new_granted)
        update["compensation_total"] = _total(ticket.compensation_total, new_granted)
    if changes.get("extensions"):
        update |= _bounded_extensions(ticket, changes["extensions"])
    return update


def bounded_clocks(before: Ticket | None, clocks: tuple[SlaTimer, ...]) -> dict[str, Any]:
    """Return the clocks that stay on a ticket, and the count of all it ever had.

    Args:
        before: the ticket before the event; None for the first.
        clocks: those of before with the event's changes.

    """
    known, count = (len(before.clocks), before.clocks_count) if before is not None else (0, 0)
    return {"clocks": trimmed_clocks(clocks), "clocks_count": count + len(clocks) - known}


def trimmed_clocks(clocks: tuple[SlaTimer, ...]) -> tuple[SlaTimer, ...]:
    """Return the clocks that stay on a ticket, in their order.

    Of each clock the latest runs stay, and of each run the first limit, the first that was exceeded and the last; so
    does the first limit that was ever exceeded, and whatever is not over.
    """
    if len(clocks) <= MAX_CLOCKS:
        return clocks
    runs: dict[str, dict[int, list[SlaTimer]]] = {}
    for timer in clocks:
        runs.setdefault(timer.name, {}).setdefault(timer.run, []).append(timer)
    kept = {timer.key for timer in clocks if timer.stopped_at is None or any(map(_is_open, timer.thresholds))}
    for by_run in runs.values():
        kept |= _first_exceeded(timer for limits in by_run.values() for timer in limits)
        for run in sorted(by_run)[-LATEST_RUNS:]:
            kept |= {by_run[run][0].key, by_run[run][-1].key} | _first_exceeded(by_run[run])
    return tuple(timer for timer in clocks if timer.key in kept)


def new_evidence(ticket: Ticket, given: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the evidence among some that are not on the ticket already, each once."""
    known = _known(ticket.evidence_marks)
    by_mark: dict[str, Evidence] = {}
    for evidence in given:
        by_mark.setdefault(_mark(evidence.reference), evidence)
    return tuple(evidence for mark, evidence in by_mark.items() if mark not in known)


def is_linked(ticket: Ticket, link: Link) -> bool:
    """Whether a ticket has a link of that kind to the same ticket already."""
    return _link_mark(link) in _known(ticket.link_marks)


def unmarked_evidence(ticket: Ticket, action: Action) -> list[str]:
    """Return the references of an action that a ticket may have had before those that it has the marks of."""
    if ticket.evidence_count <= MAX_MARKS:
        return []
    known = _known(ticket.evidence_marks)
    return [each.reference for each in _evidence_of(action) if _mark(each.reference) not in known]


def unmarked_link(ticket: Ticket, action: Action) -> Link | None:
    """Return the link of an action if a ticket may have had it before those that it has the marks of."""
    is_new = isinstance(action, LinkTo) and ticket.links_count > MAX_MARKS and not is_linked(ticket, action.link)
    return action.link if is_new and isinstance(action, LinkTo) else None


def without_evidence(action: Action, known: AbstractSet[str]) -> Action:
    """Return an action without the evidence whose references are known."""
    left = tuple(evidence for evidence in _evidence_of(action) if evidence.reference not in known)
    if isinstance(action, Attach):
        return action.replace(evidence=left)
    if isinstance(action, JoinCall):
        return action.replace(call=action.call.replace(evidence=left))
    if isinstance(action, Remind | AddContact):
        return action.replace(contact=action.contact.replace(evidence=left))
    return action


def with_link_mark(ticket: Ticket, link: Link) -> Ticket:
    """Return a ticket that recognises a link of which it has no mark any more; not to be stored."""
    return ticket.replace(link_marks=ticket.link_marks + _link_mark(link))


def _evidence_of(action: Action) -> Sequence[Evidence]:
    if isinstance(action, Attach):
        return action.evidence
    if isinstance(action, JoinCall):
        return action.call.evidence
    return action.contact.evidence if isinstance(action, Remind | AddContact) else ()


def _link_mark(link: Link) -> str:
    return _mark(f"{link.ticket_id}/{link.kind}")


def _mark(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=MARK_LENGTH // 2).hexdigest()


def _marks(known: str, new: Iterable[str]) -> str:
    """Append to the marks, which stand one after the other in one text: read and written often, looked at rarely."""
    return "".join((known, *new))[-MAX_MARKS * MARK_LENGTH :]


def _known(marks: str) -> set[str]:
    return {marks[begin : begin + MARK_LENGTH] for begin in range(0, len(marks), MARK_LENGTH)}


def _divided(before: Sequence[ModelT], after: Sequence[ModelT]) -> tuple[Sequence[ModelT], Sequence[ModelT]]:
    """Divide a list into the items that were there and the new ones."""
    return after[: len(before)], after[len(before) :]


def _trimmed(name: str, count: int, kept: Sequence[Model], new: Sequence[Model]) -> dict[str, Any]:
    return {name: (*kept, *new)[-LATEST:], f"{name}_count": count + len(new)}


def _cut_entry(entry: Entry) -> Entry:
    if entry.text is None or len(entry.text) <= LONGEST_TEXT:
        return entry
    return entry.replace(text=cut(entry.text, LONGEST_TEXT))


def _entry_marks(known: Mapping[str, datetime], new: Iterable[Entry]) -> dict[str, datetime]:
    marks = dict(known)
    for entry in new:
        marks[entry.kind] = max(entry.at, marks.get(entry.kind, entry.at))
    return marks


def _total(granted: str, new: Iterable[Compensation]) -> str:
    return str(Decimal(granted) + sum((Decimal(each.amount) for each in new), Decimal(0)))


def _bounded_extensions(before: Any, changed: Sequence[Extension]) -> dict[str, Any]:
    extensions = [
        extension
        if len(extension.explanation) <= LONGEST_TEXT
        else extension.replace(explanation=cut(extension.explanation, LONGEST_TEXT))
        for extension in changed
    ]
    approved = _approved(extensions) - _approved(before.extensions)
    # The limit on extensions of one stage is judged by those on the ticket: what was approved of it goes last.
    latest = extensions[-1]
    stage = (latest.clock, latest.run)
    while len(extensions) > LATEST:
        other = [each for each in extensions if (each.clock, each.run) != stage]
        undone = [each for each in extensions[:-1] if each.state != "approved"]
        extensions.remove((other or undone or extensions)[0])
    return {
        "extensions": tuple(extensions),
        "extensions_count": before.extensions_count + len(changed) - len(before.extensions),
        "extensions_approved": before.extensions_approved + approved,
    }


def _approved(extensions: Iterable[Extension]) -> int:
    return sum(extension.state == "approved" for extension in extensions)


def _is_open(threshold: Threshold) -> bool:
    return threshold.state is ThresholdState.OPEN


def _first_exceeded(timers: Iterable[SlaTimer]) -> set[tuple[str, int, int]]:
    for timer in timers:
        if any(point.name == BREACH and point.state is ThresholdState.FIRED for point in timer.thresholds):
            return {timer.key}
    return set()
