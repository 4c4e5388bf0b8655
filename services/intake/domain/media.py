"""Finds the media type of a file from its name, for files that are imported. Pure."""

from collections.abc import Mapping
from pathlib import PurePath

from services.intake.domain.message_parts import CSV, JSON, MAIL, MBOX, NDJSON, XLSX

BY_SUFFIX: Mapping[str, str] = {
    ".csv": CSV,
    ".eml": MAIL,
    ".form": "application/x-www-form-urlencoded",
    ".json": JSON,
    ".jsonl": NDJSON,
    ".mbox": MBOX,
    ".ndjson": NDJSON,
    ".txt": "text/plain",
    ".xlsx": XLSX,
    ".xml": "text/xml",
}
PLAIN = "text/plain"


def media_type_of(name: str, channel: str) -> str:
    """Return the media type for a file name; an unknown suffix means what the channel usually writes."""
    suffix = PurePath(name).suffix.lower()
    if suffix in BY_SUFFIX:
        return BY_SUFFIX[suffix]
    return MBOX if channel == "email" else PLAIN if channel == "hotline" else JSON
