"""The registry of channels: loads every mapping and pairs it with the adapter that parses the channel's messages."""

import dataclasses
import io
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from services.intake.domain.channels import (
    app_im,
    device_monitor,
    email,
    hotline,
    letter_fax,
    sms,
    tmf621,
    wechat,
)
from services.intake.domain.channels.mapped import MappedChannel
from services.intake.domain.envelope import Envelope, MessageParser, ParsedItem, RejectedItem, parse_json_object
from services.intake.domain.fields import InvalidPayload, invalid_payload
from services.intake.domain.mapping import ChannelMapping
from services.intake.domain.message_parts import JSON, MessagePart
from services.intake.domain.splitter import split
from services.shared.runtime import package_data

MAPPINGS = package_data.folder("services.intake") / "mappings"

Adapter = Callable[[Envelope, ChannelMapping], list[ParsedItem]]
"""Parses a message of a channel that needs more than its mapping."""

ADAPTERS: Mapping[str, Adapter] = {
    "app_im": app_im.parse,
    "device_monitor": device_monitor.parse,
    "email": email.parse,
    "hotline": hotline.parse,
    "letter_fax": letter_fax.parse,
    "sms": sms.parse,
    "tmf621": tmf621.parse,
    "wechat": wechat.parse,
}
"""Adapters by channel; a channel without one is parsed by its mapping alone."""
OWN_TABLES = frozenset({"hotline"})
"""Channels whose adapter reads text files itself, because they have no header row."""
MIGRATION = "migration"
"""The channel for tickets that were opened in another system."""
WITHOUT_TOPIC = frozenset({"sms", "wechat", "email", MIGRATION})
"""Channels without a topic: their messages are not JSON, or they are imported once."""


class MappingError(ValueError):
    """A mapping file that cannot be used; the message names file and key."""


@dataclass(frozen=True, slots=True)
class ChannelAdapter:
    """One channel and how its messages are parsed.

    Attributes:
        name: name in the URL of its webhook, and in every contact.
        mapping: its mapping.
        parse_message: parses a single message.

    """

    name: str
    mapping: ChannelMapping
    parse_message: MessageParser

    @property
    def ids(self) -> list[str]:
        """Paths of the fields that may hold the message id."""
        return [source.at for form in self.mapping.form for source in form.id]

    def parse(self, envelope: Envelope) -> list[ParsedItem]:
        """Parse a message, or a file of messages, into its items in order; rejected parts of a file are among them.

        Raises:
            InvalidPayload: nothing of it can be used.

        """
        parts = self.split(envelope)
        if parts is None:
            return self.parse_message(envelope)
        items = [item for part in parts if part.kept is None for item in self._parse_part(part, envelope)]
        if not items:
            raise invalid_payload("body", "empty", "the file holds no message: send at least one")
        return items

    def split(self, envelope: Envelope) -> Iterable[MessagePart] | None:
        """Split a file into its messages lazily; None when it is a single message."""
        if self.name in OWN_TABLES and envelope.kind != JSON and not envelope.kind.endswith("ndjson"):
            return None
        file = io.BytesIO(envelope.body)
        return split(file, envelope.media_type, ids=self.ids, charset=envelope.config.charset)

    def _parse_part(self, part: MessagePart, envelope: Envelope) -> list[ParsedItem]:
        """Parse one message of a file; one that cannot be used becomes a rejected item."""
        message = dataclasses.replace(envelope, body=part.body, media_type=part.media_type)
        try:
            if part.error is not None:
                raise InvalidPayload([part.error])
            return [dataclasses.replace(item, line=part.line, sheet=part.sheet) for item in self.parse_message(message)]
        except InvalidPayload as error:
            rejected = RejectedItem(tuple(error.errors), self.find_message_id(part), part.original or part.body)
            return [ParsedItem(rejected, part.line, part.sheet)]

    def find_message_id(self, part: MessagePart) -> str | None:
        """Return the channel's own id of a message, None when it cannot be read."""
        if part.media_type != JSON:
            return None
        try:
            return self.mapping.find_message_id(parse_json_object(part.body))
        except InvalidPayload:
            return None


def channels(*folders: Path) -> dict[str, ChannelAdapter]:
    """Load every channel, by name; a mapping in a later folder replaces one of the same name.

    Raises:
        MappingError: a mapping file cannot be used.

    """
    files = {file.stem: file for folder in (MAPPINGS, *folders) for file in sorted(folder.glob("*.toml"))}
    return {name: _load_channel(name, file) for name, file in sorted(files.items())}


def _load_channel(name: str, file: Path) -> ChannelAdapter:
    try:
        mapping = ChannelMapping.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise MappingError(f"{file}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise MappingError(f"{file}: {key}: {first['msg']}") from error
    adapter = ADAPTERS.get(name)
    parse_message: MessageParser = MappedChannel(mapping) if adapter is None else _bind_mapping(adapter, mapping)
    return ChannelAdapter(name, mapping, parse_message)


def _bind_mapping(adapter: Adapter, mapping: ChannelMapping) -> MessageParser:
    return lambda envelope: adapter(envelope, mapping)
