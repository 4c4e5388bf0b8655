"""A dead letter: a record that could not be processed, with the reason; its value is the original bytes."""

from enum import StrEnum
from uuid import UUID

from schemas.base import AwareDatetime, Model
from schemas.contact import Code, Name


class DeadLetterReason(StrEnum):
    """Why a record is in dead-letters; most values are also the reasons for which intake rejects a message."""

    BAD_SYNTAX = "bad_syntax"
    TRUNCATED = "truncated"
    BAD_ENCODING = "bad_encoding"
    BAD_SCHEMA = "bad_schema"
    BAD_DATE = "bad_date"
    BAD_ID = "bad_id"
    MISSING_ID = "missing_id"
    MISSING_CONTACT = "missing_contact"
    MISSING_ATTACHMENT = "missing_attachment"
    BAD_ATTACHMENT = "bad_attachment"
    FORMULA_CELL = "formula_cell"
    XML_ENTITY = "xml_entity"
    NOT_XLSX = "not_xlsx"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    CONFLICT = "conflict"
    """Different content under an id that is already in use."""
    NOT_PUBLISHED = "not_published"
    """The broker refused our own record for good, for another reason than its size."""
    UNREADABLE = "unreadable"
    """A whole batch, whose codec nobody here knows or whose checksum is wrong; the value is its bytes."""
    BARRED = "barred"
    """A good record of a sender that is barred because of its other records."""
    BUG = "bug"
    """Processing the record alone raised an unexpected error."""


class DeadLetter(Model):
    """The headers of a record of dead-letters, where each name has the prefix `dl_`."""

    id: UUID
    """uuid5 of topic, partition and offset; of a record that was never stored, of topic and CloudEvents id."""
    topic: Name
    partition: int
    """-1 for a record of our own that the broker refused."""
    offset: int
    """-1 for a record of our own that the broker refused."""
    last_offset: int | None = None
    """Of a batch that cannot be read; `offset` is its first."""
    service: Code
    reason: DeadLetterReason
    field: Name | None = None
    message: Name
    truncated: int | None = None
    """Bytes of the original value where it was too large even for dead-letters, and only its beginning is kept."""
    at: AwareDatetime
