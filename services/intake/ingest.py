"""Where every door brings its messages: read by the channel's adapter, attachments stored, records made."""

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
    """Return under whose name attachments are kept that a message without a key speaks of: the channel's."""
    return f"channel/{channel}"


@dataclass(frozen=True)
class Ingestor:
    """What the doors share.

    Attributes:
        channels: the channels, by name.
        settings: what the operator set for them.
        attachments: where attachments go.
        secret: what record keys are made with.
        policy: pack of channels whose messages come without a key.
        switchboards: numbers, E.164, that many people call from.

    """

    channels: Mapping[str, ChannelAdapter]
    settings: Mapping[str, ChannelSettings]
    attachments: AttachmentStore
    secret: str
    policy: str
    switchboards: frozenset[str] = frozenset()

    @classmethod
    def from_settings(cls, settings: IntakeSettings) -> "Ingestor":
        """Make it of the service's settings.

        Raises:
            ConfigurationError: a mapping or the channels' file cannot be used.

        """
        try:
            table = channel_registry.channels(*([settings.mappings] if settings.mappings is not None else []))
        except MappingError as error:
            raise ConfigurationError(str(error)) from error
        told = channel_settings.load(settings.channels)
        unknown = sorted(told.keys() - table.keys())
        if unknown:
            raise ConfigurationError(f"DUBAN_CHANNELS: there is no channel {unknown[0]}: choose of {', '.join(table)}")
        return cls(
            table,
            told,
            AttachmentStore(settings.attachments),
            settings.contact_key_secret.get_secret_value(),
            settings.channel_policy,
            channel_settings.load_switchboards(settings.channels),
        )

    def settings_for(self, name: str) -> ChannelSettings:
        """Return what is set for a channel."""
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
        """Put a message in its envelope; without a key the channel says who sent it."""
        told = self.settings_for(channel)
        who = sender or told.sender or channel
        return Envelope(
            sender=who,
            channel=channel,
            policy=policy or told.policy or self.policy,
            received_at=received_at,
            media_type=media_type,
            body=body,
            query=query or {},
            config=told.config,
            attachments=AttachmentBuffer(
                read_stored=lambda name: self.attachments.get_named(sender or channel_owner(channel), name)
            ),
        )

    def parse(self, envelope: Envelope) -> list[ParsedItem]:
        """Take in a message and store its attachments.

        Raises:
            Unusable: nothing of it can be used.
            Retryable: the attachments cannot be stored.

        """
        heard = self.channels[envelope.channel].parse(envelope)
        for reference, content in envelope.attachments.new.items():
            self.attachments.put(reference, content)
        return heard

    def records(self, whats: Iterable[Record], trace: str | None) -> list[Outgoing]:
        """Return the records of what was heard, for their topics."""
        return [self.record(each, trace) for each in whats]

    def record(self, what: Record, trace: str | None) -> Outgoing:
        """Return the record of one thing; contacts of one customer stay in order."""
        if isinstance(what, Contact):
            if what.customer.phone in self.switchboards:
                what = what.replace(customer=what.customer.replace(switchboard=True))
            return outgoing(what, NAME, key=record_key(what.customer, self.secret), trace=trace)
        return outgoing(what, NAME, trace=trace)
