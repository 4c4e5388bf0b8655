"""The messages of our errors."""

from services.shared.runtime.errors import LostRace, Retryable


def test_an_error_without_a_message_uses_the_docstring_of_its_class() -> None:
    assert str(LostRace()) == "Another owner changed the same rows first: load them again and decide again."
    assert str(Retryable("unavailable")) == "unavailable"
