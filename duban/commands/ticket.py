"""`duban ticket show | do`: the timeline of one ticket, and commands to it."""

import json
import uuid
from functools import partial
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console

from duban import action_fields, system_connection, timeline
from duban.arguments import ActingUnit, PersonName, TicketNumber
from duban.defaults import DEFAULT_ZONE
from duban.option_times import Zone
from duban.system_connection import DEFAULT_DATA, Data
from schemas.ticket import Ticket
from services.domain.privacy import masking
from services.intake import access_log
from services.intake.access_log import COMMAND_LINE, AccessRecord, Fields
from services.ledger import store
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="One ticket.", no_args_is_help=True)


@group.command()
def show(
    number: TicketNumber,
    name: PersonName,
    data: Data = DEFAULT_DATA,
    zone: Zone = DEFAULT_ZONE,
    as_json: Annotated[bool, typer.Option("--json", help="every event in full, one per line")] = False,  # noqa: FBT002
    personal: Annotated[  # noqa: FBT002
        bool, typer.Option("--personal", help="with the customer's data, which is masked otherwise; it is recorded")
    ] = False,
    purpose: Annotated[str, typer.Option(help="why you read it, for the record")] = "",
) -> None:
    """Show the events of a ticket: what, when, by whom, and by which rule; `duban access list` shows who read it."""
    with system_connection.find(data).connect() as connection:
        found = store.ticket_with_events(connection, number)
        if found is None:
            raise DubanError(f"there is no ticket {number}: GET /v1/tickets?phone= finds it by the customer's phone")
        _record(connection, found[0], name, purpose, personal=personal)
    ticket, events = found
    customer = json.loads(ticket.to_json())["customer"]
    if as_json:
        for event in events:
            document = json.loads(event.to_json())
            shown = document if personal else masking.mask_document(document, customer=customer)
            print(json.dumps(shown, ensure_ascii=False, separators=(",", ":")))
        return
    known = masking.known_values(customer)
    mask = str if personal else partial(masking.mask_text, known=known)
    Console(highlight=False).print(timeline.render(ticket, events, title="Ticket", zone=zone, mask=mask))


def _record(connection: psycopg.Connection, ticket: Ticket, name: str, purpose: str, *, personal: bool) -> None:
    """Record that a ticket is shown.

    Raises:
        DubanError: it cannot be recorded, so that the ticket is not shown.

    """
    fields: Fields = "personal" if personal else "masked"
    record = AccessRecord(COMMAND_LINE, name, "ticket show", "number", (ticket.number,), fields, purpose or None)
    try:
        access_log.insert(connection, record)
        connection.commit()
    except psycopg.Error as error:
        raise DubanError(
            f"the reading cannot be recorded ({type(error).__name__}), so nothing is shown: `duban db migrate` makes "
            "the table; the database's role needs the right to add to it"
        ) from error


@group.command()
def do(
    number: TicketNumber,
    action: Annotated[str, typer.Argument(help="such as dispatch, claim, feed_back, answer, close")],
    name: PersonName,
    field: Annotated[
        list[str] | None, typer.Argument(help="fields of the action as name=value; values other than text as JSON")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="what reclassify, correct and split change, as name=value: the other fields stay as the ticket has "
            "them; in other actions a field, as survey.result=5",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="the action's reason")] = "",
    text: Annotated[str, typer.Option(help="the action's text")] = "",
    note: Annotated[str, typer.Option(help="the action's note")] = "",
    unit: ActingUnit = "",
    key: Annotated[
        str, typer.Option(help="Idempotency-Key; a command is not carried out twice under the same key")
    ] = "",
    version: Annotated[int | None, typer.Option(help="refuse unless the ticket has this version")] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Send a command to a ticket and show what the ledger decided; exit code 1 when it was refused."""
    body: dict[str, Any] = {
        "action": action_fields.action_of(
            action, field or (), changes or (), {"reason": reason, "text": text, "note": note}
        ),
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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="ticket")
