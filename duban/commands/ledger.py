"""`duban ledger verify`: compares stored tickets with their events."""

import typer

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from schemas.ticket import Ticket
from services.ledger.verify import verify as check
from services.shared.kafka import topic_reader

group = typer.Typer(help="The ledger.", no_args_is_help=True)


@group.callback()
def _ledger() -> None:
    """The ledger."""


@group.command()
def verify(data: Data = DEFAULT_DATA) -> None:
    """Rebuild every ticket from its events, compare it with the stored one; exit code 1 if any differs."""
    system = system_connection.find(data)
    with system.connect() as connection:
        result = check(connection, topic_reader.read_all(system.kafka, Ticket.TOPIC), print)
    print(f"{result.tickets} tickets, {result.differences} differences")
    if result.differences:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="ledger")
