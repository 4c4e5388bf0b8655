"""What every model of the contract has in common: frozen, closed to unknown keys, time always with an offset."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["AwareDatetime", "CloudEvent", "Model", "Record"]


class Model(BaseModel):
    """A part of the contract: immutable, and an unknown key is an error rather than a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """What the headers of a record say of it (CloudEvents 1.0).

    Attributes:
        id: the same for every copy of the record.
        type: such as ticket.accepted.
        time: when what it tells happened, in business time.
        subject: what it is about; the record's key, unless a topic says otherwise.

    """

    id: UUID
    type: str
    time: datetime
    subject: UUID


class Record(Model, ABC):
    """A model that travels as the value of one of our topics."""

    TOPIC: ClassVar[str]

    @property
    @abstractmethod
    def cloud_event(self) -> CloudEvent:
        """What its headers say."""
