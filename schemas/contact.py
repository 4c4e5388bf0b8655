"""A contact: one message of one person on one channel, normalised at the door and kept as received (R2.3)."""

from datetime import date
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from msgspec import Meta, field

from schemas.base import AwareDatetime, CloudEvent, Model, Record

Name = Annotated[str, Meta(min_length=1, max_length=200)]
"""A short text: a person, a unit, a place."""

_CODE = r"^[a-z0-9][a-z0-9_.-]{0,63}$"

Code = Annotated[str, Meta(pattern=_CODE)]
"""A name that machines use: channel, sender, pack, flag."""

OwnCode = Annotated[str, Meta(extra_json_schema={"pattern": _CODE})]
"""A code that the ledger takes from a policy and that nobody sends.

Readers are promised its form; matching it at each reading would take half of the time of reading a ticket.
"""

Text = Annotated[str, Meta(max_length=32_000)]
"""What somebody wrote or said, in full."""

Reference = Annotated[str, Meta(min_length=1, max_length=2000)]
"""Where something is kept: a link, a path, a name. Links that are signed are long, and useless when they are cut."""

Money = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,2})?$")]
"""An amount as text, so that no cent is lost on the way."""


class Customer(Model):
    """Who contacted us, and how to reach them."""

    name: Name | None = None
    number: Name | None = None
    """The customer number in the carrier's own systems."""
    phone: Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{4,14}$")] | None = None
    """E.164."""
    phone_extension: Annotated[str, Meta(pattern=r"^[0-9]{1,6}$")] | None = None
    email: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)] | None = None
    identity: Name | None = None
    """The channel's own identity of the person (an openid, an app user)."""
    address: Name | None = None
    level: Name | None = None
    """Customer level in the carrier's words; the policy says which levels are VIP."""
    brand: Name | None = None
    network: Name | None = None
    """Network generation the customer uses, such as 4G."""
    home_region: Name | None = None
    visiting_region: Name | None = None
    city: Name | None = None
    tenure_months: Annotated[int, Meta(ge=0, le=1200)] | None = None
    average_spend: Money | None = None
    """Yuan a month."""
    preferred_means: Code | None = None
    """How the customer wants to be answered: phone, sms, mail, letter, visit."""
    contact_hours: Annotated[str, Meta(pattern=r"^[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]$")] | None = None
    """When the customer may be called, such as 18:00-21:00, in the customer's zone."""
    language: Annotated[str, Meta(pattern=r"^(zh|en)$")] = "zh"
    switchboard: bool = False
    """The number belongs to many people, so it never links two contacts by itself (DECISIONS 30)."""

    @property
    def reachable(self) -> bool:
        """Whether anything is left to reach the customer by."""
        return bool(self.phone or self.email or self.identity or self.address)


class Evidence(Model):
    """A recording, a signed form, a scan or another attachment, by reference (R2.2)."""

    kind: Code
    reference: Reference
    name: Name | None = None
    """Of the file, as its sender called it."""
    media_type: Name | None = None
    size: Annotated[int, Meta(ge=0)] | None = None
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")] | None = None


class Settlement(Model):
    """How a contact was answered on the spot, without dispatch (一次性办结)."""

    outcome: Text
    explanation: Text
    agreed: bool = True
    """Whether the customer agreed to the outcome or to the explanation."""
    cause: Text | None = None
    owner: Code | None = None
    """The unit whose responsibility the cause is."""


class TakenOver(Model):
    """Where a ticket stood in the system before this one."""

    number: Name
    system: Name | None = None
    status: Literal["accepted", "dispatched", "handling", "fed_back", "answered"]
    unit: Code | None = None
    """The unit that had it, as the policy names it."""
    person: Name | None = None
    used_minutes: Annotated[float, Meta(ge=0, le=10_000_000)] | None = None
    """Time of its clock's calendar that the present stage had used."""
    result: Text | None = None
    """What was found or answered so far."""


class Raw(Model):
    """The message as it was received."""

    media_type: Name
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    body: str | None = None
    """Base64 of the original bytes; None when they are kept by reference."""
    reference: Name | None = None


class Contact(Record):
    """One contact, as every service downstream of intake sees it."""

    TOPIC: ClassVar[str] = "contacts"

    id: UUID
    """uuid5 of sender, channel and message id: the same message always has the same id (R2.4)."""
    sender: Code
    channel: Code
    message_id: Annotated[str, Meta(min_length=1, max_length=200)]
    policy: Code
    """The policy pack that the sender's contacts run under."""
    received_at: AwareDatetime
    """When our door had it; the only time that rules trust."""
    contacted_at: AwareDatetime | None = None
    occurred_at: AwareDatetime | None = None
    contacted_on: date | None = None
    """When the channel knows only the day."""
    occurred_on: date | None = None
    """When only the day is known."""
    customer: Customer
    text: Text = ""
    kind: Code | None = None
    """Told by the channel: complaint, suggestion, consultation."""
    business_type: Code | None = None
    problem_type: Code | None = None
    labels: tuple[Name, ...] = ()
    """The channel's own words for business and problem type, for the policy's keyword rules."""
    needs_headquarters: bool = False
    """The accepting channel knows that headquarters has to coordinate."""
    origin: Code | None = None
    """Told by the channel: where an appeal is from (R3.8)."""
    desired_outcome: Text | None = None
    wanted_by: AwareDatetime | None = None
    """The customer's own limit for the answer."""
    amount_in_dispute: Money | None = None
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}$")] = "CNY"
    site: Name | None = None
    agent: Name | None = None
    evidence: tuple[Evidence, ...] = ()
    settlement: Settlement | None = None
    call: Name | None = None
    """The exchange's id of the call that the contact was, for joining its record."""
    follows: Name | None = None
    """Number of the ticket that the customer replies about."""
    details: dict[Code, Text] = field(default_factory=dict)
    """What the channel told besides, by name, such as subject, device or due_date."""
    taken_over: TakenOver | None = None
    """Of a ticket that another system began."""
    flags: tuple[Code, ...] = ()
    """What is missing or odd but did not stop acceptance, such as no_text (R2.5)."""
    raw: Raw | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        return CloudEvent(self.id, "contact.received", self.received_at, self.id)
