"""Checks of what a step did to a ticket, besides its clocks: its place, its waits, and what it names."""

from collections.abc import Iterator
from datetime import timedelta

from duban.proving.findings import Finding
from duban.proving.other_acts import OPEN
from duban.proving.steps import Step
from schemas.action import Open, RequestExtension
from schemas.event import TicketEvent
from schemas.ticket import Status, Ticket
from services.domain.policy.clocks import WITH_A_UNIT
from services.domain.policy.pack import Pack
from services.ledger.domain.names import unknown_names


def place(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a ticket that nobody holds, or from which no feedback leads back to its centre."""
    ticket = step.after
    if not ticket.open:
        return
    for unit in (ticket.unit, ticket.centre, *ticket.dispatched_by):
        if unit not in pack.units:
            yield Finding("place", "unit", f"it is with {unit}, which the pack does not have")
    chain, works = ticket.dispatched_by, ticket.status in WITH_A_UNIT
    if works and (not chain or chain[0] != ticket.centre):
        yield Finding("place", "chain", f"it is {ticket.status}, and no feedback leads back to {ticket.centre}")
    if not works and chain:
        yield Finding("place", "chain", f"it is {ticket.status}, and waits for the feedback of a unit")
    if ticket.assisting and not works:
        yield Finding("place", "assisting", f"units assist while it is {ticket.status}")


def wait(step: Step, pack: Pack, waited: timedelta) -> Iterator[Finding]:
    """Look for a wait that goes on without end, that work goes on beside, or for which nobody is to blame."""
    before, longest = step.before, pack.limits.suspension.at_most.length
    for event in step.events:
        yield from _wrong_wait(before, event, longest_reached=waited >= longest)
        before = event.ticket
    refused = step.refusal
    if isinstance(step.act.action, RequestExtension) and refused is not None and refused.code == "too_late":
        rules = pack.limits.by_name
        going = [timer for timer in step.before.clocks if timer.stopped_at is None and timer.name in rules]
        stages = [timer for timer in going if rules[timer.name].extendable]
        if stages and stages[-1].paused_at is not None and not stages[-1].exceeded:
            yield Finding("wait", "too_late", "more time is refused as too late while the clock stands still")


def _wrong_wait(before: Ticket, event: TicketEvent, *, longest_reached: bool) -> Iterator[Finding]:
    ticket = event.ticket
    if event.type == "suspended" and longest_reached:
        yield Finding("wait", "sum", "it waits again after the longest time of waiting in this run")
    goes_on = (ticket.status, ticket.unit) != (before.status, before.unit)
    if before.suspended is not None and ticket.suspended is not None and goes_on:
        yield Finding("wait", "goes_on", f"it still waits although {event.type} has gone on with it")
    if event.type == "reminded_customer" and before.suspended != "customer":
        yield Finding("wait", "reminder", "the customer is reminded although nobody waits for the customer")


def names(step: Step, pack: Pack) -> Iterator[Finding]:
    """Look for a classification that names what the pack does not have, on the ticket or on one that it opens."""
    if not step.events:
        return
    opened = [command.action for command in step.commands if isinstance(command.action, Open)]
    for classification in (step.after.classification, *(action.classification for action in opened)):
        unknown = unknown_names(classification, pack)
        if unknown:
            yield Finding("names", step.act.action.type, f"it names {', '.join(unknown)}, which the pack does not have")


def merge(step: Step, _: Pack) -> Iterator[Finding]:
    """Look for a merge into a ticket that is not open, or not of the same customer and pack."""
    into = step.after.merged_into
    if into is not None and step.before.merged_into is None and into != OPEN:
        yield Finding("merge", "merge", "it is merged into a ticket that is not there, not open or another customer's")


def over(step: Step, _: Pack) -> Iterator[Finding]:
    """Look for a change of an archived ticket."""
    if step.before.status is Status.ARCHIVED and step.events:
        yield Finding("over", step.act.action.type, f"{step.act.action.type} changes an archived ticket")
