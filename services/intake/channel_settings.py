"""Loads the operator's channels file (`DUBAN_CHANNELS`): a TOML table per channel, and the list of switchboards."""

import dataclasses
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from services.intake.domain import signatures
from services.intake.domain.channels import wechat
from services.intake.domain.envelope import ChannelConfig, Envelope
from services.intake.domain.fields import InputError
from services.intake.domain.phones import parse_phone
from services.shared.runtime.errors import ConfigurationError

SWITCHBOARDS = "switchboards"
"""The only key of the file that is not a channel."""
_CONFIG = frozenset(setting.name for setting in dataclasses.fields(ChannelConfig))
"""Settings of a channel that say how its messages are read."""


class ChannelSettings(BaseModel):
    """Settings of one channel.

    Attributes:
        sender: sender name of messages without a key; None: the channel's name.
        policy: policy pack of such messages; None: `DUBAN_CHANNEL_POLICY`.
        signature: how the channel signs its webhook; None: requests need a key.
        secret: secret of the signature; for WeChat the account's token.
        signature_header, timestamp_header: headers with the signature of `hmac` and the timestamp signed with it.
        public_url: URL under which the channel posts, which Twilio signs; None: the URL of the request.
        per_minute: rate limit for messages without a key; None: no limit.
        config: how its messages are read.

    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    sender: str | None = None
    policy: str | None = None
    signature: Literal["twilio", "wechat", "hmac"] | None = None
    secret: SecretStr | None = None
    signature_header: str = "X-Signature"
    timestamp_header: str | None = None
    public_url: str | None = None
    per_minute: int | None = Field(default=None, ge=1)
    config: ChannelConfig = ChannelConfig()

    @model_validator(mode="before")
    @classmethod
    def _separate_config(cls, table: Any) -> Any:
        if not isinstance(table, dict) or "config" in table:
            return table
        config = ChannelConfig().with_settings({name: table[name] for name in table.keys() & _CONFIG})
        return {**{name: table[name] for name in table.keys() - _CONFIG}, "config": config}

    @model_validator(mode="after")
    def _require_secret(self) -> "ChannelSettings":
        if self.signature is not None and self.secret is None and self.config.token is None:
            raise ValueError("a signature needs a secret: set `secret`, or `token` for WeChat")
        return self

    def signature_error(self, envelope: Envelope, url: str, headers: Mapping[str, str]) -> InputError | None:
        """Return why the signature of a message is not accepted, None when it is.

        Args:
            envelope: the message.
            url: URL of the request.
            headers: headers of the request, names in lower case.

        Raises:
            InvalidPayload: the body is not a message of the channel at all.

        """
        # Signatures use wall-clock time, never business time.
        now = datetime.now(UTC)
        secret = self.secret.get_secret_value() if self.secret is not None else self.config.token or ""
        if self.signature == "wechat":
            config = dataclasses.replace(envelope.config, token=secret)
            return wechat.signature_error(dataclasses.replace(envelope, config=config), now)
        header = "X-Twilio-Signature" if self.signature == "twilio" else self.signature_header
        signature = headers.get(header.lower(), "")
        if self.signature == "twilio":
            valid = signatures.verify_twilio(secret, self.public_url or url, envelope.body, signature)
            return (
                None if valid else signatures.bad_signature(header, "sign URL and parameters with the account's secret")
            )
        timestamp = headers.get(self.timestamp_header.lower(), "") if self.timestamp_header else None
        if not signatures.verify_hmac_sha256(secret, envelope.body, signature, timestamp=timestamp):
            prefix = f"{self.timestamp_header}, a dot and " if self.timestamp_header else ""
            return signatures.bad_signature(header, f"send the hexadecimal HMAC-SHA256 of {prefix}the body")
        return (
            signatures.timestamp_error(timestamp, self.timestamp_header, now)
            if timestamp is not None and self.timestamp_header
            else None
        )


def load(path: Path | None) -> dict[str, ChannelSettings]:
    """Load the settings of the channels that the file names; without a file every channel has the defaults.

    Raises:
        ConfigurationError: the file cannot be read or used; the message names file and key.

    """
    settings = {}
    for name, table in _read(path).items():
        if name == SWITCHBOARDS:
            continue
        try:
            settings[name] = ChannelSettings.model_validate(table)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            key = ".".join(str(part) for part in (name, *first["loc"]))
            raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {key}: {first['msg']}") from error
    return settings


def load_switchboards(path: Path | None) -> frozenset[str]:
    """Load the switchboard numbers in E.164, from which many people call, on any channel (DECISIONS 30).

    Raises:
        ConfigurationError: the file cannot be read or used; the message names file and key.

    """
    entries = _read(path).get(SWITCHBOARDS, [])
    if not isinstance(entries, list):
        raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {SWITCHBOARDS}: write a list of numbers")
    phones = {entry: parse_phone(entry) if isinstance(entry, str) else None for entry in entries}
    invalid = next((entry for entry, phone in phones.items() if phone is None), None)
    if invalid is not None:
        raise ConfigurationError(
            f"DUBAN_CHANNELS: {path}: {SWITCHBOARDS}: {invalid!r} is not a phone number: write it as text, such as "
            '"+8637155500001"'
        )
    return frozenset(phone.number for phone in phones.values() if phone is not None)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {error}") from error
