"""Cuts texts so that a reader sees that something is missing. Pure."""

MARK = "…"
"""Stands where a text was cut."""


def cut(text: str, longest: int) -> str:
    """Return a text of at most `longest` characters and the mark; one that is short enough stays as it is."""
    if len(text) <= longest:
        return text
    return text[:longest] + MARK
