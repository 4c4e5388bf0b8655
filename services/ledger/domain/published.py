"""What of tickets and events goes onto the topics, where their size is bounded whatever is done (DECISIONS 38). Pure.

A ticket is at most `MAX_TICKET` bytes, an event `MAX_EVENT`. Texts are cut, with a mark, at `LONGEST_TEXT` characters,
and shorter in a fixed order until the whole fits: entries and extensions first, subject and outcome last. Names of
fields and the types of their values stay. GET /v1/tickets/<number> and the ledger have everything in full.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from msgspec.structs import astuple

from schemas.contact import Settlement
from schemas.event import TicketChange
from schemas.ticket import Outcome, SlaTimer, Survey, Ticket
from services.domain.cut_text import cut
from services.domain.whole_ticket import LATEST

MAX_TICKET = 32 * 1024
"""Bytes of a ticket's document."""
MAX_EVENT = 96 * 1024
"""Bytes of an event's document, the ticket in it included."""
LONGEST_TEXT = 1000
"""Characters of a text, if there is room."""
SHORTER = (500, 200, 64)
"""Characters of a text where there is less room; no code, id, time or checksum is longer than the last."""
ENDED_CLOCKS = 5
"""The latest clocks that have ended, which stay."""
LISTS = ("entries", "extensions", "evidence", "links", "compensations")
TEXT_ORDER = (
    ("entries", "extensions"),
    ("evidence", "links", "compensations"),
    ("settlement", "survey", "desired_outcome"),
    ("classification", "customer"),
    ("subject", "outcome"),
)
"""Fields of a ticket in the order in which their texts are cut where there is less room."""
TEXTS = {
    "outcome": ("result", "explanation", "cause"),
    "settlement": ("outcome", "explanation", "cause"),
    "survey": ("comment",),
}
"""Long texts in fields of a ticket that are no texts themselves; those of lists were cut when they were stored."""

WHOLE_OR_NOTHING = frozenset({"email"})
"""Texts of at most 254 characters whose form a subscriber's model checks."""

WITH_TEXTS = (Outcome, Settlement, Survey)

Plain = dict[str, Any]


def published_ticket(ticket: Ticket, document: bytes) -> bytes:
    """Return the document of a ticket for the topics.

    Args:
        ticket: as it is stored.
        document: of the stored ticket, which is used as it is where nothing is left out.

    """
    update: dict[str, Any] = {}
    for name in ("subject", "desired_outcome"):
        text = getattr(ticket, name)
        if text is not None and len(text) > LONGEST_TEXT:
            update[name] = cut(text, LONGEST_TEXT)
    for name, texts in TEXTS.items():
        value = getattr(ticket, name)
        if value is not None and (shorter := _with_cut_texts(value, texts)) is not value:
            update[name] = shorter
    if ticket.evidence_marks or ticket.link_marks:
        update |= {"evidence_marks": "", "link_marks": ""}
    clocks = _latest_clocks(ticket.clocks)
    if clocks is not ticket.clocks:
        update["clocks"] = clocks
    if update:
        document = ticket.replace(**update).to_json()
    if len(document) <= MAX_TICKET:
        return document
    return _shortened(msgspec.json.decode(document), _ticket_steps(), MAX_TICKET)


def published_change(event: TicketChange, document: bytes, ticket: bytes) -> bytes:
    """Return the document of an event, without its ticket, for the topics.

    Args:
        event: as it is stored.
        document: of the stored event, which is used as it is where nothing is left out.
        ticket: document of the ticket after the event, for the topics.

    """
    room = MAX_EVENT - len(ticket) - len(b',"ticket":')
    if len(document) <= room and not _is_cut(event):
        return document
    parts, after = _parts(document), _parts(ticket)
    changes = {name: after[name] for name in event.changes}
    changes |= {f"{name}_count": after[f"{name}_count"] for name in LISTS if name in changes}
    details: Plain = _with_cut_strings(msgspec.json.decode(parts["details"]), LONGEST_TEXT)
    references = details.get("references") or ()
    if len(references) > LATEST:
        details |= {"references": references[-LATEST:], "references_count": len(references)}
    shorter = msgspec.json.encode({**parts, "details": details, "changes": changes})
    return shorter if len(shorter) <= room else _shortened(msgspec.json.decode(shorter), _event_steps(), room)


