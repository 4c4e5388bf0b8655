"""Arguments that several commands take, with the help that they all print."""

from typing import Annotated

import typer

TicketNumber = Annotated[str, typer.Argument(help="the ticket's number, such as TS20260312000001")]
IssueId = Annotated[str, typer.Argument(help="the issue's id or the beginning of it, as `duban hot list` shows it")]
SenderName = Annotated[str, typer.Argument(help="name of the sender: lower-case letters, digits, _, . and -")]
SubscriberName = Annotated[str, typer.Argument(help="name of the subscriber")]
