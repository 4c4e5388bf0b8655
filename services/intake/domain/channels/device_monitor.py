"""Adapter for Alertmanager webhooks: a firing alert is a contact, a resolved one a non-ticket about it (R2.1). Pure."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.non_ticket import NonTicket
from services.domain.ids import contact_id
from services.intake.domain import times
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.channels.non_ticket import build_non_ticket
from services.intake.domain.envelope import Envelope, ParsedItem, RejectedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputError, InputErrors, InvalidPayload, clean, invalid_payload
from services.intake.domain.mapping import ChannelMapping
from services.intake.domain.message_parts import JSON

VERSION = "4"
"""Version of the webhook that is understood."""
_GROUP_FIELDS = ("version", "receiver", "status", "groupKey", "externalURL", "notification_reason")
"""Fields of a notification that its alerts lack; common labels and annotations are repeated in each alert."""
_MAX_GROUP_FIELD_LENGTH = 1000
"""Characters of such a field that are stored with each alert."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse one notification into an item per alert.

    Raises:
        InvalidPayload: it holds no alert that can be used.

    """
    errors = InputErrors()
    notification = FieldReader(parse_json_object(envelope.body), errors)
    if notification.text("version") != VERSION:
        raise invalid_payload(
            "version",
            "bad_schema",
            f"only version {VERSION} is supported: send that version",
        )
    alerts = notification.parts("alerts")
    if errors.found:
        raise InvalidPayload(errors.found)
    if not alerts:
        raise invalid_payload("alerts", "bad_schema", "the notification holds no alert: send at least one")
    truncated = notification.values.get("truncatedAlerts")
    overrides = (
        {"details": {"truncated_alerts": str(truncated)}} if isinstance(truncated, int) and truncated > 0 else {}
    )
    originals = _single_alert_envelopes(envelope)
    items = [_parse_alert(alert, one, mapping, overrides) for alert, one in zip(alerts, originals, strict=True)]
    rejected = [item.content for item in items if isinstance(item.content, RejectedItem)]
    if len(rejected) == len(items):
        raise InvalidPayload([error for item in rejected for error in item.errors])
    return items


def _single_alert_envelopes(envelope: Envelope) -> Iterator[Envelope]:
    """Yield a notification per alert as its original, so that a group of hundreds is not stored hundreds of times."""
    # Parsed again, because the original must not be cleaned; cleaned names are needed to find the fields.
    group = {clean(name): value for name, value in json.loads(envelope.body.decode()).items()}
    common = {
        name: value[:_MAX_GROUP_FIELD_LENGTH] for name in _GROUP_FIELDS if isinstance(value := group.get(name), str)
    }
    for alert in group["alerts"]:
        body = json.dumps({**common, "alerts": [alert]}).encode()
        yield dataclasses.replace(envelope, body=body, media_type=JSON)


def _parse_alert(
    alert: FieldReader, envelope: Envelope, mapping: ChannelMapping, overrides: Mapping[str, Any]
) -> ParsedItem:
    errors = InputErrors()
    name = f"{alert.path}startsAt"
    since = times.parse_instant(alert.values.get("startsAt"), name, errors)
    fingerprint = alert.values.get("fingerprint")
    if since is None or not isinstance(fingerprint, str) or not fingerprint:
        if not errors.found:
            missing = (name, "bad_date") if since is None else (f"{alert.path}fingerprint", "missing_id")
            errors.add(*missing, "an alert needs a fingerprint and the time since which it fires")
        return ParsedItem(RejectedItem(tuple(errors.found)))
    stamp = times.to_utc(since).replace(microsecond=0, tzinfo=None).isoformat()
    id_ = f"{fingerprint}@{stamp}Z"
    if alert.values.get("status") == "resolved":
        return ParsedItem(_build_resolved(alert, envelope, id_))
    values = {**alert.values, "place": _location(alert)}
    try:
        return ParsedItem(
            MappedChannel(mapping).build(
                values,
                envelope,
                overrides={"occurred_at": since.replace(microsecond=0), **overrides},
                message_id=id_,
            )
        )
    except InvalidPayload as error:
        prefixed = (InputError(alert.path + cause.field, cause.reason, cause.message) for cause in error.errors)
        return ParsedItem(RejectedItem(tuple(prefixed), id_))


def _location(alert: FieldReader) -> str | None:
    """Return where the device is, for the mapping's path `place`: station and lane, else the device itself."""
    labels = alert.part("labels")
    parts = [label for label in (labels.text("station"), labels.text("lane")) if label]
    return "/".join(parts) or labels.text("device_id") or labels.text("instance")


def _build_resolved(alert: FieldReader, envelope: Envelope, id_: str) -> NonTicket:
    until = times.parse_instant(alert.values.get("endsAt"), "endsAt", InputErrors()) or envelope.received_at
    contact = contact_id(envelope.sender, envelope.channel, id_)
    facts = {"resolved_at": until.isoformat()}
    return build_non_ticket(envelope, id_, "resolved", cause=f"{id_}/resolved", facts=facts, about=contact)
