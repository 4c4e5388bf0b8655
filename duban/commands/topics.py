"""`duban topics create | read`: the topics of the broker."""

from typing import Annotated

import typer

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.shared.kafka import topic_reader, topics
from services.shared.runtime.settings import Settings

group = typer.Typer(help="Topics of the broker.", no_args_is_help=True)


@group.callback()
def _topics() -> None:
    """Topics of the broker."""


@group.command()
def create(data: Data = DEFAULT_DATA) -> None:
    """Create the missing topics of schemas/topics.toml; safe while the services run.

    With DUBAN_ENVIRONMENT=production it refuses topics of which the loss of one broker would lose records.
    """
    listed, production = topics.load(), Settings().environment == "production"
    created = topics.create(system_connection.find(data).kafka, listed, production=production)
    print(f"created: {', '.join(created)}" if created else f"all {len(listed)} topics exist")


@group.command(name="read")
def read_(
    topic: Annotated[str, typer.Argument(help="such as tickets.events")],
    data: Data = DEFAULT_DATA,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="wait for new records")] = False,  # noqa: FBT002
    key: Annotated[str, typer.Option(help="only records with this key")] = "",
) -> None:
    """Print a topic's records, one per line: partition, offset, time, type, key, value."""
    kafka = system_connection.find(data).kafka
    records = topic_reader.follow(kafka, topic, lambda: False) if follow else topic_reader.read_all(kafka, topic)
    for record in records:
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        record_key = (record.key or b"").decode(errors="replace")
        if key in {"", record_key}:
            value = (record.value or b"").decode(errors="replace")
            time, type_ = headers.get("ce_time", "-"), headers.get("ce_type", "-")
            print(f"{record.partition}/{record.offset} {time} {type_} {record_key} {value}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="topics")
