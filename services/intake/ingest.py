"""The steps that all doors share: parse a message by its channel, store its attachments, build its records."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from schemas.base import Record
from schemas.contact import Contact
from services.domain.ids import record_key
from services.intake import channel_registry, channel_settings
from services.intake.attachments import AttachmentStore
from services.intake.channel_registry import ChannelAdapter, MappingError
from services.intake.channel_settings import ChannelSettings
from services.intake.domain.envelope import AttachmentBuffer, Envelope, ParsedItem
from services.intake.settings import IntakeSettings
from services.shared.kafka.records import Outgoing, outgoing
from services.shared.runtime.errors import ConfigurationError

NAME = "intake"


def channel_owner(channel: str) -> str:
    """Return the owner of the named attachments of messages without a key: their channel."""
    return f"channel/{channel}"


@dataclass(frozen=True)
class Ingestor:
    """Turns messages into records for Kafka, on behalf of every door.

    Attributes:
        channels: the channels, by name.
        settings: the operator's settings, by channel.
        attachments: the attachment store.
        secret: secret with which record keys are hashed.
        policy: policy pack of messages without a key.
        switchboards: numbers in E.164 from which many people call.

    """

    channels: Mapping[str, ChannelAdapter]
    settings: Mapping[str, ChannelSettings]
    attachments: AttachmentStore
    secret: str
    policy: str
    switchboards: frozenset[str] = frozenset()

    @classmethod
    def from_settings(cls, settings: IntakeSettings) -> "Ingestor":
        """Build it from the settings of the service.

        Raises:
            ConfigurationError: a mapping, the channels file or the store of attachments cannot be used.

        """
        try:
            channels = channel_registry.channels(*([settings.mappings] if settings.mappings is not None else []))
        except MappingError as error:
            raise ConfigurationError(str(error)) from error
        configured = channel_settings.load(settings.channels)
        unknown = sorted(configured.keys() - channels.keys())
        if unknown:
            raise ConfigurationError(
                f"DUBAN_CHANNELS: unknown channel {unknown[0]}: choose one of {', '.join(channels)}"
            )
        return cls(
            channels,
            configured,
            AttachmentStore.from_settings(settings),
            settings.contact_key_secret.get_secret_value(),
            settings.channel_policy,
            channel_settings.load_switchboards(settings.channels),
        )

    def settings_for(self, name: str) -> ChannelSettings:
        """Return the settings of a channel."""
        return self.settings.get(name) or ChannelSettings()

    def envelope(
        self,
        channel: str,
        body: bytes,
        *,
        media_type: str,
        received_at: datetime,
        sender: str | None = None,
        policy: str | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Envelope:
        """Build the envelope of a message; sender and policy default to the channel's, for messages without a key."""
        settings = self.settings_for(channel)
        return Envelope(
            sender=sender or settings.sender or channel,
            channel=channel,
            policy=policy or settings.policy or self.policy,
            received_at=received_at,
            media_type=media_type,
            body=body,
            query=query or {},
            config=settings.config,
            attachments=AttachmentBuffer(
                read_stored=lambda name: self.attachments.get_named(sender or channel_owner(channel), name)
            ),
        )

    def parse(self, envelope: Envelope) -> list[ParsedItem]:
        """Parse a message and store its attachments.

        Raises:
            InvalidPayload: nothing of it can be used.
            Retryable: the attachments cannot be stored.

        """
        items = self.channels[envelope.channel].parse(envelope)
        for reference, content in envelope.attachments.new.items():
            self.attachments.put(reference, content)
        return items

    def records(self, contents: Iterable[Record], trace: str | None) -> list[Outgoing]:
        """Build the Kafka records of several items."""
        return [self.record(content, trace) for content in contents]

    def record(self, content: Record, trace: str | None) -> Outgoing:
        """Build the Kafka record of an item; contacts are keyed by customer, so that they stay in order."""
        if isinstance(content, Contact):
            if content.customer.phone in self.switchboards:
                content = content.replace(customer=content.customer.replace(switchboard=True))
            return outgoing(content, NAME, key=record_key(content.customer, self.secret), trace=trace)
        return outgoing(content, NAME, trace=trace)
