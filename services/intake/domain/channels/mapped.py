"""Channels of JSON objects that need no code: the mapping says it all (web form, own app, halls, lists)."""

from collections.abc import Mapping
from typing import Any

from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.contact_builder import build_contact
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import InputErrors, invalid_payload
from services.intake.domain.mapping import ChannelMapping, MessageMapping, first_value, value_at
from services.intake.domain.mapping_reader import MappingReader


class MappedChannel:
    """Hears what a mapping can read."""

    def __init__(self, mapping: ChannelMapping) -> None:
        self.mapping = mapping

    def __call__(self, envelope: Envelope) -> list[ParsedItem]:
        """Hear one JSON object.

        Raises:
            Unusable: nothing can be made of it.

        """
        told = parse_json_object(envelope.body)
        return [ParsedItem(self.build(told, envelope))]

    def form_for(self, told: Mapping[str, Any]) -> MessageMapping:
        """Return the form that reads an object.

        Raises:
            Unusable: none does.

        """
        form = self.mapping.form_for(told)
        if form is None:
            wanted = " or ".join(str(each.has) for each in self.mapping.form)
            raise invalid_payload("body", "bad_schema", f"this is no message of this channel: it has no {wanted}")
        return form

    def build(
        self,
        told: Mapping[str, Any],
        envelope: Envelope,
        *,
        errors: InputErrors | None = None,
        more: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> Contact | NonTicket:
        """Make what an object holds.

        Args:
            told: the object.
            envelope: what our door knows.
            errors: what was found before.
            more: fields that an adapter read itself; they go before those of the mapping.
            message_id: where an adapter knows it better than the mapping.

        Raises:
            Unusable: nothing can be made of it.

        """
        form = self.form_for(told)
        errors = errors if errors is not None else InputErrors()
        reader = MappingReader(form, told, envelope.config, errors)
        said = merge_fields(reader.fields, more or {})
        id_ = message_id or reader.message_id(form)
        contact = build_contact(
            envelope, id_, said, errors, reach=form.reach, id_field=form.id[0].at, names=_source_paths(form, told)
        )
        if form.reach is not None:
            return contact
        return build_non_ticket(envelope, contact.message_id, "history", contact=contact.replace(raw=None))


def _source_paths(form: MessageMapping, told: Mapping[str, Any]) -> dict[str, str]:
    """Return where the contact's fields stand in a message: where the value was found, else where it is looked for."""
    fields = {name: target.at for name, target in form.fields.items() if target.at}
    places = {name: (first_value(told, sources)[1] or sources[0]).at for name, sources in fields.items()}
    labels = (each for each in form.labels if isinstance(value := value_at(told, each), str) and value.strip())
    places |= {f"labels.{number}": each for number, each in enumerate(labels)}
    if form.papers and form.papers[0].each is not None:
        places["evidence"] = form.papers[0].each
    return places


def merge_fields(said: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Lay fields over others; evidence adds up."""
    whole = dict(said)
    for name, value in more.items():
        before = whole.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            whole[name] = {**before, **value}
        elif name in {"evidence", "flags"}:
            whole[name] = [*(before or ()), *value]
        else:
            whole[name] = value
    return whole
