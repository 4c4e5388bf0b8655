"""The page of settings says what a variable is called, what it may be, and what it is when nobody sets it."""

from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from deploy.tools.reference import settings_page
from deploy.tools.reference.settings_page import Setting


class ExampleSettings(BaseSettings):
    """Settings of nobody."""

    model_config = SettingsConfigDict(env_prefix="EXAMPLE_")

    mode: Literal["fast", "slow"] = "fast"
    """How it runs."""
    size: int = Field(default=5, ge=1)
    password: SecretStr | None = None
    words: dict[str, str] = Field(default={"a": "b"})
    copied: int = Field(default_factory=lambda fields: fields["size"])
    address: str


def test_a_setting_has_name_type_default_and_meaning() -> None:
    assert list(settings_page.describe(ExampleSettings)) == [
        Setting("EXAMPLE_MODE", "one of `fast`, `slow`", "`fast`", "How it runs."),
        Setting("EXAMPLE_SIZE", "whole number, at least 1", "`5`", ""),
        Setting("EXAMPLE_PASSWORD", "secret", "not set", ""),
        Setting("EXAMPLE_WORDS", "object", '`{"a": "b"}`', ""),
        Setting("EXAMPLE_COPIED", "whole number", "`5`", ""),
        Setting("EXAMPLE_ADDRESS", "text", "none: it must be set", ""),
    ]


def test_every_setting_of_a_service_is_documented() -> None:
    assert settings_page.undocumented() == []
