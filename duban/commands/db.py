"""`duban db migrate`: applies migrations and fixes the deployment's clock."""

from datetime import datetime
from typing import Annotated

import typer

from duban import system_connection
from duban.system_connection import DEFAULT_DATA, Data
from services.policies.versions import seed
from services.shared.postgres.migrations import migrate as apply
from services.shared.runtime import deployment
from services.shared.runtime.settings import Settings

group = typer.Typer(help="The database.", no_args_is_help=True)


@group.callback()
def _db() -> None:
    """The database."""


@group.command()
def migrate(
    data: Data = DEFAULT_DATA,
    clock_scale: Annotated[
        float, typer.Option(help="seconds of policy time per real second; cannot be changed later")
    ] = 1.0,
    clock_origin: Annotated[datetime | None, typer.Option(help="policy time now; cannot be changed later")] = None,
) -> None:
    """Apply the missing migrations and fix the deployment's clock; safe while the services run."""
    system = system_connection.find(data)
    names = apply(system.database_url)
    with system.connect() as connection:
        seed(connection, Settings().policies)
        deployment.store_clock(
            connection, scale=clock_scale, business_origin=clock_origin, environment=Settings().environment
        )
    print(f"applied: {', '.join(names)}" if names else "the database is up to date")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="db")
