"""SMS and MMS as a gateway posts them: a form with the sender's number, the text and links to pictures (R2.1)."""

from typing import Any

from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, ParsedItem
from services.intake.domain.fields import clean, parse_whole_number
from services.intake.domain.form_data import parse_form
from services.intake.domain.mapping import ChannelMapping

_MAX_MEDIA = 200
"""Pictures of one message that are looked at."""


def parse(envelope: Envelope, mapping: ChannelMapping) -> list[ParsedItem]:
    """Parse one text message.

    Raises:
        InvalidPayload: no contact can be built from it.

    """
    form: dict[str, Any] = clean(parse_form(envelope.body))
    media_count = parse_whole_number(form.get("NumMedia", "")) or 0
    form["media"] = [
        {"url": form[f"MediaUrl{number}"], "type": form.get(f"MediaContentType{number}")}
        for number in range(min(media_count, _MAX_MEDIA))
        if form.get(f"MediaUrl{number}")
    ]
    # The gateway sends no time. `contacted_at` stays empty, so that a retry is the same message (R2.4).
    return [ParsedItem(MappedChannel(mapping).build(form, envelope))]
