"""Channels of JSON objects that need no code of their own, only a mapping (web form, business halls, lists). Pure."""

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
    """Parses JSON messages by a mapping; adapters use `build` for the part of a message that the mapping covers."""

    def __init__(self, mapping: ChannelMapping) -> None:
        self.mapping = mapping

    def __call__(self, envelope: Envelope) -> list[ParsedItem]:
        """Parse one JSON object.

        Raises:
            InvalidPayload: no contact can be built from it.

        """
        return [ParsedItem(self.build(parse_json_object(envelope.body), envelope))]

    def form_for(self, message: Mapping[str, Any]) -> MessageMapping:
        """Return the form that reads a message.

        Raises:
            InvalidPayload: no form reads it.

        """
        form = self.mapping.form_for(message)
        if form is None:
            wanted = " or ".join(str(form.has) for form in self.mapping.form)
            raise invalid_payload("body", "bad_schema", f"this is not a message of this channel: it needs {wanted}")
        return form

    def build(
        self,
        message: Mapping[str, Any],
        envelope: Envelope,
        *,
        errors: InputErrors | None = None,
        overrides: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> Contact | NonTicket:
        """Build the contact that a message holds; a form without `reach` yields a non-ticket of history.

        Args:
            message: the JSON object.
            envelope: the message as received.
            errors: errors that the adapter found before.
            overrides: contact fields that the adapter read itself; they win over those of the mapping.
            message_id: the message id, where the adapter knows better than the mapping.

        Raises:
            InvalidPayload: no contact can be built from the message.

        """
        form = self.form_for(message)
        errors = errors if errors is not None else InputErrors()
        reader = MappingReader(form, message, envelope.config, errors)
        contact = build_contact(
            envelope,
            message_id or reader.message_id(form),
            merge_fields(reader.fields, overrides or {}),
            errors,
            reach=form.reach,
            id_field=form.id[0].at,
            source_paths=_source_paths(form, message),
        )
        if form.reach is not None:
            return contact
        return build_non_ticket(envelope, contact.message_id, "history", contact=contact.replace(raw=None))


def _source_paths(form: MessageMapping, message: Mapping[str, Any]) -> dict[str, str]:
    """Return the message's path of each contact field: where the value was found, else the first place to look."""
    fields = {name: target.at for name, target in form.fields.items() if target.at}
    paths = {name: (first_value(message, sources)[1] or sources[0]).at for name, sources in fields.items()}
    labels = (path for path in form.labels if isinstance(value := value_at(message, path), str) and value.strip())
    paths |= {f"labels.{number}": path for number, path in enumerate(labels)}
    if form.evidence and form.evidence[0].items_at is not None:
        paths["evidence"] = form.evidence[0].items_at
    return paths


def merge_fields(fields: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Merge contact fields: objects are merged, evidence and flags appended, all other values replaced."""
    merged = dict(fields)
    for name, value in overrides.items():
        before = merged.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            merged[name] = {**before, **value}
        elif name in {"evidence", "flags"}:
            merged[name] = [*(before or ()), *value]
        else:
            merged[name] = value
    return merged