def _parts(document: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of a document without looking into them."""
    return msgspec.json.decode(document, type=dict[str, msgspec.Raw])


def _is_cut(event: TicketChange) -> bool:
    """Whether an event holds a list that goes out shorter, or a text that is too long."""
    changes, details = event.changes, event.details
    if any(changes.get(name) for name in LISTS) or len(details.get("references") or ()) > LATEST:
        return True
    return any(map(_is_long, changes.values())) or any(map(_is_long, details.values()))


def _is_long(value: Any) -> bool:
    """Whether a value is or holds a text that is too long; of models only those of `TEXTS` may."""
    if isinstance(value, str):
        return len(value) > LONGEST_TEXT
    if isinstance(value, WITH_TEXTS):
        return any(_is_long(text) for text in astuple(value))
    if isinstance(value, dict):
        return any(map(_is_long, value.values()))
    return isinstance(value, list) and any(map(_is_long, value))


def _with_cut_texts(value: Any, names: tuple[str, ...]) -> Any:
    update = {
        name: cut(text, LONGEST_TEXT)
        for name in names
        if (text := getattr(value, name)) is not None and len(text) > LONGEST_TEXT
    }
    return value.replace(**update) if update else value


def _latest_clocks(clocks: tuple[SlaTimer, ...]) -> tuple[SlaTimer, ...]:
    """Return the clocks that have not ended, and the latest that have, in their order."""
    if len(clocks) <= ENDED_CLOCKS:
        return clocks
    ended = [position for position, timer in enumerate(clocks) if timer.stopped_at is not None]
    if len(ended) <= ENDED_CLOCKS:
        return clocks
    dropped = set(ended[:-ENDED_CLOCKS])
    return tuple(timer for position, timer in enumerate(clocks) if position not in dropped)


Step = Callable[[Plain], object]
"""Makes a document shorter, in place."""


def _shortened(plain: Plain, steps: Iterator[Step], room: int) -> bytes:
    """Return the document after as many steps as it needs to fit."""
    document = msgspec.json.encode(plain)
    while len(document) > room:
        step = next(steps, None)
        if step is None:
            break
        step(plain)
        document = msgspec.json.encode(plain)
    return document


def _ticket_steps() -> Iterator[Step]:
    *earlier, last = TEXT_ORDER
    for names in earlier:
        yield from (_cutting(names, longest) for longest in SHORTER)
    yield _without_ended_clocks
    yield lambda ticket: ticket["classification"].update(reasons=ticket["classification"]["reasons"][:LATEST])
    yield lambda ticket: ticket.update(_with_short_lists({**ticket, "clocks": []}, LATEST), clocks=ticket["clocks"])
    yield from (_cutting(last, longest) for longest in SHORTER)
    yield lambda ticket: ticket.update({name: [] for name in LISTS}, entry_marks={})
    yield _without_decided_thresholds
    yield lambda ticket: ticket.update(_with_cut_strings(ticket, SHORTER[-1]))
    while True:
        # Nothing that a policy makes comes this far: the clocks that are due first stay.
        yield _with_half_of_the_clocks


def _event_steps() -> Iterator[Step]:
    yield from (_cutting(("details",), longest) for longest in SHORTER)
    yield lambda event: event.update(details=_with_short_lists(event["details"], 4 * LATEST))
    yield _without_decided_thresholds
    yield lambda event: event.update(changes=_with_cut_strings(event["changes"], SHORTER[-1]))
    yield lambda event: event.update(clocks=[])
    yield lambda event: event.update(
        changes={name: value for name, value in event["changes"].items() if _is_flat(value)}
    )
    yield lambda event: event.update(details={})


def _cutting(names: tuple[str, ...], longest: int) -> Step:
    def step(plain: Plain) -> None:
        for name in names:
            plain[name] = _with_cut_strings(plain[name], longest)

    return step


def _with_cut_strings(value: Any, longest: int) -> Any:
    if isinstance(value, str):
        return cut(value, longest) if len(value) > longest + 1 else value
    if isinstance(value, list):
        return [_with_cut_strings(item, longest) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name in WHOLE_OR_NOTHING else _with_cut_strings(item, longest) for name, item in value.items()
        }
    return value


def _with_short_lists(value: Any, longest: int) -> Any:
    if isinstance(value, list):
        return [_with_short_lists(item, longest) for item in value[-longest:]]
    if isinstance(value, dict):
        return {name: _with_short_lists(item, longest) for name, item in list(value.items())[: 20 * longest]}
    return value


def _without_ended_clocks(plain: Plain) -> None:
    plain["clocks"] = [clock for clock in plain["clocks"] if clock["stopped_at"] is None]


def _without_decided_thresholds(plain: Plain) -> None:
    for clock in plain["clocks"]:
        clock["thresholds"] = [point for point in clock["thresholds"] if point["state"] == "open"]


def _with_half_of_the_clocks(plain: Plain) -> None:
    clocks = sorted(plain["clocks"], key=lambda clock: str(clock["due_at"]))
    plain["clocks"] = clocks[: len(clocks) // 2]


def _is_flat(value: Any) -> bool:
    return not isinstance(value, list | dict)
