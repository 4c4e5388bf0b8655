"""`duban ledger verify`: compares stored tickets with their events."""

import typer

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.ledger.verify import verify as check

group = typer.Typer(help="The ledger.", no_args_is_help=True)


@group.callback()
def _ledger() -> None:
    """The ledger."""


@group.command()
def verify(data: Data = DEFAULT_DATA) -> None:
    """Rebuild every ticket from its events, compare it with the stored one; exit code 1 if any differs."""
    system = system_connection.find(data)
    with system.connect() as connection:
        tickets, differences = check(connection, system.kafka)
    for difference in differences:
        print(difference)
    print(f"{tickets} tickets, {len(differences)} differences")
    if differences:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="ledger")
