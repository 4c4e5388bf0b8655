"""Console for tables: as wide as the terminal, or wide enough for every column when the output is no terminal."""

import sys

from rich.console import Console

WIDTH_WITHOUT_TERMINAL = 160
"""Columns."""


def console() -> Console:
    """Return the console that a command prints its tables to."""
    return Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDTH_WITHOUT_TERMINAL)
