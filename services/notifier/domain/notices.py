"""Which event tells whom what, and by which means. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from schemas.contact import Customer
from schemas.event import TicketEvent
from services.domain.identity import notice_id
from services.domain.packs import Pack
from services.domain.policy import Unit

UNIT_LANGUAGE = "zh"
"""Language of the carrier's own units."""

TO_CUSTOMER = {
    "accepted": "acceptance",
    "progress_replied": "progress",
    "answered": "answer",
    "called_back": "survey",
    "reopened": "reopening",
    "reminded_customer": "waiting",
}
"""Template that the customer gets at an event."""

TO_UNITS = {
    "dispatched": "dispatch",
    "warned": "warning",
    "breached": "supervision",
    "supervised": "supervision",
    "escalated": "escalation",
    "reported": "escalation",
    "reminded": "reminder",
    "extension_requested": "extension",
}
"""Template that units get at an event."""

DEFAULT_READERS = {"dispatched": ("unit",), "reminded": ("unit",), "extension_requested": ("centre",)}
"""Who is told when the event does not say so itself, as a clock's thresholds do."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one reader.

    Attributes:
        id: from event and audience, so the same notice is never there twice.
        audience: customer, unit.<code> or person.<code>.
        means: sms or mail.
        address: phone or mail address; None: there is none.
        context: what the template needs.

    """

    id: UUID
    event_id: UUID
    ticket_id: UUID
    ticket_number: str
    audience: str
    template: str
    language: str
    means: str
    address: str | None
    context: dict[str, Any]


def notices(event: TicketEvent, pack: Pack) -> Iterator[Notice]:
    """Return what an event tells, each reader once; what the system before has told is not told again."""
    if "taken_over" in event.details:
        return
    template = TO_CUSTOMER.get(event.type)
    if template is not None and not _silent(event):
        yield _to_customer(event, pack, template)
    template = TO_UNITS.get(event.type)
    if template is not None:
        seen: set[str] = set()
        for audience, unit, means in _readers(event, pack):
            if audience not in seen:
                seen.add(audience)
                yield _to_unit(event, pack, template, audience, unit, means)


def _silent(event: TicketEvent) -> bool:
    """An answer on the spot was given in person, and a re-handle ticket was not opened by the customer."""
    on_the_spot = event.type == "answered" and bool(event.details.get("on_the_spot"))
    return on_the_spot or (event.type == "accepted" and event.ticket.channel == "callback")


def _means(customer: Customer) -> tuple[str, str | None]:
    if customer.preferred_means == "mail" and customer.email:
        return "mail", customer.email
    if customer.phone:
        return "sms", customer.phone
    if customer.email:
        return "mail", customer.email
    return "sms", None


def _to_customer(event: TicketEvent, pack: Pack, template: str) -> Notice:
    customer = event.ticket.customer
    means, address = _means(customer)
    context = _context(event, pack, customer.language) | {"name": customer.name}
    return _notice(event, "customer", template, customer.language, means, address, context)


def _readers(event: TicketEvent, pack: Pack) -> Iterator[tuple[str, Unit, str]]:
    """Return audience, unit and means of everybody who is told."""
    wanted: Iterable[str] = event.details.get("notifies") or DEFAULT_READERS.get(event.type, ("unit",))
    own = pack.units.get(str(event.details.get("unit") or event.ticket.unit or pack.head.centre))
    own = own or pack.units[pack.head.centre]
    for reader in wanted:
        if reader == "person":
            yield f"person.{own.code}", own, "sms"
        elif reader == "centre":
            centre = pack.units.get(event.ticket.centre) or pack.units[pack.head.centre]
            yield f"unit.{centre.code}", centre, "mail"
        elif reader in pack.units:
            yield f"unit.{reader}", pack.units[reader], "mail"
        elif reader == "next_level":
            above = _above(own, pack, int(event.details.get("level") or 0))
            yield f"unit.{above.code}", above, "mail"
        else:
            yield f"unit.{own.code}", own, "mail"


def _above(unit: Unit, pack: Pack, level: int) -> Unit:
    """Return the unit that many levels further up than the next one, or the highest there is."""
    for _ in range(level + 1):
        if unit.parent is None:
            return unit
        unit = pack.units[unit.parent]
    return unit


def _to_unit(event: TicketEvent, pack: Pack, template: str, audience: str, unit: Unit, means: str) -> Notice:
    address = unit.phone if means == "sms" else unit.email
    context = _context(event, pack, UNIT_LANGUAGE) | {"reader": getattr(unit.title, UNIT_LANGUAGE)}
    return _notice(event, audience, template, UNIT_LANGUAGE, means, address, context)


def _context(event: TicketEvent, pack: Pack, language: str) -> dict[str, Any]:
    ticket, details = event.ticket, event.details
    clocks = {each.name: getattr(each.title, language) for each in pack.timing.clocks}
    units = {code: getattr(unit.title, language) for code, unit in pack.units.items()}
    fired = event.threshold
    return {
        "number": ticket.number,
        "zone": pack.head.zone,
        "at": event.at.isoformat(),
        "promised_at": ticket.promised_at.isoformat() if ticket.promised_at is not None else None,
        "tier": getattr(pack.routing.titles[ticket.classification.tier], language),
        "unit": units.get(str(details.get("unit") or ticket.unit), ""),
        "clock": clocks.get(fired.clock, fired.clock) if fired is not None else None,
        "due_at": fired.due_at.isoformat() if fired is not None else None,
        "level": details.get("level") or 0,
        "reason": details.get("reason"),
        "text": details.get("text"),
        "result": details.get("result"),
        "explanation": details.get("explanation"),
        "committed_until": _text(details.get("committed_until")),
        "reminders": ticket.reminders,
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _notice(
    event: TicketEvent,
    audience: str,
    template: str,
    language: str,
    means: str,
    address: str | None,
    context: dict[str, Any],
) -> Notice:
    return Notice(
        id=notice_id(event.id, audience),
        event_id=event.id,
        ticket_id=event.ticket_id,
        ticket_number=event.ticket.number,
        audience=audience,
        template=template,
        language=language,
        means=means,
        address=address,
        context=context,
    )
