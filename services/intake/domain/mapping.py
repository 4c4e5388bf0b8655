"""How a channel's own field names become a contact's: data, so that a carrier maps its names without code.

A mapping is a TOML file: its forms are tried in order, and the first whose `has` field is in a message reads it. A form
says where the message's id stands, and for each field of the contact where it stands and, where that is not plain, how
it is written. A path is a field's name, or names joined by dots; of several the first that says something counts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.contact import Contact, Customer, TakenOver

ValueFormat = Literal[
    "text",
    "phone",
    "phones",
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
"""How a value is written. `phones`: several in one field, the first counts. `caller`: what an exchange shows, perhaps
nothing. `american_local`: month first, in a zone that nobody told. `sheet_time`: as `time`, or a spreadsheet's count of
days. `due`: a day, a time, or words."""

_STEP = re.compile(r"([^\[\].]+)|\[([0-9]+)\]")
SINCE_1904 = "$1904"
"""Stands in a row of a sheet that counts its days from 1904."""
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
"""How a field of the contact is read when the mapping does not say."""


class MappingPart(BaseModel):
    """A part of a mapping: an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ValueSource(MappingPart):
    """Where a value stands.

    Attributes:
        at: the path.
        flag: what the contact is flagged with when this source had to serve.

    """

    at: str
    flag: str | None = None


def _normalise_sources(told: Any) -> Any:
    told = told if isinstance(told, list) else [told]
    return [{"at": each} if isinstance(each, str) else each for each in told]


Sources = Annotated[tuple[ValueSource, ...], BeforeValidator(_normalise_sources)]


class FieldMapping(MappingPart):
    """How one field of the contact is filled.

    Attributes:
        at: where it stands.
        with_: where the rest of the value stands, when a sender cut it in two, such as the clock behind the day.
        as_: how it is written; usually what the field calls for.
        words: what the channel's words are in ours, read on as the field calls for; a word that is not among them says
            nothing.
        strict: such a word is a fault.

    """

    at: Sources
    with_: str | None = Field(default=None, alias="with")
    as_: ValueFormat | None = Field(default=None, alias="as")
    words: dict[str, str] = Field(default_factory=dict)
    strict: bool = False


def _normalise_target(told: Any) -> Any:
    return told if isinstance(told, dict) else {"at": told}


class EvidenceMapping(MappingPart):
    """Evidence by reference.

    Attributes:
        each: a list of the message, one piece of evidence for each of its parts; None: the message itself tells of one.
        kind: what it is.
        reference: where its reference stands; empty: the parts of the list are the references.
        name, media_type, size, sha256: where these stand, if anywhere.
        unless_any: only when the rules before it found none.

    """

    each: str | None = None
    kind: str
    reference: Sources = ()
    name: str | None = None
    media_type: str | None = None
    size: str | None = None
    sha256: str | None = None
    unless_any: bool = False


class MessageMapping(MappingPart):
    """One kind of message of a channel.

    Attributes:
        has: a field that only this form has; None: every message.
        id: where the channel's own id stands.
        id_is_text: an id that is a number has lost digits.
        reach: the field that is named when nothing says how to reach the customer; None: nobody is to be reached.
        fields: by name of the contact's field, `customer.` before those of the customer, `details.` before what only
            the channel knows.
        labels: where the channel's words for business and problem type stand.
        papers: its evidence.

    """

    has: str | None = None
    id: Sources
    id_is_text: bool = False
    reach: str | None = None
    fields: dict[str, Annotated[FieldMapping, BeforeValidator(_normalise_target)]]
    labels: tuple[str, ...] = ()
    papers: tuple[EvidenceMapping, ...] = ()

    @model_validator(mode="after")
    def _known(self) -> "MessageMapping":
        ours = set(Contact.__struct_fields__)
        parts = {"customer": set(Customer.__struct_fields__), "taken_over": set(TakenOver.__struct_fields__)}
        for name in self.fields:
            head, _, rest = name.partition(".")
            if not (name in ours or rest in parts.get(head, ()) or (head == "details" and rest)):
                raise ValueError(f"a contact has no field {name}: take one of it, customer.<field> or details.<name>")
        return self


class ChannelMapping(MappingPart):
    """The mapping of one channel.

    Attributes:
        title: what it is, for people.
        form: its forms.

    """

    title: str
    form: tuple[MessageMapping, ...] = Field(min_length=1)

    def form_for(self, told: Mapping[str, Any]) -> MessageMapping | None:
        """Return the form that reads a message."""
        return next((each for each in self.form if each.has is None or value_at(told, each.has) is not None), None)

    def find_message_id(self, told: Mapping[str, Any]) -> str | None:
        """Return the channel's own id of a message, as far as it can be read."""
        form = self.form_for(told)
        value = first_value(told, form.id)[0] if form is not None else None
        return str(value).strip() if isinstance(value, str | int) else None


def first_value(told: Mapping[str, Any], sources: Iterable[ValueSource]) -> tuple[Any, ValueSource | None]:
    """Return the first value that says something, and where it stood."""
    for source in sources:
        value = value_at(told, source.at)
        if value is not None and (not isinstance(value, str) or value.strip()):
            return value, source
    return None, None


def value_at(told: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a path, None when nothing does."""
    if path in told:
        return told[path]
    value: Any = told
    for name, number in _STEP.findall(path):
        if name and isinstance(value, Mapping):
            value = value.get(name)
        elif number and isinstance(value, list) and int(number) < len(value):
            value = value[int(number)]
        else:
            return None
    return value
