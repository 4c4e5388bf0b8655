"""Cells of CSV files that no spreadsheet reads as a formula."""

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""Characters that make a spreadsheet read a cell as a formula."""


def safe_cell(value: object) -> str:
    """Return a value as a cell that is text, whatever it begins with; empty for None."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
