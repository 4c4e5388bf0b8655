"""Letters and faxes: what the mail room keyed in, and scans that were stored before (R2.1, R2.2)."""

import hashlib
from datetime import date, datetime
from typing import Any

from services.intake.domain import times
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors
from services.intake.domain.mapping import ChannelMapping


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear the register of one letter or fax.

    Raises:
        Unusable: nothing can be made of it; a scan that is missing or is not what the register says counts as that.

    """
    errors = InputErrors()
    body = parse_json_object(envelope.body)
    told = FieldReader(body, errors)
    evidence = [_check_scan(each, envelope, errors) for each in told.parts("scans")]
    posted = times.parse_instant_or_day(
        told.values.get("postmark_date"), "postmark_date", errors, envelope.config.default_tz
    )
    came = times.parse_instant(told.values.get("received_at"), "received_at", InputErrors(), envelope.config.default_tz)
    if posted is not None and _day(posted) > (came or envelope.received_at).date():
        errors.add("postmark_date", "bad_date", "the postmark is later than the receipt: check both dates")
    more: dict[str, Any] = {"evidence": [each for each in evidence if each is not None]}
    return [ParsedItem(MappedChannel(mapping).build(body, envelope, errors=errors, more=more))]


def _day(told: date | datetime) -> date:
    return told.date() if isinstance(told, datetime) else told


def _check_scan(scan: FieldReader, envelope: Envelope, errors: InputErrors) -> dict[str, Any] | None:
    name, path = scan.text("file"), scan.path
    content = envelope.attachments.read_stored(name) if name else None
    if name is None or content is None:
        errors.add(f"{path}file", "missing_attachment", "store the scan under this name first, then send the register")
        return None
    size, digest = scan.values.get("size"), scan.text("sha256")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest.lower():
        errors.add(f"{path}sha256", "bad_attachment", "the stored scan is another: store it again, whole")
    elif size is not None and size != len(content):
        errors.add(f"{path}size", "bad_attachment", f"the stored scan has {len(content)} bytes: store it again, whole")
    return {
        "kind": "scan",
        "reference": envelope.attachments.add(content),
        "media_type": scan.text("mime"),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
