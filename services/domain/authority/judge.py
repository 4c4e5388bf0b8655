"""Judges whether somebody may take an action on a ticket, by the table and the pack (DECISIONS 34). Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from schemas.action import RecordEntry
from schemas.command import Action, Authority, Command
from schemas.ticket import Status, Ticket
from services.domain.authority.reach import covers, reaches_pack, takes_channel, units_of
from services.domain.authority.table import GRANTS, Grant
from services.domain.policy.authority import AuthorityOverride, Party
from services.domain.policy.pack import Pack
from services.domain.policy.units import UnitKind

CALLBACK_ROLE = "callback"
DISPATCHING: frozenset[UnitKind] = frozenset({"centre", "remote", "owner"})
SUPERVISING: frozenset[UnitKind] = frozenset({"supervisor", "leadership"})
NOT_ALLOWED = "not_allowed"
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a command is allowed.

    Attributes:
        code: why not; None when it is allowed.
        message: who may, and what to do.
        missing: what is missing from the command.
        acts_for: the unit below for which a supervising unit acts, to be recorded.

    """

    code: str | None = None
    message: str = ""
    missing: tuple[str, ...] = ()
    acts_for: str | None = None


ALLOWED = Verdict()


def judge(ticket: Ticket | None, command: Command, pack: Pack) -> Verdict:
    """Judge a command by who issues it; its kind and its ticket's status are checked elsewhere.

    Args:
        ticket: as it stands; None if there is none yet.
        command: with its actor and authority as the door has stamped them.
        pack: that the ticket runs under.

    """
    grant, actor = GRANTS[type(command.action)], command.actor
    rule = _override(ticket, command.action, pack) if ticket is not None else None
    if actor.kind == "service":
        allowed = actor.name in grant.services
    elif ticket is None:
        # That there is no such ticket is reported by whoever looks for it.
        allowed = bool(grant.who)
    elif actor.kind == "customer":
        allowed = actor.proof is not None and Party.CUSTOMER in (grant.who if rule is None else rule.who)
    else:
        return _judge_person(ticket, command, pack, grant, rule)
    return ALLOWED if allowed else _refused(command, grant, rule, pack)


def _judge_person(
    ticket: Ticket, command: Command, pack: Pack, grant: Grant, rule: AuthorityOverride | None
) -> Verdict:
    beyond = next(_beyond_key(ticket, command, pack), None)
    if beyond is not None:
        return Verdict(NOT_ALLOWED, beyond)
    verdict = _as_party(ticket, command, pack, grant.who if rule is None else rule.who, rule)
    if verdict is None:
        return _refused(command, grant, rule, pack, ticket)
    if grant.evidence and getattr(command.action, "evidence", None) is None:
        return Verdict(
            MISSING, "name the contact or the recording in which the customer says so: `evidence`", ("evidence",)
        )
    return verdict


def _override(ticket: Ticket, action: Action, pack: Pack) -> AuthorityOverride | None:
    rules = pack.authority.by_action.get(action.type)
    if rules is None:
        return None
    facts, entry = pack.facts_of(ticket), action.kind if isinstance(action, RecordEntry) else None
    return next(
        (rule for rule in rules if (not rule.entries or entry in rule.entries) and rule.when.holds(facts)), None
    )


def _beyond_key(ticket: Ticket, command: Command, pack: Pack) -> Iterator[str]:
    """Yield why the key or the person does not reach as far as this ticket."""
    authority, actor = command.authority, command.actor
    unit = actor.unit
    if authority is None:
        yield "no key stands behind this command: send it through a door, with a key that has units"
        return
    if not reaches_pack(authority, ticket.policy.pack):
        yield f"the key is for {', '.join(authority.packs)}, not for tickets of {ticket.policy.pack}"
    if authority.actions and command.action.type not in authority.actions:
        yield f"the key may only {', '.join(authority.actions)}: ask for one that may {command.action.type}"
    if unit is None:
        yield f"name the unit that acts in `actor.unit`: the key is for {', '.join(authority.units) or 'no unit'}"
        return
    if not covers(authority.units, unit):
        yield f"the key acts for {', '.join(authority.units) or 'no unit'}, not for {unit}"
    if unit not in pack.units:
        yield f"the pack {pack.header.name} has no unit {unit}: choose one of {', '.join(pack.units)}"
    person = pack.persons.get(actor.name)
    if person is not None and unit not in person.units:
        yield f"{actor.name} belongs to {', '.join(person.units)}, not to {unit}"


def _as_party(
    ticket: Ticket, command: Command, pack: Pack, who: tuple[Party, ...], rule: AuthorityOverride | None
) -> Verdict | None:
    unit = command.actor.unit
    assert unit is not None
    if rule is not None and (unit in rule.units or command.actor.name in rule.persons):
        return ALLOWED
    for party in who:
        if PARTIES[party](ticket, command, pack):
            return ALLOWED
    if Party.HOLDER in who and pack.kinds[unit] in SUPERVISING and unit in pack.above(ticket.unit):
        return Verdict(acts_for=ticket.unit)
    return None


def roles_of(command: Command, pack: Pack) -> frozenset[str]:
    """Return the roles that count: those of the key, and of the person whom the pack names."""
    person = pack.persons.get(command.actor.name)
    own = person.roles if person is not None else ()
    return frozenset((*own, *(command.authority.roles if command.authority is not None else ())))


