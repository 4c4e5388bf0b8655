"""Which event tells whom what, and by which means. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
"""Means and address."""
UNIT_LANGUAGE = "zh"
"""Language of the carrier's own units."""

SHORT = 200
PERSON_FIRST = ("sms", "mail")
"""A person is reached on the phone; a unit by mail."""


@dataclass(frozen=True, slots=True)
class SurveyPage:
    """Where customers find the survey page, and what signs its links."""

    url: str
    secret: str

    def link(self, event: TicketEvent) -> str:
        """Return the link of a ticket's customer."""
        invitation = SurveyInvitation(event.ticket_id, event.ticket.run, event.at + VALID_FOR)
        return f"{self.url.rstrip('/')}/s/{make_token(invitation, self.secret)}"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell one reader.

    Attributes:
        id: from event and audience, so the same notice is never there twice.
        ticket_id, ticket_number: of a hot issue: its own id, and what `duban hot list` calls it.
        audience: customer, unit.<code> or person.<code>.
        ways: means and address of each way to reach the reader, in the order in which they are tried.
        quiet: hours in which it is not sent; None: it is sent in any.
        urgency: 1 to 3; 1 goes first.
        until: from when on it is no longer true, in the word of its rule.
        run: of the ticket.
        clock: key of the clock that it is about, as clock/run/limit.
        paper: whether a mail carries it as a PDF too.
        context: what the template needs.

    """

    id: UUID
    event_id: UUID
    ticket_id: UUID
    ticket_number: str
    audience: str
    template: str
    language: str
    ways: tuple[Way, ...]
    quiet: QuietHours | None
    urgency: int
    until: str
    run: int
    clock: str | None
    paper: bool
    context: dict[str, Any]


def notices(event: TicketEvent, pack: Pack, page: SurveyPage | None = None) -> Iterator[Notice]:
    """Return what an event tells, each reader once; what the system before has told is not told again."""
    if "taken_over" in event.details:
        return
    for rule in pack.notices.by_event.get(event.type, ()):
        if rule.to == CUSTOMER:
            if not _silent(event):
                yield _to_customer(event, pack, rule, page)
            continue
        seen: set[str] = set()
        for audience, unit in _readers(event, pack, rule):
            if audience not in seen:
                seen.add(audience)
                yield _to_unit(event, pack, rule, audience, unit)


def of_hot_issue(issue: HotIssue, pack: Pack) -> Iterator[Notice]:
    """Return what a hot issue tells once it has opened; later records of it tell the same under the same ids (R3.7)."""
    if issue.status != "open":
        return
    name = str(issue.id)[:8]
    business = next((each.title for each in pack.types.business if each.code == issue.business_type), None)
    problem = next((each.title for each in pack.types.problem if each.code == issue.problem_type), None)
    context = {
        "number": name,
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
                ticket_number=name,
                audience=audience,
                template=rule.letter,
                language=UNIT_LANGUAGE,
                ways=_unit_ways(unit, rule.means),
                quiet=None,
                urgency=rule.urgency,
                until=rule.until,
                run=0,
                clock=None,
                paper=rule.paper,
                context=context | {"reader": getattr(unit.title, UNIT_LANGUAGE)},
            )


def _silent(event: TicketEvent) -> bool:
    """An answer on the spot and a call were given in person, and a re-handle ticket was not opened by the customer."""
    on_the_spot = event.type == "answered" and bool(event.details.get("on_the_spot"))
    in_person = event.type == "called_back" and event.details.get("means") == "phone"
    return on_the_spot or in_person or (event.type == "accepted" and event.ticket.channel == "callback")


def ways_of(customer: Customer, means: Iterable[str]) -> tuple[Way, ...]:
    """Return the ways to reach a customer, in the order of the rule; those without an address are left out."""
    addresses = {"sms": customer.phone, "mail": customer.email}
    asked = customer.preferred_means
    told = [asked if each == "preferred" else each for each in means]
    found = ((each, addresses.get(each)) for each in told if each is not None)
    return tuple(dict.fromkeys((each, address) for each, address in found if address))


def _to_customer(event: TicketEvent, pack: Pack, rule: NoticeRule, page: SurveyPage | None) -> Notice:
    customer = event.ticket.customer
    context = _context(event, pack, customer.language) | {
        "name": customer.name,
        "link": page.link(event) if page else None,
    }
    hours = QuietHours(pack.notices.quiet_from, pack.notices.quiet_until, pack.header.zone)
    quiet = None if rule.any_hour else hours
    ways = ways_of(customer, rule.means)
    return _notice(event, rule, CUSTOMER, customer.language, ways, quiet, context)


def _readers(event: TicketEvent, pack: Pack, rule: NoticeRule) -> Iterator[tuple[str, Unit]]:
    """Return audience and unit of everybody who is told."""
    wanted: Iterable[str] = event.details.get("notifies") or rule.readers
    own = pack.units.get(str(event.details.get("unit") or event.ticket.unit or pack.header.centre))
    own = own or pack.units[pack.header.centre]
    for reader in wanted:
        if reader == "person":
            yield f"person.{own.code}", own
        elif reader == "centre":
            centre = pack.units.get(event.ticket.centre) or pack.units[pack.header.centre]
            yield f"unit.{centre.code}", centre
        elif reader in pack.units:
            yield f"unit.{reader}", pack.units[reader]
        elif reader == "next_level":
            above = _above(own, pack, int(event.details.get("level") or 0))
            yield f"unit.{above.code}", above
        else:
            yield f"unit.{own.code}", own


def _above(unit: Unit, pack: Pack, level: int) -> Unit:
    """Return the unit that many levels further up than the next one, or the highest there is."""
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
    return tuple((each, address) for each in means if (address := addresses.get(each)))


def _context(event: TicketEvent, pack: Pack, language: str) -> dict[str, Any]:
    ticket, details = event.ticket, event.details
    clocks = {each.name: getattr(each.title, language) for each in pack.limits.clocks}
    units = {code: getattr(unit.title, language) for code, unit in pack.units.items()}
    fired = event.threshold
    return {
        "number": ticket.number,
        "zone": pack.header.zone,
        "at": event.at.isoformat(),
        "promised_at": ticket.promised_at.isoformat() if ticket.promised_at is not None else None,
        "tier": getattr(pack.routing.titles[ticket.classification.tier], language),
        "unit": units.get(str(details.get("unit") or ticket.unit), ""),
        "clock": clocks.get(fired.clock, fired.clock) if fired is not None else None,
        "due_at": _text(details.get("due_at")),
        "level": details.get("level") or 0,
        "reason": details.get("reason"),
        "text": details.get("text"),
        "result": details.get("result"),
        "explanation": details.get("explanation"),
        "committed_until": _text(details.get("committed_until")),
        "reminders": ticket.reminders,
        "about": details.get("about"),
        "addressee": units.get(str(details.get("audience", "")).partition(".")[2]),
        "facts": details.get("facts") or {},
        "subject": ticket.subject[:SHORT],
    }


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _notice(
    event: TicketEvent,
    rule: NoticeRule,
    audience: str,
    language: str,
    ways: tuple[Way, ...],
    quiet: QuietHours | None,
    context: dict[str, Any],
) -> Notice:
    fired = event.threshold
    return Notice(
        id=notice_id(event.id, audience),
        event_id=event.id,
        ticket_id=event.ticket_id,
        ticket_number=event.ticket.number,
        audience=audience,
        template=str(event.details.get("letter") or rule.letter),
        language=language,
        ways=ways,
        quiet=quiet,
        urgency=rule.urgency,
        # What was done before a warning makes it no less true.
        until="stopped" if rule.until == "acted" and event.ticket.acted_in_stage else rule.until,
        run=event.ticket.run,
        clock=f"{fired.clock}/{fired.run}/{fired.limit}" if fired is not None else None,
        paper=rule.paper,
        context=context,
    )
