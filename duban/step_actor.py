"""Who acts in a step of a day: a unit, or whoever has a role at that moment; by a key that may be narrower (`key`).

A step names a `unit`, and if it matters a `person`; or by `as` a role of the table of who may what, such as `holder`,
which is looked up on the ticket as it stands, or one of our own services, as in `service.callback`. Without either the
customer acts, or the service whose action it is.

A step has a key for its unit, for every channel, with the role to call customers back. `key` says how the sender's key
differs from that, in the words of `duban sender add`. It is checked as the door checks it, before the ledger judges.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import RehearsalError, check_actor, check_names, table
from duban.simulated_actor import KEY, simulated_actor, unit_actor
from schemas.command import Action, Actor, Authority, Command
from schemas.ticket import Ticket
from services.domain.authority.judge import PARTIES
from services.domain.authority.reach import ANY
from services.domain.authority.table import GRANTS
from services.domain.channels import CHANNELS
from services.domain.ids import command_id
from services.domain.policy.authority import PARTY_MEANINGS, Party
from services.domain.policy.pack import Pack
from services.intake import actors
from services.intake.sender_rights import people_actions
from services.intake.senders import PORTAL_ROLE, ROLES, Sender
from services.shared.runtime.errors import Problem

WHO_KEYS = ("as", "unit", "person", "level", "key")
"""Keys of a step that say who acts."""
KEY_LISTS = ("packs", "units", "channels", "roles", "may", "persons")
"""What a key says in lists of names; besides it has a `level`."""
SERVICE_PREFIX = "service."
SERVICES = tuple(sorted({SERVICE_PREFIX + name for grant in GRANTS.values() for name in grant.services}))
ROLE_NAMES = (*map(str, Party), *SERVICES)
"""What `as` may name."""


@dataclass(frozen=True, slots=True)
class StepActor:
    """Who acts in a step.

    Attributes:
        actor: as the door stamps it.
        authority: of the key; None for services and customers.
        refusal: why the door does not let it through; None if it does.

    """

    actor: Actor
    authority: Authority | None
    refusal: Problem | None = None


def actor_of(step: Mapping[str, Any], action: Action, simulation: PolicySimulation) -> StepActor:
    """Return who acts in a step, on the ticket that the simulation looks at.

    Args:
        step: with keys of `WHO_KEYS`.
        action: what is done.
        simulation: as it stands before the step.

    Raises:
        RehearsalError: a role, unit, level or bound of the key is unknown, or nobody has the role; says what there is.

    """
    pack, ticket = simulation.pack, simulation.subject.ticket
    unit, level = step.get("unit"), step.get("level")
    person = str(step["person"]) if step.get("person") is not None else None
    bounds = table(step.get("key", {}), "key")
    if "level" in bounds and level is not None:
        raise RehearsalError("level: it stands in `key` as well: write it once")
    level = bounds.get("level", level)
    check_actor(pack, unit, level)
    actor, authority = simulated_actor(action, pack.header.name, unit, person, level)
    if "as" in step:
        if unit is not None:
            raise RehearsalError("as: write either `as` with a role, or `unit`")
        actor, authority = _with_role(str(step["as"]), person, level, action, ticket, pack)
    return StepActor(actor, authority) if "key" not in step else _by_key(actor, authority, bounds, ticket, pack)


def _with_role(
    role: str, person: str | None, level: str | None, action: Action, ticket: Ticket, pack: Pack
) -> tuple[Actor, Authority | None]:
    check_names([role], ROLE_NAMES, "role")
    if role.startswith(SERVICE_PREFIX):
        return Actor(kind="service", name=role.removeprefix(SERVICE_PREFIX)), None
    if role == Party.CUSTOMER:
        return Actor(kind="customer", name="customer", proof="own_channel"), None
    candidates = list(_candidates(person, level, action, ticket, pack))
    for command in candidates:
        if PARTIES[Party(role)](ticket, command, pack):
            return command.actor, command.authority
    there_are = [party for party in PARTIES if any(PARTIES[party](ticket, each, pack) for each in candidates)]
    raise RehearsalError(
        f"as: nobody is {role} of this ticket now ({PARTY_MEANINGS[Party(role)]}): there are "
        f"{', '.join((*there_are, Party.CUSTOMER))}"
    )


def _candidates(person: str | None, level: str | None, action: Action, ticket: Ticket, pack: Pack) -> Iterator[Command]:
    """Yield the action by everybody who could take it: units first, nearest to the ticket first, then persons."""
    units = list(dict.fromkeys((*_near(ticket, pack), *pack.units)))
    alone = [(unit, person) for unit in units]
    named = [(unit, name) for unit in units for name, each in pack.persons.items() if unit in each.units]
    for unit, name in alone if person is not None else [*alone, *named]:
        actor, authority = unit_actor(pack.header.name, unit, name, level)
        yield Command(
            id=command_id(ticket.id, "simulation", "candidate"),
            ticket_id=ticket.id,
            at=ticket.updated_at,
            actor=actor,
            action=action,
            authority=authority,
        )


def _near(ticket: Ticket, pack: Pack) -> Iterator[str]:
    """Yield the holder, the centre, and then what is above each of them, from below."""
    starts = [unit for code in (ticket.unit, ticket.centre) if (unit := pack.units.get(code or "")) is not None]
    yield from (unit.code for unit in starts)
    for start in starts:
        unit = pack.units.get(start.parent or "")
        while unit is not None:
            yield unit.code
            unit = pack.units.get(unit.parent or "")


def _by_key(
    actor: Actor, authority: Authority | None, bounds: Mapping[str, Any], ticket: Ticket, pack: Pack
) -> StepActor:
    """Return the actor with a key of its own; the door's answer where it does not let such a command through."""
    if actor.kind == "service":
        raise RehearsalError("key: our own services need none: leave it out, or say who acts by `unit` or `as`")
    sender = _sender(bounds, authority, ticket, pack)
    request: dict[str, Any] = {"actor": {"kind": actor.kind, "name": actor.name, "unit": actor.unit}}
    if actor.kind == "customer":
        own = {name: getattr(ticket.customer, name) for name in actors.CUSTOMER_FIELDS}
        request = {"actor": {"kind": actor.kind}, "customer": own}
    try:
        identified = actors.identify(request, sender)
        if identified.claim is not None:
            actors.require_own_customer(identified.claim, ticket, sender)
    except Problem as problem:
        return StepActor(actor, authority, problem)
    return StepActor(identified.actor, sender.authority if identified.claim is None else None)


