"""A delivery report: what a provider says afterwards about a notice that it took (R5.7); the value of receipts."""

from typing import ClassVar, Literal
from uuid import NAMESPACE_OID, UUID, uuid5

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name


class Receipt(Record):
    """One report about one notice."""

    TOPIC: ClassVar[str] = "receipts"

    notice: UUID | None = None
    """The id under which the notice was handed over; a gateway that does not keep it tells its own instead."""
    provider_id: Name | None = None
    """The provider's own id."""
    sender: Code
    state: Literal["delivered", "failed"]
    """failed: the provider will try no more."""
    at: AwareDatetime
    reason: Name | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """What the record's headers say."""
        named = self.notice or uuid5(NAMESPACE_OID, self.provider_id or "")
        return CloudEvent(uuid5(named, self.state), f"notice.receipt.{self.state}", self.at, named)
