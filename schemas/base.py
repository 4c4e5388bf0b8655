"""Base classes of the contract's models: frozen, closed to unknown keys, every time with its offset from UTC.

They are msgspec structs, which are encoded and decoded fast enough for thousands of tickets a second.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self, dataclass_transform
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from schemas import unknown_fields
from schemas.resolved_types import ensure_resolved
from schemas.unknown_fields import KEY, Unknown

AwareDatetime = Annotated[datetime, Meta(tz=True)]
"""A point in time with its offset from UTC."""


class ModelMeta(msgspec.StructMeta):
    """Makes all models keyword-only; msgspec does not inherit that setting."""

    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        """Create the class of a model."""
        return super().__new__(cls, name, bases, namespace, **{"kw_only": True, **config})


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Model(Struct, metaclass=ModelMeta, frozen=True, forbid_unknown_fields=True):
    """Base of every model of the contract: immutable, and an unknown key is an error, but in our own records.

    Attributes:
        unknown_fields: what a newer version has added to an object that was read by `from_record`.

    """

    unknown_fields: Unknown = msgspec.field(default=msgspec.UNSET, name=KEY)

    @classmethod
    def from_record(cls, value: bytes | str) -> Self:
        """Decode a document that Duban has written, perhaps a newer version; unknown fields are kept (DECISIONS 39).

        Raises:
            msgspec.DecodeError: it is not JSON.
            msgspec.ValidationError: it does not fit the model, apart from unknown fields.

        """
        return unknown_fields.decode(value, cls)

    @classmethod
    def from_json(cls, value: bytes | str) -> Self:
        """Decode a JSON document of somebody else; an unknown field is an error.

        Raises:
            msgspec.DecodeError: it is not JSON.
            msgspec.ValidationError: it does not fit the model.

        """
        ensure_resolved(cls)
        return msgspec.json.decode(value, type=cls)

    @classmethod
    def from_plain(cls, value: Any) -> Self:
        """Convert a decoded JSON document of somebody else: dicts, lists, texts and numbers.

        Raises:
            msgspec.ValidationError: it does not fit the model.

        """
        ensure_resolved(cls)
        return msgspec.convert(value, cls)

    def to_json(self) -> bytes:
        """Encode the model as a JSON document."""
        return unknown_fields.encode(self)

    def to_plain(self) -> dict[str, Any]:
        """Return the model as a decoded JSON document: dicts, lists, texts and numbers."""
        plain: dict[str, Any] = msgspec.json.decode(self.to_json())
        return plain

    if TYPE_CHECKING:

        def replace(self, **changes: Any) -> Self:
            """Return a copy with some fields replaced; the values are not validated."""

    else:
        # Called a dozen times by each decision: bound directly, because a method around it doubles its cost.
        replace = Struct.__replace__


def field_names(model: type[Model]) -> tuple[str, ...]:
    """Return the names of the fields that a document of a model may have."""
    return tuple(field.encode_name for field in msgspec.structs.fields(model) if field.encode_name != KEY)


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """The CloudEvents 1.0 attributes that a record carries in its headers.

    Attributes:
        id: the same for every copy of the record.
        type: such as ticket.accepted.
        time: when the event occurred, in business time.
        subject: id of what it is about; the record's key, unless the topic says otherwise.

    """

    id: UUID
    type: str
    time: datetime
    subject: UUID


class Record(Model):
    """Base of the models that are the value of one of our topics."""

    TOPIC: ClassVar[str]

    @property
    def cloud_event(self) -> CloudEvent:
        """The CloudEvents attributes of the record."""
        raise NotImplementedError
