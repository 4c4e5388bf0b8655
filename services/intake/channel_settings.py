"""What an operator sets for channels: a TOML file with a table for each, and the switchboards (`DUBAN_CHANNELS`)."""

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
from services.intake.domain.fields import InputError, parse_phone
from services.shared.runtime.errors import ConfigurationError

SWITCHBOARDS = "switchboards"
"""The file's only key that is no channel."""
_CONFIG = frozenset(each.name for each in dataclasses.fields(ChannelConfig))


class ChannelSettings(BaseModel):
    """Settings of one channel.

    Attributes:
        sender: who is named as the sender of messages that come without a key; None: the channel.
        policy: pack under which these run; None: the deployment's for channels.
        signature: how its webhook is signed; None: it needs a key.
        secret: what the signature is made with; of WeChat the account's token.
        signature_header, timestamp_header: where `hmac` finds the signature, and the time that is signed with it.
        public_url: the address that the sender was given, which Twilio signs; None: the one that the request came to.
        per_minute: messages without a key that are taken in a minute; None: any number.
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
    def _apart(cls, told: Any) -> Any:
        if not isinstance(told, dict) or "config" in told:
            return told
        config = ChannelConfig().with_settings({name: told[name] for name in told.keys() & _CONFIG})
        return {**{name: told[name] for name in told.keys() - _CONFIG}, "config": config}

    @model_validator(mode="after")
    def _secret(self) -> "ChannelSettings":
        if self.signature is not None and self.secret is None and self.config.token is None:
            raise ValueError("a signature needs a secret")
        return self

    def signature_error(self, envelope: Envelope, url: str, headers: Mapping[str, str]) -> InputError | None:
        """Return why a message is not signed as the channel signs, None when it is.

        Args:
            envelope: of the message.
            url: the address that it came to.
            headers: that came with it; their names in small letters.

        Raises:
            Unusable: it is not even a message of the channel.

        """
        # Signatures are of real time, never of business time.
        now = datetime.now(UTC)
        secret = self.secret.get_secret_value() if self.secret is not None else self.config.token or ""
        if self.signature == "wechat":
            config = dataclasses.replace(envelope.config, token=secret)
            return wechat.signature_error(dataclasses.replace(envelope, config=config), now)
        header = "X-Twilio-Signature" if self.signature == "twilio" else self.signature_header
        told = headers.get(header.lower(), "")
        if self.signature == "twilio":
            good = signatures.verify_twilio(secret, self.public_url or url, envelope.body, told)
            return (
                None
                if good
                else signatures.bad_signature(header, "sign address and parameters with the account's secret")
            )
        stamp = headers.get(self.timestamp_header.lower(), "") if self.timestamp_header else None
        if not signatures.verify_hmac_sha256(secret, envelope.body, told, timestamp=stamp):
            before = f"{self.timestamp_header}, a dot and " if self.timestamp_header else ""
            return signatures.bad_signature(header, f"send the hexadecimal HMAC-SHA256 of {before}the body")
        return (
            signatures.timestamp_error(stamp, self.timestamp_header, now)
            if stamp is not None and self.timestamp_header
            else None
        )


def load(path: Path | None) -> dict[str, ChannelSettings]:
    """Read the operator's file; without one every channel has its usual settings.

    Raises:
        ConfigurationError: it cannot be read or used; the message names file and key.

    """
    found = {}
    for name, told in _read(path).items():
        if name == SWITCHBOARDS:
            continue
        try:
            found[name] = ChannelSettings.model_validate(told)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            place = ".".join(str(each) for each in (name, *first["loc"]))
            raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {place}: {first['msg']}") from error
    return found


def load_switchboards(path: Path | None) -> frozenset[str]:
    """Read the numbers, E.164, that many people call from, whatever the channel (DECISIONS 30).

    Raises:
        ConfigurationError: it cannot be read or used; the message names file and key.

    """
    told = _read(path).get(SWITCHBOARDS, [])
    if not isinstance(told, list):
        raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {SWITCHBOARDS}: write a list of numbers")
    found = {each: parse_phone(each) if isinstance(each, str) else None for each in told}
    wrong = next((each for each, number in found.items() if number is None), None)
    if wrong is not None:
        raise ConfigurationError(
            f"DUBAN_CHANNELS: {path}: {SWITCHBOARDS}: {wrong!r} is no phone number; write it as text, such as "
            '"+8637155500001"'
        )
    return frozenset(each.number for each in found.values() if each is not None)


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"DUBAN_CHANNELS: {path}: {error}") from error
