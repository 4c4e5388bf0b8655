"""Adapter for letters and faxes: the mail room's register, and scans that were stored before (R2.1, R2.2). Pure."""

import hashlib
from datetime import date, datetime
from typing import Any

from services.intake.domain import times
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, parse_json_object
from services.intake.domain.fields import FieldReader, InputErrors
from services.intake.domain.mapping import ChannelMapping


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse the register entry of one letter or fax.

    Raises:
        InvalidPayload: no contact can be built from it, or a scan is missing or differs from the register.

    """
    errors = InputErrors()
    body = parse_json_object(envelope.body)
    register = FieldReader(body, errors)
    evidence = [_check_scan(scan, envelope, errors) for scan in register.parts("scans")]
    postmark = times.parse_instant_or_day(
        register.values.get("postmark_date"), "postmark_date", errors, envelope.config.default_tz
    )
    received = times.parse_instant(
        register.values.get("received_at"), "received_at", InputErrors(), envelope.config.default_tz
    )
    if postmark is not None and _day(postmark) > (received or envelope.received_at).date():
        errors.add("postmark_date", "bad_date", "the postmark is later than the receipt: correct one of the dates")
    overrides: dict[str, Any] = {"evidence": [scan for scan in evidence if scan is not None]}
    return [ParsedItem(MappedChannel(mapping).build(body, envelope, errors=errors, overrides=overrides))]


def _day(moment: date | datetime) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def _check_scan(scan: FieldReader, envelope: Envelope, errors: InputErrors) -> dict[str, Any] | None:
    """Compare a stored scan with the register's entry and return it as evidence, None when it is missing."""
    name, path = scan.text("file"), scan.path
    content = envelope.attachments.read_stored(name) if name else None
    if name is None or content is None:
        errors.add(f"{path}file", "missing_attachment", "store the scan under this name first, then send the register")
        return None
    size, digest = scan.values.get("size"), scan.text("sha256")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest.lower():
        errors.add(f"{path}sha256", "bad_attachment", "the stored scan has another digest: store it again, complete")
    elif size is not None and size != len(content):
        errors.add(
            f"{path}size", "bad_attachment", f"the stored scan has {len(content)} bytes: store it again, complete"
        )
    return {
        "kind": "scan",
        "reference": envelope.attachments.add(content),
        "media_type": scan.text("mime"),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
