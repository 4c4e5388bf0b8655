"""What every model of the contract has in common: frozen, closed to unknown keys, time always with an offset.

The models are structs of msgspec: rules make thousands of them a second, and each is read and written without a detour.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self, dataclass_transform
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

AwareDatetime = Annotated[datetime, Meta(tz=True)]
"""A point in time with its offset from UTC."""


class ModelMeta(msgspec.StructMeta):
    """Gives every model, not only the first, what a struct does not inherit: fields by name, in any order."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        """Make a model's class."""
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **config})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(Struct, metaclass=ModelMeta, frozen=True, forbid_unknown_fields=True):
    """A part of the contract: immutable, and an unknown key is an error rather than a surprise."""

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """Read a JSON document.

        Raises:
            msgspec.DecodeError: it is none; msgspec.ValidationError, a kind of it: it is not of this shape.

        """
        return msgspec.json.decode(value, type=cls)

    @classmethod
    def from_plain(cls, value: Any) -> Self:
        """Read what a JSON document became.

        Raises:
            msgspec.ValidationError: it is not of this shape.

        """
        return msgspec.convert(value, cls)

    def to_json(self) -> bytes:
        """Return it as a JSON document."""
        return msgspec.json.encode(self)

    def to_plain(self) -> dict[str, Any]:
        """Return it as what a JSON document holds: objects, lists, texts, numbers."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain

    def replace(self, **changes: Any) -> Self:
        """Return it with other values for some fields; they are not checked."""
        return msgspec.structs.replace(self, **changes)


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


class Record(Model):
    """A model that travels as the value of one of our topics."""

    TOPIC: ClassVar[str]

    @property
    def cloud_event(self) -> CloudEvent:
        """What its headers say."""
        raise NotImplementedError
