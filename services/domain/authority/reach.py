"""How far a key reaches, and which units a ticket concerns: asked by whoever judges and whoever reads. Pure."""

from collections.abc import Collection

from schemas.command import Authority
from schemas.ticket import Ticket

ANY = "*"
"""In an authority: every pack, unit or channel."""


def covers(granted: Collection[str], name: str) -> bool:
    """Return whether what a key is for (packs, units or channels) includes a name."""
    return name in granted or ANY in granted


def reaches_pack(authority: Authority, pack: str) -> bool:
    """Return whether a key is for tickets of a pack."""
    return covers(authority.packs, pack)


def takes_channel(authority: Authority, channel: str) -> bool:
    """Return whether a key is for what comes by a channel."""
    return covers(authority.channels, channel)


def units_of(ticket: Ticket) -> frozenset[str]:
    """Return the units that have or had a ticket, dispatched it, assist with it, or are in charge of it."""
    had = {ticket.unit, ticket.centre, ticket.handled_by, *ticket.dispatched_by, *ticket.assisting, *ticket.had_by}
    return frozenset(unit for unit in had if unit is not None)