def _sender(bounds: Mapping[str, Any], authority: Authority | None, ticket: Ticket, pack: Pack) -> Sender:
    check_names(bounds, (*KEY_LISTS, "level"), "bound of a key")
    known: dict[str, tuple[str, ...]] = {
        "units": (*pack.units, ANY),
        "channels": (*sorted({*CHANNELS, *pack.routing.channels}), ANY),
        "roles": ROLES,
        "may": people_actions(),
    }
    lists: dict[str, tuple[str, ...]] = {}
    for name in bounds.keys() & set(KEY_LISTS):
        given = bounds[name]
        if not isinstance(given, list) or not all(isinstance(each, str) and each for each in given):
            raise RehearsalError(f"key.{name}: write a list of names, not {given!r}"[:300])
        if name in known:
            check_names(given, known[name], f"name in key.{name}")
        lists[name] = tuple(given)
    if authority is None:
        usual = Sender(KEY, (pack.header.name,), (ticket.channel,), ("commands",), roles=(PORTAL_ROLE,))
    else:
        usual = Sender(KEY, authority.packs, authority.channels, ("commands",), authority.units, authority.roles)
    return Sender(
        KEY,
        lists.get("packs", usual.packs),
        lists.get("channels", usual.channels),
        usual.actions,
        lists.get("units", usual.units),
        lists.get("roles", usual.roles),
        lists.get("may", ()),
        authority.level if authority is not None else None,
        lists.get("persons", ()),
    )
