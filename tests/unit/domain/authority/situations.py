"""Everybody who might act on a ticket, and what DECISIONS 34 says of each: told apart here without the judge."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import cast
from uuid import UUID

from schemas.action import ActionModel, RecordEntry
from schemas.command import Action, Actor, Authority, Command
from schemas.ticket import AssistanceRequest, Status, Ticket
from services.domain.policy.authority import AuthorityOverride
from services.domain.policy.pack import Pack
from tests.builders import MORNING, PACKS, TicketScenario, contact

ASSISTING = "assisting_unit"
SERVICES = ("router", "sla_monitor", "hot_issues", "callback", "notifier", "ledger", "policy", "intake", "tests")


@dataclass(frozen=True)
class Attempt:
    """Somebody who asks for an action on a ticket.

    Attributes:
        label: who it is, for the message of a failing test.
        ticket: on which.
        actor: who.
        authority: the key.
        reaches: whether the key and the person reach the ticket at all.

    """

    label: str
    ticket: Ticket
    actor: Actor
    authority: Authority | None = None
    reaches: bool = True

    def command(self, action: ActionModel, pack: Pack) -> Command:
        """Return the command."""
        return Command(
            id=UUID(int=1),
            ticket_id=self.ticket.id,
            at=MORNING,
            actor=self.actor,
            policy=pack.header.name,
            action=cast("Action", action),
            authority=self.authority,
        )


@cache
def tickets(name: str) -> tuple[Ticket, ...]:
    """Return a ticket of a pack in each status, with the centre, with a department and with an owner."""
    return tuple(_tickets(PACKS[name]))


def _tickets(pack: Pack) -> Iterator[Ticket]:
    opened = TicketScenario.opened(contact(policy=pack.header.name), pack=pack).current
    workers = [code for code, unit in pack.units.items() if unit.kind in {"handling", "owner"}]
    assisting = tuple(workers[2:3])
    asked = AssistanceRequest(unit=ASSISTING, at=MORNING, by=workers[-1])
    others = {"assisting": assisting, "assistance_requests": (asked,), "had_by": tuple(workers[3:4])}
    for status in Status:
        if status not in {Status.DISPATCHED, Status.HANDLING}:
            dispatched_at = None if status is Status.ACCEPTED else MORNING
            yield opened.replace(status=status, unit=opened.centre, dispatched_at=dispatched_at, **others)
        if status in {Status.ACCEPTED, Status.ARCHIVED, Status.WITHDRAWN}:
            continue
        for unit in workers[:2]:
            yield opened.replace(
                status=status, unit=unit, dispatched_by=(opened.centre,), dispatched_at=MORNING, **others
            )


def attempts(ticket: Ticket, pack: Pack, level: str | None) -> Iterator[Attempt]:
    """Yield everybody who might ask for something on a ticket."""
    name = pack.header.name
    for unit in (*pack.units, "nowhere"):
        actor = Actor(kind="unit", name="somebody", unit=unit, key="k")
        known = unit in pack.units
        full = Authority(packs=(name,), units=(unit,), channels=(ticket.channel,), roles=("callback",), level=level)
        yield Attempt(f"{unit}, every right", ticket, actor, full, reaches=known)
        yield Attempt(f"{unit}, all units", ticket, actor, full.replace(units=("*",), packs=("*",)), reaches=known)
        yield Attempt(f"{unit}, no role", ticket, actor, full.replace(roles=(), level=None), reaches=known)
        yield Attempt(f"{unit}, other channel", ticket, actor, full.replace(channels=("elsewhere",)), reaches=known)
        yield Attempt(f"{unit}, other pack", ticket, actor, full.replace(packs=("other",)), reaches=False)
        yield Attempt(f"{unit}, key of another unit", ticket, actor, full.replace(units=("other",)), reaches=False)
        yield Attempt(f"{unit}, key without units", ticket, actor, full.replace(units=()), reaches=False)
        yield Attempt(f"{unit}, one action", ticket, actor, full.replace(actions=("nothing",)), reaches=False)
        yield Attempt(f"{unit}, no key", ticket, actor, None, reaches=False)
    everything = Authority(packs=("*",), units=("*",), channels=("*",), roles=("callback",), level=level)
    yield Attempt("no unit", ticket, Actor(kind="agent", name="somebody", key="k"), everything, reaches=False)
    yield Attempt("customer without proof", ticket, Actor(kind="customer", name="customer"))
    yield Attempt("customer without proof, with a key", ticket, Actor(kind="customer", name="customer"), everything)
    yield Attempt("customer by link", ticket, Actor(kind="customer", name="customer", proof="survey_link"))
    yield Attempt("customer on own channel", ticket, Actor(kind="customer", name="customer", proof="own_channel"))
    for service in SERVICES:
        yield Attempt(service, ticket, Actor(kind="service", name=service))
        yield Attempt(f"{service} of a unit", ticket, Actor(kind="service", name=service, unit=ticket.unit), everything)


def above(code: str | None, pack: Pack) -> set[str]:
    """Return the units above a unit."""
    found: set[str] = set()
    unit = pack.units.get(code or "")
    while unit is not None and unit.parent is not None and unit.parent not in found:
        found.add(unit.parent)
        unit = pack.units.get(unit.parent)
    return found


Says = Callable[[Attempt, Pack, ActionModel], bool]


def holder(attempt: Attempt, pack: Pack, _: ActionModel) -> bool:
    """The unit that holds it, or a supervisor above that unit."""
    unit, ticket = attempt.actor.unit or "", attempt.ticket
    return unit == ticket.unit or (
        pack.units[unit].kind in {"supervisor", "leadership"} and unit in above(ticket.unit, pack)
    )


def own(attempt: Attempt, _: Pack, __: ActionModel) -> bool:
    """The unit that holds it, and nobody for it."""
    return attempt.actor.unit == attempt.ticket.unit


def dispatcher(attempt: Attempt, pack: Pack, action: ActionModel) -> bool:
    """A centre, its remote unit or an owner that holds it."""
    return own(attempt, pack, action) and pack.units[attempt.actor.unit or ""].kind in {"centre", "remote", "owner"}


def centre(attempt: Attempt, _: Pack, __: ActionModel) -> bool:
    """The centre in charge."""
    return attempt.actor.unit == attempt.ticket.centre


def accepting(attempt: Attempt, pack: Pack, _: ActionModel) -> bool:
    """A unit of the kind channel whose key is for the channel that took it."""
    assert attempt.authority is not None
    reached = {attempt.ticket.channel, "*"} & set(attempt.authority.channels)
    return pack.units[attempt.actor.unit or ""].kind == "channel" and bool(reached)


def higher(attempt: Attempt, pack: Pack, _: ActionModel) -> bool:
    """A unit above the holder or above the centre."""
    return attempt.actor.unit in above(attempt.ticket.unit, pack) | above(attempt.ticket.centre, pack)


def answering(attempt: Attempt, pack: Pack, action: ActionModel) -> bool:
    """A unit that answers customers, and whose turn it is."""
    if not pack.units[attempt.actor.unit or ""].answers_customer:
        return False
    fresh = attempt.ticket.status is Status.ACCEPTED
    place = own(attempt, pack, action) or centre(attempt, pack, action) or higher(attempt, pack, action)
    return place or (fresh and accepting(attempt, pack, action))


def involved(attempt: Attempt, pack: Pack, _: ActionModel) -> bool:
    """A unit that has or had it, or is above one that does."""
    ticket = attempt.ticket
    had = {ticket.unit, ticket.centre, *ticket.assisting, *ticket.had_by, *ticket.dispatched_by}
    return attempt.actor.unit in had or any(attempt.actor.unit in above(code, pack) for code in had)


def assisting(attempt: Attempt, _: Pack, __: ActionModel) -> bool:
    """A unit that assists."""
    return attempt.actor.unit in attempt.ticket.assisting


def requester(attempt: Attempt, _: Pack, action: ActionModel) -> bool:
    """The unit that asked for the assistance that the action names."""
    named = getattr(action, "unit", None)
    return any(
        request.by == attempt.actor.unit and request.unit == named for request in attempt.ticket.assistance_requests
    )


def callback(attempt: Attempt, _: Pack, __: ActionModel) -> bool:
    """The callback role of the centre."""
    assert attempt.authority is not None
    return attempt.actor.unit == attempt.ticket.centre and "callback" in attempt.authority.roles


def writer(attempt: Attempt, pack: Pack, action: ActionModel) -> bool:
    """Who writes the entry by the pack, else holder and centre."""
    assert isinstance(action, RecordEntry)
    by = next((entry.by for entry in pack.outcome.entries if entry.kind == action.kind), ())
    return attempt.actor.unit in by if by else own(attempt, pack, action) or centre(attempt, pack, action)


def granting(attempt: Attempt, pack: Pack, action: ActionModel) -> bool:
    """Somebody with a level, in a unit that has to do with it."""
    assert attempt.authority is not None
    return attempt.authority.level is not None and involved(attempt, pack, action)


SAYS: Mapping[str, Says] = {
    "holder": holder,
    "own": own,
    "dispatcher": dispatcher,
    "assisting": assisting,
    "requester": requester,
    "centre": centre,
    "accepting": accepting,
    "answering": answering,
    "above": higher,
    "involved": involved,
    "callback": callback,
    "writer": writer,
    "granting": granting,
}


def override(attempt: Attempt, pack: Pack, action: ActionModel) -> AuthorityOverride | None:
    """Return the pack's own rule for an action on a ticket."""
    facts, entry = pack.facts_of(attempt.ticket), getattr(action, "kind", None)
    for rule in pack.authority.rules:
        if action.type in rule.actions and rule.when.holds(facts) and (not rule.entries or entry in rule.entries):
            return rule
    return None
