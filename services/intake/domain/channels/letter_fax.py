"""Letters and faxes: what the mail room keyed in, and scans that were stored before (R2.1, R2.2)."""

import hashlib
from datetime import date, datetime
from typing import Any

from services.intake.domain import times
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem, json_object
from services.intake.domain.fields import FieldReader, InputErrors
from services.intake.domain.mapping import ChannelMapping


def hear(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Hear the register of one letter or fax.

    Raises:
        Unusable: nothing can be made of it; a scan that is missing or is not what the register says counts as that.

    """
    faults = InputErrors()
    body = json_object(envelope.body)
    told = FieldReader(body, faults)
    evidence = [_scan(each, envelope, faults) for each in told.parts("scans")]
    posted = times.moment(told.values.get("postmark_date"), "postmark_date", faults, envelope.config.default_tz)
    came = times.instant(told.values.get("received_at"), "received_at", InputErrors(), envelope.config.default_tz)
    if posted is not None and _day(posted) > (came or envelope.received_at).date():
        faults.add("postmark_date", "bad_date", "the postmark is later than the receipt: check both dates")
    more: dict[str, Any] = {"evidence": [each for each in evidence if each is not None]}
    return [ParsedItem(MappedChannel(mapping).drawn(body, envelope, faults=faults, more=more))]


def _day(told: date | datetime) -> date:
    return told.date() if isinstance(told, datetime) else told


def _scan(scan: FieldReader, envelope: Envelope, faults: InputErrors) -> dict[str, Any] | None:
    name, path = scan.text("file"), scan.path
    content = envelope.papers.found(name) if name else None
    if name is None or content is None:
        faults.add(f"{path}file", "missing_attachment", "store the scan under this name first, then send the register")
        return None
    size, digest = scan.values.get("size"), scan.text("sha256")
    if digest is not None and hashlib.sha256(content).hexdigest() != digest.lower():
        faults.add(f"{path}sha256", "bad_attachment", "the stored scan is another: store it again, whole")
    elif size is not None and size != len(content):
        faults.add(f"{path}size", "bad_attachment", f"the stored scan has {len(content)} bytes: store it again, whole")
    return {
        "kind": "scan",
        "reference": envelope.papers.add(content),
        "media_type": scan.text("mime"),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
