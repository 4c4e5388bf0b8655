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
    check_names([who], (*pack.units, str(Party.CUSTOMER), *SERVICES), "unit or service")
    actor, authority = Actor(kind="customer", name="customer", proof="own_channel"), None
    if who.startswith(SERVICE_PREFIX):
        actor = Actor(kind="service", name=who.removeprefix(SERVICE_PREFIX))
    elif who in pack.units:
        actor, authority = unit_actor(pack.header.name, who, None, None)
    found: list[str] = []
    for name, action in _actions(ticket, pack):
        if ticket.status not in transition(action).allowed:
            continue
        command: Any = Command(
            id=command_id(ticket.id, "simulation", "right"),
            ticket_id=ticket.id,
            at=ticket.updated_at,
            actor=actor,
            action=action,  # type: ignore[arg-type]
            authority=authority,
        )
        verdict = judge(ticket, command, pack)
        if verdict.code in {None, MISSING}:
            found.append(name + WITH_EVIDENCE * (verdict.code == MISSING))
    return sorted(found)


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