def level_of(command: Command, pack: Pack) -> str | None:
    """Return the level of authority to compensate: the person's own by the pack, else that of the key (R3.6)."""
    person = pack.persons.get(command.actor.name)
    if person is not None:
        return person.level
    return command.authority.level if command.authority is not None else None


def _is_holder(ticket: Ticket, command: Command, _: Pack) -> bool:
    return command.actor.unit == ticket.unit


def _dispatches(ticket: Ticket, command: Command, pack: Pack) -> bool:
    return command.actor.unit == ticket.unit and ticket.unit is not None and pack.kinds[ticket.unit] in DISPATCHING


def _assists(ticket: Ticket, command: Command, _: Pack) -> bool:
    return command.actor.unit in ticket.assisting


def _asked_for_it(ticket: Ticket, command: Command, _: Pack) -> bool:
    unit = getattr(command.action, "unit", None)
    return any((request.unit, request.by) == (unit, command.actor.unit) for request in ticket.assistance_requests)


def _is_centre(ticket: Ticket, command: Command, _: Pack) -> bool:
    return command.actor.unit == ticket.centre


def _accepted_it(ticket: Ticket, command: Command, pack: Pack) -> bool:
    authority: Authority | None = command.authority
    return (
        authority is not None
        and pack.kinds[command.actor.unit or ""] == "channel"
        and takes_channel(authority, ticket.channel)
    )


def _answers(ticket: Ticket, command: Command, pack: Pack) -> bool:
    unit = command.actor.unit or ""
    if not pack.units[unit].answers_customer:
        return False
    if unit in {ticket.unit, ticket.centre} or _is_above(ticket, command, pack):
        return True
    untouched = ticket.status is Status.ACCEPTED and ticket.run == 1 and ticket.dispatched_at is None
    return untouched and _accepted_it(ticket, command, pack)


def _is_above(ticket: Ticket, command: Command, pack: Pack) -> bool:
    return command.actor.unit in pack.above(ticket.unit) or command.actor.unit in pack.above(ticket.centre)


def _is_involved(ticket: Ticket, command: Command, pack: Pack) -> bool:
    unit = command.actor.unit
    involved = units_of(ticket)
    return unit in involved or any(unit in pack.above(other) for other in involved)


def _calls_back(ticket: Ticket, command: Command, pack: Pack) -> bool:
    return command.actor.unit == ticket.centre and CALLBACK_ROLE in roles_of(command, pack)


def _writes(ticket: Ticket, command: Command, pack: Pack) -> bool:
    action = command.action
    rule = pack.entries.get(action.kind) if isinstance(action, RecordEntry) else None
    if rule is None or not rule.by:
        return _is_holder(ticket, command, pack) or _is_centre(ticket, command, pack)
    return command.actor.unit in rule.by


def _grants(ticket: Ticket, command: Command, pack: Pack) -> bool:
    return level_of(command, pack) is not None and _is_involved(ticket, command, pack)


PARTIES: Mapping[Party, Callable[[Ticket, Command, Pack], bool]] = {
    Party.HOLDER: _is_holder,
    Party.DISPATCHER: _dispatches,
    Party.ASSISTING: _assists,
    Party.REQUESTER: _asked_for_it,
    Party.CENTRE: _is_centre,
    Party.ACCEPTING: _accepted_it,
    Party.ANSWERING: _answers,
    Party.ABOVE: _is_above,
    Party.INVOLVED: _is_involved,
    Party.CALLBACK: _calls_back,
    Party.WRITER: _writes,
    Party.GRANTING: _grants,
    Party.CUSTOMER: lambda _, command, __: command.actor.kind == "customer" and command.actor.proof is not None,
}
"""What each party is, asked of a command that the key and the person reach."""


def _refused(
    command: Command, grant: Grant, rule: AuthorityOverride | None, pack: Pack, ticket: Ticket | None = None
) -> Verdict:
    action, actor = command.action.type, command.actor
    names = list(_who_may(command, grant, rule, pack, ticket))
    asking = actor.unit or actor.name if actor.kind != "customer" else "a customer without proof"
    if actor.kind == "customer" and actor.proof is not None:
        asking = "the customer"
    return Verdict(NOT_ALLOWED, f"{action} is not for {asking}; it is for {', '.join(names)}")


def _who_may(
    command: Command, grant: Grant, rule: AuthorityOverride | None, pack: Pack, ticket: Ticket | None
) -> Iterator[str]:
    """Yield who may take an action, each with the unit that it is on this ticket."""
    if rule is not None:
        yield from (*rule.units, *rule.persons)
    for party in grant.who if rule is None else rule.who:
        if party is Party.WRITER and isinstance(command.action, RecordEntry):
            entry = pack.entries.get(command.action.kind)
            yield from entry.by if entry is not None and entry.by else ("holder", "centre")
        elif ticket is not None and party in {Party.HOLDER, Party.DISPATCHER}:
            yield f"{party} ({ticket.unit})"
        elif ticket is not None and party is Party.CENTRE:
            yield f"{party} ({ticket.centre})"
        else:
            yield str(party)
    yield from (f"the service {name}" for name in grant.services)
