"""What is put on a ticket's record beside the work itself: papers, judgements, approvals, compensation (R3.6, R5.9)."""

from uuid import UUID

from schemas.base import AwareDatetime, Model
from schemas.contact import Code, Money, Name, Text


class Entry(Model):
    """One entry of the record: a report, a finding, a signature, a penalty ...; the policy names the kinds."""

    kind: Code
    at: AwareDatetime
    by: Name
    """Who made it."""
    unit: Code | None = None
    value: Code | None = None
    """What was chosen, for kinds that have a list to choose from."""
    text: Text | None = None
    reference: Name | None = None
    """Where the paper itself is kept."""


class Compensation(Model):
    """What somebody granted a customer by the authority of his level (R3.6)."""

    at: AwareDatetime
    by: Name
    level: Code
    """Level of authority, as the policy names it."""
    covers: Code
    """What it is for: service_use, charging_error, ending_contract ..."""
    amount: Money
    """Yuan."""
    command_id: UUID
