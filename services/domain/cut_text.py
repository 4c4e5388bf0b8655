"""Cuts texts so that a reader sees that something is missing. Pure."""

from typing import Any

MARK = "…"
"""Stands where a text was cut."""


def cut(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters and the mark; one that is short enough stays as it is."""
    if len(text) <= longest:
        return text
    return text[:longest] + MARK


def may_be_cut(value: Any) -> bool:
    """Whether a text was cut, or one of a decoded JSON document; one that ends with the mark by itself looks alike."""
    if isinstance(value, str):
        return value.endswith(MARK)
    return isinstance(value, dict) and any(map(may_be_cut, value.values()))
