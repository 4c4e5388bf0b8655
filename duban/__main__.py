"""`duban`: everything a person does at a terminal (DESIGN 6)."""

import sys

import typer

from deploy.local.errors import LocalError
from duban.commands import contacts, db, dlq, ledger, policy, sender, service, stack, ticket, topics
from services.domain.packs import PolicyError
from services.shared.errors import DubanError

app = typer.Typer(
    name="duban",
    help="Complaint tickets that cannot be forgotten.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (stack, service, topics, db, contacts, ticket, dlq, ledger, policy, sender):
    module.register(app)


def main() -> None:
    """Run one command; a failure is one sentence that says what to do, and exit code 1."""
    try:
        app()
    except (LocalError, DubanError, PolicyError) as error:
        print(f"duban: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
