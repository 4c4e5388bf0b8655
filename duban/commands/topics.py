"""`duban topics create`."""

from typing import Annotated

import typer

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.kafka import topic_reader
from services.shared.kafka import topics as plumbing

group = typer.Typer(help="Topics of the broker.", no_args_is_help=True)


@group.callback()
def _topics() -> None:
    """Topics of the broker."""


@group.command()
def create(data: Data = DEFAULT_DATA) -> None:
    """Create the topics of schemas/topics.toml that are missing; safe while everything runs."""
    listed = plumbing.load()
    created = plumbing.create(system_connection.find(data).kafka, listed)
    print(f"created: {', '.join(created)}" if created else f"all {len(listed)} topics are there")


@group.command(name="read")
def read_(
    topic: Annotated[str, typer.Argument(help="such as tickets.events")],
    data: Data = DEFAULT_DATA,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="go on as records come")] = False,  # noqa: FBT002
    key: Annotated[str, typer.Option(help="only records with this key")] = "",
) -> None:
    """Print a topic's records, one a line: partition, offset, time, type, key, value."""
    kafka = system_connection.find(data).kafka
    records = topic_reader.follow(kafka, topic, lambda: False) if follow else topic_reader.whole(kafka, topic)
    for each in records:
        headers = {name: value.decode(errors="replace") for name, value in each.headers}
        name = (each.key or b"").decode(errors="replace")
        if key in {"", name}:
            value = (each.value or b"").decode(errors="replace")
            told = f"{headers.get('ce_time', '-')} {headers.get('ce_type', '-')} {name} {value}"
            print(f"{each.partition}/{each.offset} {told}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="topics")
