"""Models of a channel's mapping file: which field of its messages fills which field of a contact. Pure.

A mapping is a TOML file, so that a carrier maps its own field names without code. Its forms are tried in order; the
first whose `has` field is in a message reads that message. A form says where the message id is and, for each field of
the contact, where its value is and in which format it is written. A path is a field name or several joined by dots; of
several paths the first that leads to a value that can be read counts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.base import field_names
from schemas.contact import Contact, Customer, TakenOver

ValueFormat = Literal[
    "text",
    "phone",
    "caller",
    "time",
    "epoch",
    "epoch_ms",
    "american_time",
    "american_local",
    "sheet_time",
    "money",
    "number",
    "integer",
    "boolean",
    "hours",
    "due",
]
"""How a value is written. `phone`: one or several numbers as people write them, the first counts. `caller`: as a
telephone exchange shows it, possibly withheld. `american_local`: month first, without a known time zone. `sheet_time`:
as `time`, or a spreadsheet's day number. `due`: a day, a time, or free text."""

_STEP = re.compile(r"([^\[\].]+)|\[([0-9]+)\]")
SINCE_1904 = "$1904"
"""Key that marks a row of a workbook whose day numbers count from 1904."""
DEFAULT_FORMATS: Mapping[str, ValueFormat] = {
    "contacted_at": "time",
    "occurred_at": "time",
    "wanted_by": "due",
    "customer.phone": "phone",
    "customer.contact_hours": "hours",
    "customer.average_spend": "money",
    "customer.tenure_months": "integer",
    "customer.switchboard": "boolean",
    "needs_headquarters": "boolean",
    "amount_in_dispute": "money",
}
"""Format of a contact field for which the mapping gives none; text for all others."""


class MappingPart(BaseModel):
    """Base of the models of a mapping file: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ValueSource(MappingPart):
    """One place where a value may be.

    Attributes:
        at: the path in the message.
        prefix: put before the value, so that it differs from values of other places.
        flag: flag for the contact when the value comes from this place.

    """

    at: str
    prefix: str = ""
    flag: str | None = None


def _normalise_sources(sources: Any) -> Any:
    """Accept a path, a table or a list of both for a list of tables."""
    sources = sources if isinstance(sources, list) else [sources]
    return [{"at": source} if isinstance(source, str) else source for source in sources]


ValueSources = Annotated[tuple[ValueSource, ...], BeforeValidator(_normalise_sources)]


class FieldMapping(MappingPart):
    """How one field of the contact is filled.

    Attributes:
        at: where the value is.
        with_: path of the second half of a value that is split over two fields, such as the time of day after the day.
        as_: the format; None: the default of the contact field.
        words: translation of the channel's words into ours, applied before the format; other words are ignored.
        strict: a word that is not among `words` is an error instead.

    """

    at: ValueSources
    with_: str | None = Field(default=None, alias="with")
    as_: ValueFormat | None = Field(default=None, alias="as")
    words: dict[str, str] = Field(default_factory=dict)
    strict: bool = False


def _normalise_target(target: Any) -> Any:
    """Accept a path or a list of paths for a table."""
    return target if isinstance(target, dict) else {"at": target}


class EvidenceMapping(MappingPart):
    """Where evidence is referenced in a message.

    Attributes:
        items_at: path of a list with one item per piece of evidence (`each` in the file); None: the message itself
            refers to one piece.
        kind: kind of the evidence.
        reference: where the reference is; empty: the list's items are the references.
        name, media_type, size, sha256: paths of these properties; None: not in the message.
        unless_any: applies only when the rules before it found no evidence.

    """

    items_at: str | None = Field(default=None, alias="each")
    kind: str
    reference: ValueSources = ()
    name: str | None = None
    media_type: str | None = None
    size: str | None = None
    sha256: str | None = None
    unless_any: bool = False


class MessageMapping(MappingPart):
    """One kind of message of a channel.

    Attributes:
        has: a field that only messages of this form have; None: the form reads every message.
        id: where the channel's own message id is.
        id_is_text: a numeric id is an error, because spreadsheets lose digits of long numbers.
        reach: field that is named in the error when nothing says how to reach the customer; None: nobody is to be
            reached.
        fields: how to fill each contact field, by its name; prefix `customer.` for the customer's fields and `details.`
            for facts that only the channel knows.
        labels: paths of the channel's own words for business type and problem type.
        evidence: where its evidence is referenced (`papers` in the file).

    """

    has: str | None = None
    id: ValueSources
    id_is_text: bool = False
    reach: str | None = None
    fields: dict[str, Annotated[FieldMapping, BeforeValidator(_normalise_target)]]
    labels: tuple[str, ...] = ()
    evidence: tuple[EvidenceMapping, ...] = Field(default=(), alias="papers")

    @model_validator(mode="after")
    def _check_fields(self) -> "MessageMapping":
        own = set(field_names(Contact))
        parts = {"customer": set(field_names(Customer)), "taken_over": set(field_names(TakenOver))}
        for name in self.fields:
            head, _, rest = name.partition(".")
            if not (name in own or rest in parts.get(head, ()) or (head == "details" and rest)):
                advice = "use a field of Contact, customer.<field> or details.<name>"
                raise ValueError(f"a contact has no field {name}: {advice}")
        return self


class ChannelMapping(MappingPart):
    """The mapping of one channel.

    Attributes:
        title: name of the channel for people.
        form: forms of its messages, in the order in which they are tried.

    """

    title: str
    form: tuple[MessageMapping, ...] = Field(min_length=1)

    def form_for(self, message: Mapping[str, Any]) -> MessageMapping | None:
        """Return the first form that reads a message, None when no form does."""
        return next((form for form in self.form if form.has is None or value_at(message, form.has) is not None), None)

    def find_message_id(self, message: Mapping[str, Any]) -> str | None:
        """Return the channel's own id of a message, None when it cannot be read."""
        form = self.form_for(message)
        value = first_value(message, form.id)[0] if form is not None else None
        return str(value).strip() if isinstance(value, str | int) else None


def values_of(message: Mapping[str, Any], sources: Iterable[ValueSource]) -> Iterator[tuple[Any, ValueSource]]:
    """Yield the values that are neither null nor blank, in the order of their sources."""
    for source in sources:
        value = value_at(message, source.at)
        if value is not None and (not isinstance(value, str) or value.strip()):
            yield (f"{source.prefix}{value}" if source.prefix else value), source


def first_value(message: Mapping[str, Any], sources: Iterable[ValueSource]) -> tuple[Any, ValueSource | None]:
    """Return the first value that is neither null nor blank, and its source; (None, None) when there is none."""
    return next(values_of(message, sources), (None, None))


def value_at(message: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path, None when there is none; a field whose whole name is the path goes first."""
    if path in message:
        return message[path]
    value: Any = message
    for name, number in _STEP.findall(path):
        if name and isinstance(value, Mapping):
            value = value.get(name)
        elif number and isinstance(value, list) and int(number) < len(value):
            value = value[int(number)]
        else:
            return None
    return value
