"""`duban service run <service>`: one service, as containers and Kubernetes start it."""

import importlib
from typing import Annotated

import typer

from deploy.local.plan import SERVICES
from services.shared.runtime.errors import ConfigurationError

group = typer.Typer(help="One service.", no_args_is_help=True)


@group.callback()
def _service() -> None:
    """One service."""


@group.command()
def run(name: Annotated[str, typer.Argument(help=", ".join(SERVICES))]) -> None:
    """Run one service until it gets a stop signal; `DUBAN_*` settings say where the broker and the database are."""
    if name not in SERVICES:
        raise ConfigurationError(f"there is no service {name!r}: choose one of {', '.join(SERVICES)}")
    importlib.import_module(f"services.{name}.app").main()


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="service")
