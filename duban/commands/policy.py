"""`duban policy check`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from services.domain import packs
from services.shared.settings import PROJECT

group = typer.Typer(help="Policy packs.", no_args_is_help=True)


@group.callback()
def _policy() -> None:
    """Policy packs."""


@group.command()
def check(folder: Annotated[Path, typer.Argument(help="the folder of the packs")] = PROJECT / "policies") -> None:
    """Load every pack: unknown keys, wrong values and names of what is not there are told with file and key."""
    table = Table(title="Policy packs")
    for column in ("pack", "version", "units", "clocks", "business types", "problem types"):
        table.add_column(column)
    for name, pack in packs.load(folder).items():
        table.add_row(
            name,
            pack.head.version,
            str(len(pack.units)),
            str(len(pack.timing.clocks)),
            str(len(pack.types.business)),
            str(len(pack.types.problem)),
        )
    Console().print(table)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="policy")
