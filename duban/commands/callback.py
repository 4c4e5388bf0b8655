"""`duban callback list | next | start | result`: the work list of agents who call customers back (R5.3)."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.arguments import ActingUnit, PersonName, TicketNumber
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Callbacks to customers.", no_args_is_help=True)
SCORES = 3
Centre = Annotated[str, typer.Option(help="only callbacks of this centre, such as provincial_centre; none: all")]
Pack = Annotated[str, typer.Option(help="only callbacks of this policy pack; none: all")]


@group.command(name="list")
def list_(centre: Centre = "", pack: Pack = "", data: Data = DEFAULT_DATA) -> None:
    """List callbacks that are due now, within their customers' hours, and that nobody has taken."""
    with system_connection.find(data).http() as client:
        callbacks = _json(client.get("/v1/callbacks", params=_filters(centre, pack)))["callbacks"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("ticket", "due", "tried", "customer", "phone", "priority", "centre"):
        table.add_column(column, no_wrap=column in {"ticket", "phone"})
    for callback in callbacks:
        name = f"{callback['name'] or '-'}{' VIP' if callback['vip'] else ''}"
        cells = (callback["attempts"], name, callback["phone"], callback["priority"], callback["centre"])
        table.add_row(callback["number"], callback["due_at"][:16], *map(str, cells))
    Console(highlight=False).print(table if callbacks else "no callback is due")


@group.command(name="next")
def next_(
    name: PersonName,
    centre: Centre = "",
    pack: Pack = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Take the next callback; nobody else gets it for half an hour."""
    with system_connection.find(data).http() as client:
        callback = _json(client.post("/v1/callbacks/next", params={"agent": name, **_filters(centre, pack)}))
    print(f"{callback['number']}  {callback['phone']}  {callback['name'] or ''}")
    for label in ("subject", "result", "explanation", "script"):
        if callback[label]:
            print(f"{label:<12}{callback[label]}")


@group.command()
def start(
    number: TicketNumber,
    name: PersonName,
    unit: ActingUnit = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Take the callback of one ticket, due or not; exit code 1 when it was refused."""
    _send_command(data, number, {"type": "start_callback"}, name, unit)


@group.command()
def result(
    number: TicketNumber,
    name: PersonName,
    outcome: Annotated[str, typer.Argument(help="answered, no_answer, busy, refused, opted_out or moved")],
    scores: Annotated[str, typer.Option(help="scores of process, result and staff from 1 to 5, such as 5,4,5")] = "",
    comment: Annotated[str, typer.Option(help="a further comment of the customer")] = "",
    until: Annotated[
        str, typer.Option(help="with moved: when the customer wants to be called, ISO 8601 with offset")
    ] = "",
    recording: Annotated[str, typer.Option(help="reference of the recording")] = "",
    unit: ActingUnit = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Record how a callback ended; exit code 1 when it was refused."""
    action: dict[str, Any] = {"type": "record_callback", "result": outcome}
    action |= {key: value for key, value in (("until", until), ("recording", recording)) if value}
    if scores:
        action["survey"] = _parse_scores(scores) | ({"comment": comment} if comment else {})
    _send_command(data, number, action, name, unit)


def _send_command(data: Path, number: str, action: dict[str, Any], name: str, unit: str) -> None:
    with system_connection.find(data).http() as client:
        unit = unit or _centre_of(client, number)
        body = {"action": action, "actor": {"name": name} | ({"unit": unit} if unit else {})}
        response = client.post(
            f"/v1/tickets/{number}/commands",
            params={"wait": 10},
            json=body,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
    decision = _json(response)
    refusal = decision.get("refusal")
    print(refusal["message"] if refusal else decision.get("outcome", decision["state"]))
    if refusal:
        raise typer.Exit(1)


def _centre_of(client: httpx.Client, number: str) -> str:
    """Return the centre in charge of a ticket, which alone calls back; empty if the key does not see the ticket."""
    response = client.get(f"/v1/tickets/{number}")
    return str(response.json()["centre"]) if response.is_success else ""


def _filters(centre: str, pack: str) -> dict[str, str]:
    return {key: value for key, value in (("centre", centre), ("pack", pack)) if value}


def _parse_scores(scores: str) -> dict[str, int]:
    given = [score.strip() for score in scores.split(",")]
    if len(given) != SCORES or any(score not in {"1", "2", "3", "4", "5"} for score in given):
        raise DubanError("write three scores from 1 to 5 for process, result and staff, such as --scores 5,4,5")
    return dict(zip(("process", "result", "staff"), map(int, given), strict=True))


def _json(response: httpx.Response) -> dict[str, Any]:
    """Return the JSON object of a response.

    Raises:
        DubanError: it is a problem document of intake.

    """
    body: dict[str, Any] = response.json()
    if response.is_error:
        raise DubanError(f"{body.get('title', 'refused')}: {body.get('detail', body.get('errors', ''))}")
    return body


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="callback")
