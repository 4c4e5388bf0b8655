"""Parses messages with intake's own channels, for the tests of the adapters and of what they share."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from schemas.contact import Contact
from services.intake.channel_registry import channels
from services.intake.domain.envelope import ChannelConfig, Envelope, ParsedItem
from services.intake.domain.fields import InvalidPayload
from tests.builders import MORNING

CHANNELS = channels()
FORM = "application/x-www-form-urlencoded"
NOT_DIGITS = ["²", "①", "٣", "1²"]
"""Characters that `str.isdigit` accepts and that are not ASCII digits."""


def envelope(
    channel: str, body: bytes, media_type: str = "application/json", config: ChannelConfig | None = None
) -> Envelope:
    return Envelope("sender", channel, "carrier", MORNING, media_type, body, config=config or ChannelConfig())


def parse(
    channel: str, body: bytes, media_type: str = "application/json", config: ChannelConfig | None = None
) -> list[ParsedItem]:
    return CHANNELS[channel].parse(envelope(channel, body, media_type, config))


def parse_contact(
    channel: str,
    body: bytes | dict[str, Any],
    media_type: str = "application/json",
    config: ChannelConfig | None = None,
) -> Contact:
    """Parse a message that holds a single contact; an object is sent as JSON."""
    (only,) = parse(channel, body if isinstance(body, bytes) else to_json(body), media_type, config)
    assert isinstance(only.content, Contact)
    return only.content


def to_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def reasons(run: Callable[[], object]) -> dict[str, str]:
    """Return the reasons by field with which a message is rejected."""
    with pytest.raises(InvalidPayload) as caught:
        run()
    return {error.field: error.reason for error in caught.value.errors}


def messages(run: Callable[[], object]) -> dict[str, str]:
    """Return the messages by field with which a message is rejected."""
    with pytest.raises(InvalidPayload) as caught:
        run()
    return {error.field: error.message for error in caught.value.errors}
