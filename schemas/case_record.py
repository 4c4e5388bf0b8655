"""The case record of a ticket: reports, findings, approvals and compensation (R3.6, R5.9)."""

from uuid import UUID

from schemas.base import AwareDatetime, Model
from schemas.contact import Code, Money, Name, Text


class Entry(Model):
    """One entry of the case record: a report, a finding, a signature, a penalty ...; the policy defines the kinds."""

    kind: Code
    at: AwareDatetime
    by: Name
    """Who made it."""
    unit: Code | None = None
    value: Code | None = None
    """The chosen value, for kinds with a list of values."""
    text: Text | None = None
    reference: Name | None = None
    """Where the document itself is kept."""


class Compensation(Model):
    """Compensation granted to a customer within the authority of a level (R3.6)."""

    at: AwareDatetime
    by: Name
    level: Code
    """Level of authority, as defined by the policy."""
    covers: Code
    """What it compensates: service_use, charging_error, ending_contract ..."""
    amount: Money
    """Yuan."""
    command_id: UUID
