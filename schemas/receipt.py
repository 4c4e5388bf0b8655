"""A delivery report of a provider about a notice that it accepted (R5.7); the value of receipts."""

from typing import ClassVar, Literal
from uuid import NAMESPACE_OID, UUID, uuid5

from schemas.base import AwareDatetime, CloudEvent, Record
from schemas.contact import Code, Name


class Receipt(Record):
    """One delivery report about one notice."""

    TOPIC: ClassVar[str] = "receipts"

    notice: UUID | None = None
    """The id of the notice; None from a gateway that reports only its own id."""
    provider_id: Name | None = None
    """The provider's own id of the notice."""
    sender: Code
    state: Literal["delivered", "failed"]
    """failed: the provider has given up."""
    at: AwareDatetime
    reason: Name | None = None

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        named = self.notice or uuid5(NAMESPACE_OID, self.provider_id or "")
        return CloudEvent(uuid5(named, self.state), f"notice.receipt.{self.state}", self.at, named)
