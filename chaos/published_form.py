"""Judges what went onto the topics by what is stored: the same, or shorter where the bound on sizes allows it.

Texts may be cut with a mark, lists may hold fewer items, nothing else may differ (DECISIONS 38).
"""

from typing import Any

MAX_TICKET = 32 * 1024
MAX_EVENT = 96 * 1024
MARK = "…"
UNPUBLISHED = frozenset({"evidence_marks", "link_marks"})
"""Fields that the ledger keeps for itself: empty on the topics."""


def is_too_large(value: bytes | None, limit: int) -> bool:
    """Whether a record's value is larger than its topic promises."""
    return value is not None and len(value) > limit


def is_shortened(published: Any, stored: Any) -> bool:
    """Whether a published value is the stored one, with texts cut and items of lists left out at most."""
    if isinstance(published, str) and isinstance(stored, str):
        return published == stored or (published.endswith(MARK) and stored.startswith(published[:-1]))
    if isinstance(published, list) and isinstance(stored, list):
        return _is_shortened_list(published, stored)
    if isinstance(published, dict) and isinstance(stored, dict):
        return _is_shortened_object(published, stored)
    return bool(published == stored)


def _is_shortened_list(published: list[Any], stored: list[Any]) -> bool:
    """Whether all items stand in the stored list, in the same order."""
    rest = iter(stored)
    return all(any(is_shortened(item, candidate) for candidate in rest) for item in published)


def _is_shortened_object(published: dict[str, Any], stored: dict[str, Any]) -> bool:
    """Whether no field is missing, and none was added but counts of items."""
    if any(name not in stored and not name.endswith("_count") for name in published):
        return False
    return all(
        published.get(name) == "" if name in UNPUBLISHED else name in published and is_shortened(published[name], value)
        for name, value in stored.items()
    )
