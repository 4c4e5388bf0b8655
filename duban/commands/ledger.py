"""`duban ledger verify`."""

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
    """Fold every ticket's events and compare with the stored ticket and its last record; exit 1 on any difference."""
    found = system_connection.find(data)
    with found.connect() as connection:
        tickets, differences = check(connection, found.kafka)
    for each in differences:
        print(each)
    print(f"{tickets} tickets, {len(differences)} differences")
    if differences:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="ledger")
