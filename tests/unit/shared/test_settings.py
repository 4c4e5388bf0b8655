"""Production refuses what is for demos and tests only."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from services.intake.settings import IntakeSettings
from services.notifier.settings import NotifierSettings
from services.shared.runtime.errors import ConfigurationError
from services.shared.runtime.settings import KeyedSettings, Settings

SECRET = SecretStr("a long random text")


@pytest.mark.parametrize("settings", [IntakeSettings, NotifierSettings, KeyedSettings])
def test_production_refuses_the_public_secret_in_every_service_that_uses_it(settings: type[KeyedSettings]) -> None:
    """The router's calls without a form got keys hashed with the public default: other partitions, and no secret."""
    with pytest.raises(ConfigurationError, match="DUBAN_CONTACT_KEY_SECRET"):
        settings(environment="production").refuse_unsafe()
    settings(environment="production", contact_key_secret=SECRET).refuse_unsafe()
    settings(environment="local").refuse_unsafe()


def test_production_refuses_crash_points(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="DUBAN_FAULTS"):
        Settings(environment="production", faults=tmp_path).refuse_unsafe()
    Settings(environment="test", faults=tmp_path).refuse_unsafe()
