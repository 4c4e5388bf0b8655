"""Every channel: what hears it, how its sender is answered, and the mapping it reads by."""

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
from services.intake.domain.splitter import JSON, MessagePart, split
from services.shared.runtime import package_data

MAPPINGS = package_data.folder("services.intake") / "mappings"

Adapter = Callable[[Envelope, ChannelMapping], list[ParsedItem]]
"""Hears a message of a channel that needs more than its mapping."""

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
"""Channels that need more than their mapping."""
OWN_TABLES = frozenset({"hotline"})
"""Channels whose adapter reads text files itself: their lines are no rows under a line of names."""
MIGRATION = "migration"
"""The channel of tickets that another system began."""
WITHOUT_TOPIC = frozenset({"sms", "wechat", "email", MIGRATION})
"""Channels whose messages are no JSON, or that are for a single occasion."""


class MappingError(ValueError):
    """A mapping that cannot be used; the message names file and key."""


@dataclass(frozen=True, slots=True)
class ChannelAdapter:
    """One channel.

    Attributes:
        name: in the address of its door, and in every contact.
        mapping: its mapping.
        parse_message: parses one message that is no file of several.

    """

    name: str
    mapping: ChannelMapping
    parse_message: MessageParser

    @property
    def ids(self) -> list[str]:
        """Names of the fields that hold a message's id."""
        return [each.at for form in self.mapping.form for each in form.id]

    def parse(self, envelope: Envelope) -> list[ParsedItem]:
        """Take in a message, or a file of them: everything it holds, in order.

        Raises:
            Unusable: nothing of it can be used.

        """
        pieces = self.split(envelope)
        if pieces is None:
            return self.parse_message(envelope)
        heard = [each for piece in pieces for each in self._piece(piece, envelope)]
        if not heard:
            raise invalid_payload("body", "empty", "the file holds no message")
        return heard

    def split(self, envelope: Envelope) -> Iterable[MessagePart] | None:
        """Return the messages of a file, None when it is one message."""
        if self.name in OWN_TABLES and envelope.kind != JSON and not envelope.kind.endswith("ndjson"):
            return None
        file = io.BytesIO(envelope.body)
        return split(file, envelope.media_type, ids=self.ids, charset=envelope.config.charset)

    def _piece(self, piece: MessagePart, envelope: Envelope) -> list[ParsedItem]:
        one = dataclasses.replace(envelope, body=piece.body, media_type=piece.media_type)
        try:
            if piece.error is not None:
                raise InvalidPayload([piece.error])
            return [dataclasses.replace(each, line=piece.line) for each in self.parse_message(one)]
        except InvalidPayload as error:
            return [
                ParsedItem(
                    RejectedItem(tuple(error.errors), self.id_of(piece), piece.original or piece.body), piece.line
                )
            ]

    def id_of(self, piece: MessagePart) -> str | None:
        """Return the channel's own id of a message that cannot be used, as far as it can be read."""
        if piece.media_type != JSON:
            return None
        try:
            return self.mapping.find_message_id(parse_json_object(piece.body))
        except InvalidPayload:
            return None


def channels(*folders: Path) -> dict[str, ChannelAdapter]:
    """Return every channel, by name; a mapping of a later folder goes before one of the same name.

    Raises:
        MappingError: a mapping cannot be used.

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
        place = ".".join(str(each) for each in first["loc"])
        raise MappingError(f"{file}: {place}: {first['msg']}") from error
    adapter = ADAPTERS.get(name)
    parse_message: MessageParser = MappedChannel(mapping) if adapter is None else _bind_mapping(adapter, mapping)
    return ChannelAdapter(name, mapping, parse_message)


def _bind_mapping(adapter: Adapter, mapping: ChannelMapping) -> MessageParser:
    return lambda envelope: adapter(envelope, mapping)
