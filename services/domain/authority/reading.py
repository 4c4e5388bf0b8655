"""Who may read which ticket: by the packs and the units of a key (R5.6, DECISIONS 35). Pure."""

from collections.abc import Iterator

from schemas.command import Authority
from schemas.ticket import Ticket
from services.domain.authority.judge import SUPERVISING
from services.domain.authority.reach import ANY, reaches_pack, takes_channel, units_of
from services.domain.policy.pack import Pack


def may_read(ticket: Ticket, authority: Authority, pack: Pack | None) -> bool:
    """Return whether a key may read a ticket.

    A key reads what one of its units has, had or dispatched, assists with, is in charge of or accepted, what is with a
    unit below it, and what it has to check or approve; with `*` every ticket of its packs, without units none.

    Args:
        ticket: as it stands.
        authority: how far the key reaches.
        pack: that the ticket runs under; None if this process does not know it, so that nobody is above anybody.

    """
    if not reaches_pack(authority, ticket.policy.pack):
        return False
    if ANY in authority.units:
        return True
    units = frozenset(authority.units)
    involved = units_of(ticket)
    if units & involved:
        return True
    return pack is not None and any(
        (
            any(units & pack.above(unit) for unit in involved),
            _accepts(ticket, authority, pack),
            bool(units & overseers(pack)),
            bool(units.intersection(_named_by_rules(ticket, pack))),
        )
    )


def overseers(pack: Pack) -> frozenset[str]:
    """Return the units that read every ticket of a pack: its supervisor, and supervising units that write entries."""
    writers = (unit for rule in pack.entries.values() for unit in rule.by)
    return frozenset((pack.header.supervisor, *(unit for unit in writers if pack.kinds.get(unit) in SUPERVISING)))


def _accepts(ticket: Ticket, authority: Authority, pack: Pack) -> bool:
    of_channel = any(pack.kinds.get(unit) == "channel" for unit in authority.units)
    return of_channel and takes_channel(authority, ticket.channel)


def _named_by_rules(ticket: Ticket, pack: Pack) -> Iterator[str]:
    """Yield the units that the pack lets act on tickets like this one by name, such as an approver."""
    if pack.authority.rules:
        facts = pack.facts_of(ticket)
        for rule in pack.authority.rules:
            if rule.when.holds(facts):
                yield from rule.units
