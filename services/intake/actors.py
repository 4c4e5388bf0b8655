"""Says who acts by a request: the person and unit that a key acts for, or a portal's customer (DECISIONS 35). Pure.

What stands on the command is the key's word: `actor.key`, `actor.proof` and `authority` are never read from a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from schemas.command import Actor
from schemas.contact import Code, Customer
from schemas.ticket import Ticket
from services.domain.authority.reach import ANY, covers
from services.intake import problems
from services.intake.domain.phones import parse_phone
from services.intake.senders import Sender

ACTOR_FIELDS = ("name", "unit", "kind")
"""Fields of `actor` in a request."""
CUSTOMER_FIELDS = ("phone", "number", "identity")
"""Fields of `customer` in a request."""
PEOPLE = ("agent", "unit")
"""Kinds of actors that act for a unit."""
MAX_NAME_LENGTH = 200
"""Characters of a name (`schemas.contact.Name`)."""
NOT_THE_CUSTOMER = (
    "this is not the customer of the ticket, or the ticket did not come by a channel of this key: send the phone, the "
    "customer number or the identity with which the customer signed in"
)
"""The one answer to whoever names another customer, so that nothing is learnt about the ticket."""


@dataclass(frozen=True, slots=True)
class CustomerClaim:
    """How a portal names its signed-in customer; compared with the ticket, and kept nowhere.

    Attributes:
        phone: E.164.
        number: the customer number.
        identity: the channel's id of the person.

    """

    phone: str | None = None
    number: str | None = None
    identity: str | None = None

    def is_of(self, customer: Customer) -> bool:
        """Return whether it is that customer: nothing differs, and something agrees.

        A phone of a switchboard or with an extension belongs to several people, so it does not prove anything.
        """
        phone = None if customer.switchboard or customer.phone_extension else customer.phone
        pairs = [(self.phone, phone), (self.number, customer.number), (self.identity, customer.identity)]
        known = [(given, own) for given, own in pairs if given is not None and own is not None]
        return bool(known) and all(given == own for given, own in known)


@dataclass(frozen=True, slots=True)
class IdentifiedActor:
    """Who acts by a request.

    Attributes:
        actor: as it stands on the command.
        claim: the customer for whom a portal speaks; None if a person acts for a unit.

    """

    actor: Actor
    claim: CustomerClaim | None = None


def identify(request: Mapping[str, Any], sender: Sender) -> IdentifiedActor:
    """Return who acts by a request, from its `actor` and `customer` and the key by which it came.

    Raises:
        Problem: 400 for a field that is missing or unknown, 403 for a person, unit or kind that the key does not allow.

    """
    given = request.get("actor")
    if given is None:
        given = {}
    _check_object("actor", given, ACTOR_FIELDS)
    kind = given.get("kind", "agent")
    if kind == "service":
        raise problems.forbidden(
            "actor.kind",
            "our own services do not come through this door: act as agent or unit, with a key that has units",
        )
    if kind == "customer":
        return _customer(request, given, sender)
    if kind not in PEOPLE:
        raise problems.invalid_field("actor.kind", "bad_schema", f"choose one of {', '.join(PEOPLE)}, customer")
    if "customer" in request:
        raise problems.invalid_field("customer", "bad_schema", "only a portal names one, with actor.kind customer")
    return IdentifiedActor(Actor(kind=kind, name=_name(given, sender), unit=_unit(given, sender), key=sender.name))


def require_own_customer(claim: CustomerClaim, ticket: Ticket, sender: Sender) -> None:
    """Check that a portal speaks for the customer of a ticket that came by one of its channels.

    Raises:
        Problem: 403, the same whatever differs.

    """
    if ticket.channel not in sender.channels or not claim.is_of(ticket.known_customer):
        raise problems.forbidden("customer", NOT_THE_CUSTOMER)


def require_person(name: str, sender: Sender, *, field: str) -> None:
    """Check that a key may act as a person.

    Args:
        name: of the person.
        sender: whose key it is.
        field: of the request, which names the person.

    Raises:
        Problem: 403; names whom it may act as.

    """
    if sender.persons and name not in sender.persons:
        raise problems.forbidden(field, f"the key acts for {', '.join(sender.persons)}, not for {name}")


def _customer(request: Mapping[str, Any], given: Mapping[str, Any], sender: Sender) -> IdentifiedActor:
    if not sender.is_portal:
        raise problems.forbidden(
            "actor.kind",
            "only a portal speaks for customers: ask for a key with the role portal; a word that came by phone is sent "
            "by the centre or the accepting channel, with its `evidence`",
        )
    for name in ("name", "unit"):
        if given.get(name) not in (None, "customer"):
            raise problems.invalid_field(
                f"actor.{name}",
                "bad_schema",
                "leave it out: a customer is named by `customer` alone, which is not kept",
            )
    customer = request.get("customer")
    if customer is None:
        raise problems.invalid_field("customer", "missing", f"name the customer by {', '.join(CUSTOMER_FIELDS)}")
    _check_object("customer", customer, CUSTOMER_FIELDS)
    texts = {name: _text(f"customer.{name}", customer.get(name)) for name in CUSTOMER_FIELDS}
    if not any(texts.values()):
        raise problems.invalid_field("customer", "missing", f"give one of {', '.join(CUSTOMER_FIELDS)}")
    if texts["phone"] is not None:
        phone = parse_phone(texts["phone"])
        if phone is None:
            raise problems.invalid_field("customer.phone", "bad_schema", "this is no phone number: give its area code")
        # An extension means that the number is not the customer's alone.
        texts["phone"] = phone.number if phone.extension is None else None
    actor = Actor(kind="customer", name="customer", key=sender.name, proof="own_channel")
    return IdentifiedActor(actor, CustomerClaim(**texts))


def _name(given: Mapping[str, Any], sender: Sender) -> str:
    name = _text("actor.name", given.get("name"))
    if name is None:
        if len(sender.persons) == 1:
            return sender.persons[0]
        allowed = f": one of {', '.join(sender.persons)}" if sender.persons else ""
        raise problems.invalid_field("actor.name", "missing", f"name the person who acts{allowed}")
    require_person(name, sender, field="actor.name")
    return name


def _unit(given: Mapping[str, Any], sender: Sender) -> str:
    unit = _text("actor.unit", given.get("unit"))
    units = ", ".join(sender.units)
    if not sender.units:
        raise problems.forbidden(
            "actor.unit", f"the key acts for no unit: `duban sender change {sender.name} --unit <unit>` gives it one"
        )
    if unit is None:
        if len(sender.units) == 1 and ANY not in sender.units:
            return sender.units[0]
        of = "any unit" if ANY in sender.units else units
        raise problems.invalid_field("actor.unit", "missing", f"name the unit that acts: the key is for {of}")
    if not covers(sender.units, unit):
        raise problems.forbidden("actor.unit", f"the key acts for {units}, not for {unit}")
    try:
        msgspec.convert(unit, Code)
    except msgspec.ValidationError as error:
        raise problems.invalid_field("actor.unit", "bad_schema", "this is not the code of a unit") from error
    return unit


def _check_object(name: str, value: Any, fields: tuple[str, ...]) -> None:
    """Check that a value is an object with known fields only.

    Raises:
        Problem: 400 with the first unknown field.

    """
    if not isinstance(value, Mapping):
        raise problems.invalid_field(name, "bad_schema", f"write an object with {', '.join(fields)}")
    unknown = next((field for field in value if field not in fields), None)
    if unknown is not None:
        raise problems.invalid_field(
            f"{name}.{unknown}", "bad_schema", f"{name} has only {', '.join(fields)}: leave this out"
        )


def _text(field: str, value: Any) -> str | None:
    """Return a text; None where nothing is given.

    Raises:
        Problem: 400 when it is something else, or too long.

    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME_LENGTH:
        raise problems.invalid_field(field, "bad_schema", f"write a text of 1 to {MAX_NAME_LENGTH} characters")
    return value
