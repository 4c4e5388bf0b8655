"""`duban ticket show | do`: the timeline of one ticket, and commands to it."""

import json
import uuid
from typing import Annotated, Any

import typer
from rich.console import Console

from duban import system_connection, timeline
from duban.arguments import ActingUnit, PersonName, TicketNumber
from duban.system_connection import DEFAULT_DATA, Data
from services.ledger import store
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="One ticket.", no_args_is_help=True)
ZONE = "Asia/Shanghai"


@group.command()
def show(
    number: TicketNumber,
    data: Data = DEFAULT_DATA,
    zone: Annotated[str, typer.Option(help="time zone of the times shown")] = ZONE,
    as_json: Annotated[bool, typer.Option("--json", help="every event in full, one per line")] = False,  # noqa: FBT002
) -> None:
    """Show the events of a ticket: what, when, by whom, and by which rule."""
    with system_connection.find(data).connect() as connection:
        found = store.ticket_with_events(connection, number)
    if found is None:
        raise DubanError(f"there is no ticket {number}: GET /v1/tickets?phone= finds it by the customer's phone")
    ticket, events = found
    if as_json:
        for event in events:
            print(event.to_json().decode())
        return
    Console(highlight=False).print(timeline.render(ticket, events, title="Ticket", zone=zone))


@group.command()
def do(
    number: TicketNumber,
    action: Annotated[str, typer.Argument(help="such as dispatch, claim, feed_back, answer, close")],
    name: PersonName,
    field: Annotated[
        list[str] | None, typer.Argument(help="fields of the action as name=value; values other than text as JSON")
    ] = None,
    unit: ActingUnit = "",
    key: Annotated[
        str, typer.Option(help="Idempotency-Key; a command is not carried out twice under the same key")
    ] = "",
    version: Annotated[int | None, typer.Option(help="refuse unless the ticket has this version")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send a command to a ticket and show what the ledger decided; exit code 1 when it was refused."""
    body: dict[str, Any] = {
        "action": {"type": action} | dict(_parse_field(text) for text in field or []),
        "actor": {"name": name} | ({"unit": unit} if unit else {}),
    }
    if version is not None:
        body["expected_version"] = version
    with system_connection.find(data).http() as client:
        response = client.post(
            f"/v1/tickets/{number}/commands",
            params={"wait": 10},
            json=body,
            headers={"Idempotency-Key": key or str(uuid.uuid4())},
        )
    decision = response.json()
    print(json.dumps(decision, ensure_ascii=False, indent=1))
    if not response.is_success or decision.get("outcome") == "refused":
        raise typer.Exit(1)


def _parse_field(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign:
        raise DubanError(f"{text!r} is not in the form name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="ticket")
