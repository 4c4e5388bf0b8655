"""What somebody may do to a ticket as it stands: by the table of who may what, the pack, and the ticket's status."""

from collections.abc import Iterator
from typing import Any

import msgspec

from duban.rehearsal_input import check_names
from duban.simulated_actor import unit_actor
from duban.step_actor import SERVICE_PREFIX, SERVICES
from schemas.action import ActionModel, RecordEntry, ReleaseAssistance
from schemas.command import MODELS, Actor, Command
from schemas.ticket import Ticket
from services.domain.authority.judge import MISSING, judge
from services.domain.ids import command_id
from services.domain.policy.authority import Party
from services.domain.policy.pack import Pack
from services.ledger.domain.lifecycle import transition

WITH_EVIDENCE = " with evidence"
"""Added to what somebody may only pass on as the customer's word."""


def rights_of(who: str, ticket: Ticket, pack: Pack) -> list[str]:
    """Return the names of the actions that somebody may take on a ticket now, sorted; a record entry with its kind.

    Args:
        who: a unit of the pack, with a key for every channel and the role to call back; `customer`, or one of our
            services, as in `service.router`.
        ticket: as it stands.
        pack: the rules.

    Raises:
        RehearsalError: there is no such unit or service; says what there is.

    """
    check_names([who], everybody(pack), "unit or service")
    return sorted(
        name + how for name, action in _actions(ticket, pack) if (how := _how(who, action, ticket, pack)) is not None
    )


def holders_of(name: str, ticket: Ticket, pack: Pack) -> list[str]:
    """Return who may take an action on a ticket now, of all units, our services and the customer; sorted.

    Args:
        name: of the action, as `rights_of` returns it.
        ticket: as it stands.
        pack: the rules.

    Raises:
        RehearsalError: there is no such action; says what there is.

    """
    actions = dict(_actions(ticket, pack))
    check_names([name], actions, "action")
    found = ((who, _how(who, actions[name], ticket, pack)) for who in everybody(pack))
    return sorted(who + how for who, how in found if how is not None)


def everybody(pack: Pack) -> tuple[str, ...]:
    """Return who can be asked about: units, the customer, and our services."""
    return (*pack.units, str(Party.CUSTOMER), *SERVICES)


def _how(who: str, action: ActionModel, ticket: Ticket, pack: Pack) -> str | None:
    """Return how somebody may take an action: "", or with evidence; None if not at all."""
    if ticket.status not in transition(action).allowed:
        return None
    actor, authority = Actor(kind="customer", name="customer", proof="own_channel"), None
    if who.startswith(SERVICE_PREFIX):
        actor = Actor(kind="service", name=who.removeprefix(SERVICE_PREFIX))
    elif who in pack.units:
        actor, authority = unit_actor(pack.header.name, who, None, None)
    command: Any = Command(
        id=command_id(ticket.id, "simulation", "right"),
        ticket_id=ticket.id,
        at=ticket.updated_at,
        actor=actor,
        action=action,  # type: ignore[arg-type]
        authority=authority,
    )
    verdict = judge(ticket, command, pack)
    return WITH_EVIDENCE * (verdict.code == MISSING) if verdict.code in {None, MISSING} else None


def _actions(ticket: Ticket, pack: Pack) -> Iterator[tuple[str, ActionModel]]:
    """Yield every action with its name: whoever judges who may looks only at the type, and at what is given here."""
    for name, model in MODELS.items():
        required: dict[str, Any] = {field.name: None for field in msgspec.structs.fields(model) if field.required}
        if model is RecordEntry:
            yield from ((f"{name} {kind}", model(**required | {"kind": kind})) for kind in pack.entries)
        elif model is ReleaseAssistance and ticket.assistance_requests:
            yield name, model(**required | {"unit": ticket.assistance_requests[0].unit})
        else:
            yield name, model(**required)
