"""Alerts of device monitors as Alertmanager sends them: each that fires is a contact, each resolved is told (R2.1)."""

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
from services.intake.domain.splitter import JSON

VERSION = "4"
_GROUP_FIELDS = ("version", "receiver", "status", "groupKey", "externalURL", "notification_reason")
"""What a group says that its alerts do not: its labels and annotations in common stand in each of them."""
_MAX_GROUP_FIELD_LENGTH = 1000


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear one notification: what it holds, alert by alert.

    Raises:
        Unusable: nothing can be made of it.

    """
    errors = InputErrors()
    told = FieldReader(parse_json_object(envelope.body), errors)
    if told.text("version") != VERSION:
        raise invalid_payload("version", "bad_schema", f"only version {VERSION} of the webhook is understood")
    alerts = told.parts("alerts")
    if errors.found:
        raise InvalidPayload(errors.found)
    if not alerts:
        raise invalid_payload("alerts", "bad_schema", "there is no alert in it")
    cut = told.values.get("truncatedAlerts")
    more = {"details": {"truncated_alerts": str(cut)}} if isinstance(cut, int) and cut > 0 else {}
    originals = _single_alert_envelopes(envelope)
    heard = [_parse_alert(each, one, mapping, more) for each, one in zip(alerts, originals, strict=True)]
    refused = [each.content for each in heard if isinstance(each.content, RejectedItem)]
    if len(refused) == len(heard):
        raise InvalidPayload([fault for each in refused for fault in each.errors])
    return heard


def _single_alert_envelopes(envelope: Envelope) -> Iterator[Envelope]:
    """Return each alert as the message that it would be alone: a group of hundreds is not kept hundreds of times."""
    # Read anew, because what is kept as the original has not been cleaned; its names have to be found all the same.
    group = {clean(name): value for name, value in json.loads(envelope.body.decode()).items()}
    common = {
        name: value[:_MAX_GROUP_FIELD_LENGTH] for name in _GROUP_FIELDS if isinstance(value := group.get(name), str)
    }
    for alert in group["alerts"]:
        body = json.dumps({**common, "alerts": [alert]}).encode()
        yield dataclasses.replace(envelope, body=body, media_type=JSON)


def _parse_alert(
    alert: FieldReader, envelope: Envelope, mapping: ChannelMapping, more: Mapping[str, Any]
) -> ParsedItem:
    errors = InputErrors()
    name = f"{alert.path}startsAt"
    since = times.parse_instant(alert.values.get("startsAt"), name, errors)
    fingerprint = alert.values.get("fingerprint")
    if since is None or not isinstance(fingerprint, str) or not fingerprint:
        if not errors.found:
            missing = (name, "bad_date") if since is None else (f"{alert.path}fingerprint", "missing_id")
            errors.add(*missing, "an alert has a fingerprint and says since when it fires")
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
                more={"occurred_at": since.replace(microsecond=0), **more},
                message_id=id_,
            )
        )
    except InvalidPayload as error:
        named = (InputError(alert.path + each.field, each.reason, each.message) for each in error.errors)
        return ParsedItem(RejectedItem(tuple(named), id_))


def _location(alert: FieldReader) -> str | None:
    labels = alert.part("labels")
    parts = [each for each in (labels.text("station"), labels.text("lane")) if each]
    return "/".join(parts) or labels.text("device_id") or labels.text("instance")


def _build_resolved(alert: FieldReader, envelope: Envelope, id_: str) -> NonTicket:
    until = times.parse_instant(alert.values.get("endsAt"), "endsAt", InputErrors()) or envelope.received_at
    contact = contact_id(envelope.sender, envelope.channel, id_)
    facts = {"resolved_at": until.isoformat()}
    return build_non_ticket(envelope, id_, "resolved", cause=f"{id_}/resolved", facts=facts, about=contact)
