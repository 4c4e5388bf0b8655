"""`duban topics create`."""

import typer

from duban import target
from duban.target import DEFAULT_DATA, Data
from services.shared import topics as plumbing

group = typer.Typer(help="Topics of the broker.", no_args_is_help=True)


@group.callback()
def _topics() -> None:
    """Topics of the broker."""


@group.command()
def create(data: Data = DEFAULT_DATA) -> None:
    """Create the topics of schemas/topics.toml that are missing; safe while everything runs."""
    listed = plumbing.load()
    created = plumbing.create(target.find(data).kafka, listed)
    print(f"created: {', '.join(created)}" if created else f"all {len(listed)} topics are there")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="topics")
