"""A dead letter: a record that could not be used, with the reason; its value is the original bytes."""

from enum import StrEnum
from uuid import UUID

from schemas.base import AwareDatetime, Model
from schemas.contact import Code, Name


class DeadLetterReason(StrEnum):
    """Why a record is in dead-letters; the first group as in the normalisers' refusals."""

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
    """Another body under an id that is already taken."""
    BUG = "bug"
    """Our own code failed on it, alone."""


class DeadLetter(Model):
    """The headers of a record of dead-letters (`dl_` before each name), read back."""

    id: UUID
    """uuid5 of topic, partition and offset."""
    topic: Name
    partition: int
    offset: int
    service: Code
    reason: DeadLetterReason
    field: Name | None = None
    message: Name
    at: AwareDatetime
