"""Plans the notices of an event: who gets which letter by which delivery channel. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from schemas.contact import Customer
from schemas.event import TicketEvent
from schemas.hot_issue import HotIssue
from services.domain.ids import notice_id
from services.domain.policy.notices import CUSTOMER, HOT_ISSUE_OPENED, NoticeRule
from services.domain.policy.pack import Pack
from services.domain.policy.units import Unit
from services.domain.survey_link import VALID_FOR, SurveyInvitation, make_token
from services.notifier.domain.quiet_hours import QuietHours

Way = tuple[str, str]
"""Delivery channel and address."""
UNIT_LANGUAGE = "zh"
"""Language of letters to units."""
LONGEST_SUBJECT = 200
"""Characters of a ticket's subject in a letter."""
PERSON_FIRST = ("sms", "mail")
"""Delivery channels of a person in a unit, who is reached by phone first; a unit itself is reached by mail first."""


@dataclass(frozen=True, slots=True)
class SurveyPage:
    """The survey page of intake: builds the signed links that lead a ticket's customer there.

    Attributes:
        url: public address of intake.
        secret: key that signs the links.

    """

    url: str
    secret: str

    def link(self, event: TicketEvent) -> str:
        """Return the link for the customer of an event's ticket."""
        invitation = SurveyInvitation(event.ticket_id, event.ticket.run, event.at + VALID_FOR)
        return f"{self.url.rstrip('/')}/s/{make_token(invitation, self.secret)}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One message about one event to one recipient.

    Attributes:
        id: derived from event and audience, so a repeated event makes no second notice.
        ticket_id, ticket_number: for a hot issue its own id, and its short id as in `duban hot list`.
        audience: customer, unit.<code> or person.<code>.
        ways: delivery channels with their addresses, in the order in which they are tried.
        quiet_hours: hours in which it is not sent; None: it is sent at any hour.
        urgency: 1 to 3; 1 goes first.
        until: condition of its rule after which it is no longer true.
        run: run of the ticket.
        clock: key of the SLA timer that it is about, as clock/run/limit.
        attach_pdf: whether a mail carries it as a PDF too.
        context: variables of the template.

    """

    id: UUID
    event_id: UUID
    ticket_id: UUID
    ticket_number: str
    audience: str
    template: str
    language: str
    ways: tuple[Way, ...]
    quiet_hours: QuietHours | None
    urgency: int
    until: str
    run: int
    clock: str | None
    attach_pdf: bool
    context: dict[str, Any]


def plan_notices(event: TicketEvent, pack: Pack, page: SurveyPage | None = None) -> Iterator[Notice]:
    """Return the notices of an event, one per recipient; none for a ticket taken over from another system."""
    if "taken_over" in event.details:
        return
    for rule in pack.notices.by_event.get(event.type, ()):
        if rule.to == CUSTOMER:
            if not _is_already_known(event) and not _is_anonymous(event.ticket.customer):
                yield _to_customer(event, pack, rule, page)
            continue
        seen: set[str] = set()
        for audience, unit in _readers(event, pack, rule):
            if audience not in seen:
                seen.add(audience)
                yield _to_unit(event, pack, rule, audience, unit)


def plan_hot_issue_notices(issue: HotIssue, pack: Pack) -> Iterator[Notice]:
    """Return the notices of a hot issue that has opened; later records of it make the same ids again (R3.7)."""
    if issue.status != "open":
        return
    short_id = str(issue.id)[:8]
    business = next((type_.title for type_ in pack.types.business if type_.code == issue.business_type), None)
    problem = next((type_.title for type_ in pack.types.problem if type_.code == issue.problem_type), None)
    context = {
        "number": short_id,
        "zone": pack.header.zone,
        "at": issue.opened_at.isoformat(),
        "business": getattr(business, UNIT_LANGUAGE, issue.business_type),
        "problem": getattr(problem, UNIT_LANGUAGE, issue.problem_type),
        "region": issue.region,
        "recent": issue.recent,
        "usual": issue.usual,
    }
    for rule in pack.notices.by_event.get(HOT_ISSUE_OPENED, ()):
        for reader in rule.readers:
            unit = pack.units.get(reader) or pack.units[pack.header.centre]
            audience = f"unit.{unit.code}"
            yield Notice(
                id=notice_id(issue.id, audience),
                event_id=issue.id,
                ticket_id=issue.id,
                ticket_number=short_id,
                audience=audience,
                template=rule.letter,
                language=UNIT_LANGUAGE,
                ways=_unit_ways(unit, rule.means),
                quiet_hours=None,
                urgency=rule.urgency,
                until=rule.until,
                run=0,
                clock=None,
                attach_pdf=rule.paper,
                context=context | {"reader": getattr(unit.title, UNIT_LANGUAGE)},
            )


def _is_already_known(event: TicketEvent) -> bool:
    """Whether the customer knows already, by an answer on the spot or a call, or never asked, as for a re-handle."""
    on_the_spot = event.type == "answered" and bool(event.details.get("on_the_spot"))
    in_person = event.type == "called_back" and event.details.get("means") == "phone"
    return on_the_spot or in_person or (event.type == "accepted" and event.ticket.channel == "callback")


def _is_anonymous(customer: Customer) -> bool:
    """Whether nothing says who the customer is: no letter can ever reach one, whoever were to look for an address."""
    return customer.number is None and not customer.reachable


def customer_ways(customer: Customer, means: Iterable[str]) -> tuple[Way, ...]:
    """Return the delivery channels for which a customer has an address, in the order of the rule."""
    addresses = {"sms": customer.phone, "mail": customer.email}
    channels = [customer.preferred_means if name == "preferred" else name for name in means]
    found = ((name, addresses.get(name)) for name in channels if name is not None)
    return tuple(dict.fromkeys((name, address) for name, address in found if address))


def _to_customer(event: TicketEvent, pack: Pack, rule: NoticeRule, page: SurveyPage | None) -> Notice:
    customer = event.ticket.known_customer
    context = _context(event, pack, customer.language) | {
        "name": customer.name,
        "link": page.link(event) if page else None,
    }
    hours = QuietHours(pack.notices.quiet_from, pack.notices.quiet_until, pack.header.zone)
    ways = customer_ways(customer, rule.means)
    return _notice(event, rule, CUSTOMER, customer.language, ways, None if rule.any_hour else hours, context)


def _readers(event: TicketEvent, pack: Pack, rule: NoticeRule) -> Iterator[tuple[str, Unit]]:
    """Return audience and unit of each recipient of a rule for units."""
    readers: Iterable[str] = event.details.get("notifies") or rule.readers
    own = pack.units.get(str(event.details.get("unit") or event.ticket.unit or pack.header.centre))
    own = own or pack.units[pack.header.centre]
    for reader in readers:
        if reader == "person":
            yield f"person.{own.code}", own
        elif reader == "holder":
            holder = pack.units.get(event.ticket.unit or "", own)
            yield f"unit.{holder.code}", holder
        elif reader == "centre":
            centre = pack.units.get(event.ticket.centre) or pack.units[pack.header.centre]
            yield f"unit.{centre.code}", centre
        elif reader in pack.units:
            yield f"unit.{reader}", pack.units[reader]
        elif reader == "next_level":
            superior = _superior(own, pack, int(event.details.get("level") or 0))
            yield f"unit.{superior.code}", superior
        else:
            yield f"unit.{own.code}", own


def _superior(unit: Unit, pack: Pack, level: int) -> Unit:
    """Return the parent unit, or the unit `level` levels above the parent; the highest one if there are fewer."""
    for _ in range(level + 1):
        if unit.parent is None:
            return unit
        unit = pack.units[unit.parent]
    return unit


def _to_unit(event: TicketEvent, pack: Pack, rule: NoticeRule, audience: str, unit: Unit) -> Notice:
    ways = _unit_ways(unit, PERSON_FIRST if audience.startswith("person.") else rule.means)
    context = _context(event, pack, UNIT_LANGUAGE) | {"reader": getattr(unit.title, UNIT_LANGUAGE)}
    return _notice(event, rule, audience, UNIT_LANGUAGE, ways, None, context)


def _unit_ways(unit: Unit, means: Iterable[str]) -> tuple[Way, ...]:
    addresses = {"sms": unit.phone, "mail": unit.email}
    return tuple((name, address) for name in means if (address := addresses.get(name)))


def _context(event: TicketEvent, pack: Pack, language: str) -> dict[str, Any]:
    ticket, details = event.ticket, event.details
    timers = {rule.name: getattr(rule.title, language) for rule in pack.limits.clocks}
    units = {code: getattr(unit.title, language) for code, unit in pack.units.items()}
    threshold = event.threshold
    return {
        "number": ticket.number,
        "zone": pack.header.zone,
        "at": event.at.isoformat(),
        "promised_at": ticket.promised_at.isoformat() if ticket.promised_at is not None else None,
        "tier": getattr(pack.routing.titles[ticket.classification.tier], language),
        "unit": units.get(str(details.get("unit") or ticket.unit), ""),
        "clock": timers.get(threshold.clock, threshold.clock) if threshold is not None else None,
        "due_at": _text(details.get("due_at") or _assistance_due(event)),
        "level": details.get("level") or 0,
        "reason": details.get("reason"),
        "text": details.get("text"),
        "demand": details.get("demand"),
        "cause": details.get("cause"),
        "result": details.get("result"),
        "explanation": details.get("explanation"),
        "committed_until": _text(details.get("committed_until")),
        "reminders": ticket.reminders,
        "about": details.get("about"),
        "addressee": units.get(str(details.get("audience", "")).partition(".")[2]),
        "facts": details.get("facts") or {},
        "subject": ticket.subject[:LONGEST_SUBJECT],
    }


def _assistance_due(event: TicketEvent) -> datetime | None:
    """Return by when a unit that was just asked to assist has to feed back; None where the pack sets no limit."""
    if event.type != "assistance_requested":
        return None
    unit = event.details.get("unit")
    ends = (timer.due_at for timer in event.clocks if timer.unit == unit and timer.stopped_at is None)
    return min(ends, default=None)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _notice(
    event: TicketEvent,
    rule: NoticeRule,
    audience: str,
    language: str,
    ways: tuple[Way, ...],
    quiet_hours: QuietHours | None,
    context: dict[str, Any],
) -> Notice:
    threshold = event.threshold
    assists = threshold is not None and threshold.unit is not None
    return Notice(
        id=notice_id(event.id, audience),
        event_id=event.id,
        ticket_id=event.ticket_id,
        ticket_number=event.ticket.number,
        audience=audience,
        template=str(event.details.get("letter") or rule.letter),
        language=language,
        ways=ways,
        quiet_hours=quiet_hours,
        urgency=rule.urgency,
        # An action taken before the warning does not make it obsolete, nor does any for a unit that only assists.
        until="stopped" if rule.until == "acted" and (event.ticket.acted_in_stage or assists) else rule.until,
        run=event.ticket.run,
        clock=f"{threshold.clock}/{threshold.run}/{threshold.limit}" if threshold is not None else None,
        attach_pdf=rule.paper,
        context=context,
    )
