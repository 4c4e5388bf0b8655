"""A contact: one message of one person on one channel, normalised by intake and kept as received (R2.3)."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta, field

from schemas.base import AwareDatetime, CloudEvent, Model, Record

Name = Annotated[str, Meta(min_length=1, max_length=200)]
"""A short text: a person, a unit, a place."""

_CODE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

Code = Annotated[str, Meta(pattern=_CODE)]
"""An identifier: of a channel, a sender, a policy pack, a flag."""

OwnCode = Annotated[str, Meta(extra_json_schema={"pattern": _CODE})]
"""A code that the ledger takes from a policy, so that it is never invalid.

The published schema promises its pattern; matching it whenever a ticket is decoded would take half of the time.
"""

Text = Annotated[str, Meta(max_length=32_000)]
"""A text in full."""

Reference = Annotated[str, Meta(min_length=1, max_length=2000)]
"""Where something is stored: a URL, a path, a name. Signed URLs are long, and useless if truncated."""

Money = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,2})?$")]
"""A decimal amount as text, so that it is never rounded."""


class Customer(Model):
    """The customer, and how to reach them."""

    name: Name | None = None
    number: Name | None = None
    """The customer number in the carrier's own systems."""
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$")] | None = None
    """E.164."""
    phone_extension: Annotated[str, Meta(pattern=r"^[0-9]{1,6}$")] | None = None
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    identity: Name | None = None
    """The channel's id of the person (an openid, a user of the app)."""
    address: Name | None = None
    level: Name | None = None
    """Customer level as the carrier names it; the policy says which levels are VIP."""
    brand: Name | None = None
    network: Name | None = None
    """Network generation that the customer uses, such as 4G."""
    home_region: Name | None = None
    visiting_region: Name | None = None
    city: Name | None = None
    tenure_months: Annotated[int, Meta(ge=0, le=1200)] | None = None
    average_spend: Money | None = None
    """Yuan a month."""
    preferred_means: Code | None = None
    """How the customer wants to be contacted: phone, sms, mail, letter, visit."""
    contact_hours: Annotated[str, Meta(pattern=r"^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$")] | None = None
    """When the customer may be called, such as 18:00-21:00, in the customer's zone."""
    language: Annotated[str, Meta(pattern=r"^(zh|en)$")] = "zh"
    switchboard: bool = False
    """The phone number belongs to many people, so it never identifies the customer by itself (DECISIONS 30)."""

    @property
    def reachable(self) -> bool:
        """Whether there is any way to reach the customer."""
        return bool(self.phone or self.email or self.identity or self.address)


PHONE_FROM_TEXT = "phone_from_text"
"""Flag of a contact whose phone was only found in its text: a hint that proves nothing (DECISIONS 40)."""


def without_hint(customer: Customer, flags: tuple[str, ...]) -> Customer:
    """Return a customer without a phone that is only a hint: it proves nothing and gets no notices."""
    if PHONE_FROM_TEXT not in flags or customer.phone is None:
        return customer
    return customer.replace(phone=None, phone_extension=None)


class Evidence(Model):
    """A recording, a signed form, a scan or another attachment, by reference (R2.2)."""

    kind: Code
    reference: Reference
    name: Name | None = None
    """Name of the file, as given by its sender."""
    media_type: Name | None = None
    size: Annotated[int, Meta(ge=0)] | None = None
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None


class Settlement(Model):
    """How a contact was answered on the spot, without dispatch (一次性办结)."""

    outcome: Text
    explanation: Text
    agreed: bool = True
    """Whether the customer agreed to the outcome or the explanation."""
    cause: Text | None = None
    owner: Code | None = None
    """The unit that is responsible for the cause."""


class TakenOver(Model):
    """The state of a ticket in the system from which it was migrated."""

    number: Name
    system: Name | None = None
    status: Literal["accepted", "dispatched", "handling", "fed_back", "answered"]
    unit: Code | None = None
    """The unit that held it, by its code in the policy."""
    person: Name | None = None
    used_minutes: Annotated[float, Meta(ge=0, le=10_000_000)] | None = None
    """Minutes of the current stage that were used, by the calendar of its SLA timer."""
    result: Text | None = None
    """Findings or the answer so far."""


class Raw(Model):
    """The original message."""

    media_type: Name
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    body: str | None = None
    """The original bytes in base64; None if they are stored by reference."""
    reference: Name | None = None


class Contact(Record):
    """One contact, as intake accepted it."""

    TOPIC: ClassVar[str] = "contacts"

    id: UUID
    """uuid5 of sender, channel and message id; the same message always has the same id (R2.4)."""
    sender: Code
    channel: Code
    message_id: Annotated[str, Meta(min_length=1, max_length=200)]
    policy: Code
    """The policy pack for contacts of the sender."""
    received_at: AwareDatetime
    """When intake received it; the only time that rules rely on."""
    contacted_at: AwareDatetime | None = None
    occurred_at: AwareDatetime | None = None
    contacted_on: date | None = None
    """If the channel knows only the day."""
    occurred_on: date | None = None
    """If only the day is known."""
    customer: Customer
    text: Text = ""
    kind: Code | None = None
    """As given by the channel: complaint, suggestion, consultation."""
    business_type: Code | None = None
    problem_type: Code | None = None
    labels: tuple[Name, ...] = ()
    """The channel's own labels for business and problem type, in which the policy's keywords are searched."""
    needs_headquarters: bool = False
    """The accepting channel states that headquarters has to coordinate."""
    origin: Code | None = None
    """As given by the channel: origin of an appeal (R3.8)."""
    desired_outcome: Text | None = None
    wanted_by: AwareDatetime | None = None
    """The customer's own deadline for the answer."""
    amount_in_dispute: Money | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] = "CNY"
    site: Name | None = None
    agent: Name | None = None
    evidence: tuple[Evidence, ...] = ()
    settlement: Settlement | None = None
    call: Name | None = None
    """The exchange's id of the call by which the customer contacted us."""
    follows: Name | None = None
    """Number of the ticket that the customer refers to."""
    details: dict[Code, Text] = field(default_factory=dict)
    """Further data of the channel, by name, such as subject, device or due_date."""
    taken_over: TakenOver | None = None
    """State of a ticket that was migrated from another system."""
    flags: tuple[Code, ...] = ()
    """What is missing or unusual but did not prevent acceptance, such as no_text (R2.5)."""
    raw: Raw | None = None

    @property
    def known_customer(self) -> Customer:
        """The customer without a phone that is only a hint."""
        return without_hint(self.customer, self.flags)

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        return CloudEvent(self.id, "contact.received", self.received_at, self.id)
