"""A module whose texts the test of docstrings reads."""

LIMIT = 3
"""How many."""
OTHER = 4


class Example:
    """A class with fields."""

    first: int = LIMIT
    """The first."""
    second: int = OTHER
    third: int = 5
    """Over
    two lines."""
