"""`duban callback list | next | start | result`: the work list of those who call customers (R5.3)."""

import uuid
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.console import Console
from rich.table import Table

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Calls to customers.", no_args_is_help=True)
SCORES = 3
Centre = Annotated[str, typer.Option(help="only calls of this centre, such as provincial_centre; none: of all")]
Pack = Annotated[str, typer.Option(help="only calls of this policy pack; none: of all")]


@group.command(name="list")
def list_(centre: Centre = "", pack: Pack = "", data: Data = DEFAULT_DATA) -> None:
    """List calls that are due in their customers' hours and that nobody has taken."""
    with system_connection.find(data).http() as client:
        found = _told(client.get("/v1/callbacks", params=_only(centre, pack)))["callbacks"]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in ("ticket", "due", "tried", "customer", "phone", "priority", "centre"):
        table.add_column(column, no_wrap=column in {"ticket", "phone"})
    for each in found:
        name = f"{each['name'] or '-'}{' VIP' if each['vip'] else ''}"
        told = (each["attempts"], name, each["phone"], each["priority"], each["centre"])
        table.add_row(each["number"], each["due_at"][:16], *map(str, told))
    Console(highlight=False).print(table if found else "no call is due")


@group.command(name="next")
def next_(
    name: Annotated[str, typer.Option(help="who calls")] = "duban",
    centre: Centre = "",
    pack: Pack = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Take the next call; nobody else gets it for half an hour."""
    with system_connection.find(data).http() as client:
        call = _told(client.post("/v1/callbacks/next", params={"agent": name, **_only(centre, pack)}))
    print(f"{call['number']}  {call['phone']}  {call['name'] or ''}")
    for label in ("subject", "result", "explanation", "script"):
        if call[label]:
            print(f"{label:<12}{call[label]}")


@group.command()
def start(
    number: str,
    name: Annotated[str, typer.Option(help="who calls")] = "duban",
    data: Data = DEFAULT_DATA,
) -> None:
    """Take the call of one ticket, due or not; exit code 1 when it was refused."""
    _do(data, number, {"type": "start_callback"}, name)


@group.command()
def result(
    number: str,
    how: Annotated[str, typer.Argument(help="answered, no_answer, busy, refused, opted_out or moved")],
    scores: Annotated[str, typer.Option(help="process, result and staff from 1 to 5, such as 5,4,5")] = "",
    comment: Annotated[str, typer.Option(help="what else the customer said")] = "",
    until: Annotated[
        str, typer.Option(help="with moved: when the customer wants to be called, ISO 8601 with offset")
    ] = "",
    recording: Annotated[str, typer.Option(help="reference of the recording")] = "",
    name: Annotated[str, typer.Option(help="who called")] = "duban",
    data: Data = DEFAULT_DATA,
) -> None:
    """Put on record how a call ended; exit code 1 when it was refused."""
    action: dict[str, Any] = {"type": "record_callback", "result": how}
    action |= {key: value for key, value in (("until", until), ("recording", recording)) if value}
    if scores:
        action["survey"] = _survey(scores) | ({"comment": comment} if comment else {})
    _do(data, number, action, name)


def _do(data: Path, number: str, action: dict[str, Any], name: str) -> None:
    body = {"action": action, "actor": {"kind": "agent", "name": name}}
    with system_connection.find(data).http() as client:
        answer = client.post(
            f"/v1/tickets/{number}/commands",
            params={"wait": 10},
            json=body,
            headers={"Idempotency-Key": str(uuid.uuid4())},
        )
    told = _told(answer)
    refusal = told.get("refusal")
    print(refusal["message"] if refusal else told.get("outcome", told["state"]))
    if refusal:
        raise typer.Exit(1)


def _only(centre: str, pack: str) -> dict[str, str]:
    return {key: value for key, value in (("centre", centre), ("pack", pack)) if value}


def _survey(scores: str) -> dict[str, int]:
    given = [each.strip() for each in scores.split(",")]
    if len(given) != SCORES or any(each not in {"1", "2", "3", "4", "5"} for each in given):
        raise DubanError("write three scores from 1 to 5 for process, result and staff, such as --scores 5,4,5")
    return dict(zip(("process", "result", "staff"), map(int, given), strict=True))


def _told(answer: httpx.Response) -> dict[str, Any]:
    told: dict[str, Any] = answer.json()
    if answer.is_error:
        raise DubanError(f"{told.get('title', 'not taken')}: {told.get('detail', told.get('errors', ''))}")
    return told


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="callback")
