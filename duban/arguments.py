"""Arguments that several commands take, with the help that they all print."""

import getpass
from typing import Annotated

import typer

TicketNumber = Annotated[str, typer.Argument(help="the ticket's number, such as TS20260312000001")]
IssueId = Annotated[str, typer.Argument(help="the issue's id or the beginning of it, as `duban hot list` shows it")]
SenderName = Annotated[str, typer.Argument(help="name of the sender: lower-case letters, digits, _, . and -")]
ActingUnit = Annotated[str, typer.Option("--unit", help="the unit that you act for; none: the only one of the key")]
SubscriberName = Annotated[str, typer.Argument(help="name of the subscriber")]


def login_name() -> str:
    """Return the name under which the user is logged in, who acts unless another name is given."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # The user has no entry in the system's list, as in some containers.
        return "duban"


PersonName = Annotated[
    str, typer.Option("--name", default_factory=login_name, help="who you are", show_default="login")
]
