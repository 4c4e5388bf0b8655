"""Whether what a command names is there: units, tiers, kinds, types and other codes of the pack. Pure.

A command of a person that names something unknown is refused, with what there is. A command that carries a contact is
never refused (DESIGN 2): what a change of the policy has taken away there is classified anew by the pack.
"""

from collections.abc import Collection, Iterable
from typing import Any, get_args

from schemas.contact import Contact
from schemas.ticket import Classification, Reason, Status, Ticket
from services.domain.classify import classify
from services.domain.policy.pack import Pack
from services.domain.policy.routing import Signal
from services.domain.policy.vocabulary import LIABILITIES
from services.ledger.domain.decision_context import SYSTEM, CommandRejected, DecisionContext, because, choices

OPENINGS = frozenset({"opened", "not_opened", "unsure"})
SIGNALS = frozenset(get_args(Signal))
REMOVED = "not in the policy any more"
SOURCE = "ours: a contact is never refused (DESIGN 2)"


def check_code(name: str, value: str | None, known: Collection[str]) -> None:
    """Refuse a code that the policy does not know; None, for a field that was not given, is always taken.

    Raises:
        CommandRejected: with the codes that there are.

    """
    if value is not None and value not in known:
        raise CommandRejected("unknown", f"there is no {name} {value!r}; {choices(known)}", (name,))


def check_owner(context: DecisionContext, owner: str | None) -> None:
    """Refuse an owner of the cause who is no unit of the policy.

    Raises:
        CommandRejected: with the units that there are.

    """
    if owner is not None:
        context.unit(owner, field="owner")


def check_person(context: DecisionContext, person: str) -> None:
    """Refuse a person whom the pack names for other units than the one that holds the ticket.

    A pack names those who have a part of their own; whoever else works in a unit, it does not know.

    Raises:
        CommandRejected: with the units of that person.

    """
    known, unit = context.policy.persons.get(person), context.ticket.unit
    if known is not None and unit not in known.units:
        units = ", ".join(known.units)
        raise CommandRejected(
            "other_unit",
            f"{person} belongs to {units}, and the ticket is with {unit}: choose a person there",
            ("person",),
        )


def check_classification(context: DecisionContext, classification: Classification) -> None:
    """Refuse a classification that a person has written and that names what the pack does not have.

    Raises:
        CommandRejected: names the field, and what there is.

    """
    for name, value, known in _codes(classification, context.policy):
        check_code(name, value, known)
    for code in _units(classification):
        context.unit(code, field="classification")
    if classification.path and classification.path[0] not in context.policy.centres:
        raise CommandRejected(
            "unknown",
            f"{classification.path[0]} is no complaint centre; {choices(context.policy.centres)} as path[0]",
            ("path",),
        )


def unknown_names(classification: Classification, pack: Pack) -> list[str]:
    """Return what a classification names and the pack does not have, as `tier 'x'`; empty for nearly every one."""
    found = [f"{name} {value!r}" for name, value, known in _codes(classification, pack) if value not in known]
    found += [f"unit {code!r}" for code in _units(classification) if code not in pack.units]
    if not found and classification.path and classification.path[0] not in pack.centres:
        found.append(f"centre {classification.path[0]!r}")
    return found


def known_classification(contact: Contact, classification: Classification, pack: Pack) -> Classification:
    """Return the classification of a contact; where it names what the pack does not have, that of the pack itself.

    The kind stays if the pack has it; the reasons say what was removed.
    """
    removed = unknown_names(classification, pack)
    if not removed:
        return classification
    if classification.kind in pack.routing.kinds:
        contact = contact.replace(kind=classification.kind, origin=classification.origin)
    anew = classify(contact, pack)
    reason = Reason(subject="classification", value=", ".join(removed)[:1000], rule=REMOVED, source=SOURCE)
    return anew.replace(reasons=(*anew.reasons, reason))


def replace_removed_names(context: DecisionContext) -> None:
    """Give a ticket that another version of the policy made what this version has in the place of what it lacks.

    Without it, a ticket of a tier that was removed would have no limits, and one of a unit that was removed no holder.
    """
    ticket, pack = context.ticket_or_none, context.policy
    if ticket is None or ticket.policy == pack.reference or ticket.status is Status.ARCHIVED:
        return
    removed = unknown_names(ticket.classification, pack)
    units = (ticket.centre, ticket.unit, *ticket.dispatched_by, *ticket.assisting)
    gone = [code for code in units if code and code not in pack.units]
    if not removed and not gone:
        return
    classification = known_classification(contact_of(ticket), ticket.classification, pack)
    named = ", ".join(dict.fromkeys((*removed, *(f"unit {code!r}" for code in gone))))
    context.record_event(
        "reclassified",
        because("classification", named[:1000], REMOVED, SOURCE),
        {"classification": classification, **_holder(ticket, classification, pack)},
        actor=SYSTEM,
        details={"reason": f"{REMOVED}: {named}"},
    )


def _holder(ticket: Ticket, classification: Classification, pack: Pack) -> dict[str, Any]:
    """Return centre, unit and chain of a ticket without those that the pack has not any more."""
    centre = ticket.centre
    if centre not in pack.units:
        centre = classification.path[0] if classification.path else pack.header.centre
    chain = tuple(dict.fromkeys(code if code in pack.units else centre for code in ticket.dispatched_by))
    found: dict[str, Any] = {
        "centre": centre,
        "dispatched_by": chain,
        "assisting": tuple(code for code in ticket.assisting if code in pack.units),
        "assistance_requests": tuple(each for each in ticket.assistance_requests if each.unit in pack.units),
    }
    if ticket.unit in pack.units and ticket.unit not in chain:
        return found
    found |= {"unit": centre, "person": None, "dispatched_by": ()}
    return found | ({"status": Status.ACCEPTED} if ticket.status in {Status.DISPATCHED, Status.HANDLING} else {})


def contact_of(ticket: Ticket) -> Contact:
    """Return what is known of the contact that opened a ticket, to classify it by."""
    return Contact(
        id=ticket.contact_id,
        sender=ticket.sender,
        channel=ticket.channel,
        message_id=ticket.number,
        policy=ticket.policy.pack,
        received_at=ticket.accepted_at,
        contacted_at=ticket.contacted_at,
        customer=ticket.customer,
        text=ticket.subject,
        business_type=ticket.classification.business_type,
        problem_type=ticket.classification.problem_type,
        settlement=ticket.settlement,
        evidence=ticket.evidence,
    )


def _codes(classification: Classification, pack: Pack) -> Iterable[tuple[str, str, Collection[str]]]:
    """Return the codes that a classification names, each with its field's name and what the pack has."""
    routing, found = pack.routing, classification
    codes: list[tuple[str, str, Collection[str]]] = [
        ("tier", found.tier, pack.tiers),
        ("kind", found.kind, routing.kinds),
        ("validity", found.validity, routing.validities),
        ("opening", found.opening, OPENINGS),
    ]
    if found.business_type is not None:
        codes.append(("business_type", found.business_type, pack.business))
    if found.problem_type is not None:
        codes.append(("problem_type", found.problem_type, pack.problems))
    if found.origin is not None:
        codes.append(("origin", found.origin, routing.origins))
    if found.liability is not None:
        codes.append(("liability", found.liability, LIABILITIES))
    codes += [("signal", signal, SIGNALS) for signal in found.signals]
    return codes


def _units(classification: Classification) -> tuple[str, ...]:
    if classification.department is None:
        return classification.path
    return (*classification.path, classification.department)
