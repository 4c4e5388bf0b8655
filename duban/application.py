"""The application of `duban`: every command but `explain`, which starts without the libraries of the others."""

import sys
from typing import Annotated

import typer

from deploy.local.errors import LocalError
from duban.commands import (
    callback,
    contacts,
    db,
    dlq,
    explain,
    hot,
    ledger,
    letter,
    normalise,
    notice,
    policy,
    report,
    sender,
    service,
    stack,
    subscriber,
    survey,
    ticket,
    topics,
)
from services.domain.packs import PolicyError
from services.shared.errors import DubanError

app = typer.Typer(
    name="duban",
    help="Complaint tickets that cannot be forgotten.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
MODULES = (
    stack,
    service,
    topics,
    db,
    contacts,
    ticket,
    callback,
    survey,
    letter,
    notice,
    hot,
    dlq,
    ledger,
    report,
    policy,
    sender,
    subscriber,
    normalise,
)
for module in MODULES:
    module.register(app)


@app.command(name="explain", context_settings={"ignore_unknown_options": True, "help_option_names": []})
def explained(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Say what the rules make of a contact, and why; nothing needs to run for it."""
    raise typer.Exit(explain.main(arguments or []))


def main() -> None:
    """Run one command; a failure is one sentence that says what to do, and exit code 1."""
    try:
        app()
    except (LocalError, DubanError, PolicyError) as error:
        print(f"duban: {error}", file=sys.stderr)
        sys.exit(1)
