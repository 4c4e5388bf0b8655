"""Builds the typer application of `duban` from the modules in `duban.commands`, importing only those it needs."""

import sys
from collections.abc import Iterable
from importlib import import_module, metadata
from typing import Annotated

import typer

from deploy.local.errors import LocalError
from services.domain.policy.base import PolicyError
from services.shared.runtime.errors import DubanError

MODULES = {
    "stack": ("up", "down", "status", "logs"),
    "service": ("service",),
    "topics": ("topics",),
    "db": ("db",),
    "contacts": ("contacts", "tickets"),
    "ticket": ("ticket",),
    "callback": ("callback",),
    "survey": ("survey",),
    "letter": ("letter",),
    "notice": ("notice",),
    "hot": ("hot",),
    "dlq": ("dlq",),
    "ledger": ("ledger",),
    "report": ("report",),
    "policy": ("policy",),
    "sender": ("sender",),
    "access": ("access",),
    "subscriber": ("subscriber",),
    "normalise": ("normalise",),
}
"""The commands of each module of `duban.commands`."""


def explain_command(arguments: Annotated[list[str] | None, typer.Argument()] = None) -> None:
    """Show how the rules classify a contact, which SLA timers start, and why; needs no running system."""
    raise typer.Exit(import_module("duban.commands.explain").main(arguments or []))


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        print(f"duban {metadata.version('duban')}")
        raise typer.Exit


def about(
    version: Annotated[  # noqa: FBT002 - an option of the command line
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and exit.")
    ] = False,
) -> None:
    """Complaint tickets that cannot be forgotten."""


def application(modules: Iterable[str] = tuple(MODULES)) -> typer.Typer:
    """Return the application with the commands of these modules."""
    app = typer.Typer(
        name="duban",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(about)
    for name in modules:
        import_module(f"duban.commands.{name}").register(app)
    settings = {"ignore_unknown_options": True, "help_option_names": []}
    app.command(name="explain", context_settings=settings)(explain_command)
    return app


def modules_for(command: str) -> tuple[str, ...]:
    """Return the modules that a command needs, since the libraries of others are slow to import; all for the help."""
    if command == "--version":
        return ()
    return tuple(name for name, commands in MODULES.items() if command in commands) or tuple(MODULES)


def main() -> None:
    """Run one command; a failure prints one sentence that says what to do, and exits with code 1."""
    try:
        application(modules_for(sys.argv[1] if len(sys.argv) > 1 else ""))()
    except (LocalError, DubanError, PolicyError) as error:
        print(f"duban: {error}", file=sys.stderr)
        sys.exit(1)
