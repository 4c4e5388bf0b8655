"""Where tables are printed: as wide as the terminal; wide enough for every column when it is none."""

import sys

from rich.console import Console

WIDE = 160


def console() -> Console:
    """Return the console of a command."""
    return Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)
