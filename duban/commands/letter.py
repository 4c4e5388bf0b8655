"""`duban letter preview`: what a letter looks like before a customer sees it, as text, page or PDF (R5.7)."""

from pathlib import Path
from typing import Annotated

import typer
from jinja2 import TemplateError

from services.domain import sms
from services.notifier import paper
from services.notifier.domain.letters import DIGEST_FIELDS, FIELDS, Letters
from services.shared.errors import DubanError
from services.shared.settings import PROJECT

group = typer.Typer(help="Letters and messages.", no_args_is_help=True)
LETTERS = PROJECT / "policies" / "letters"
EXAMPLE = {
    "number": "TS20260312000001",
    "zone": "Asia/Shanghai",
    "at": "2026-03-12T01:00:00+00:00",
    "promised_at": "2026-03-14T01:00:00+00:00",
    "due_at": "2026-03-13T01:00:00+00:00",
    "committed_until": "2026-03-15T01:00:00+00:00",
    "name": "王女士",
    "reader": "网络部",
    "level": 1,
    "reminders": 2,
    "count": 3,
    "subjects": ["…", "…", "…"],
}
"""What is not in it stands there by its own name."""


@group.callback()
def about() -> None:
    """Letters and messages."""


@group.command()
def preview(
    name: Annotated[str, typer.Argument(help="such as answer, survey or apology_goods")],
    fact: Annotated[list[str] | None, typer.Argument(help="values as name=value; facts of apologies too")] = None,
    language: Annotated[str, typer.Option(help="zh or en")] = "zh",
    pdf: Annotated[Path | None, typer.Option(help="file to write it to as PDF")] = None,
    html: Annotated[Path | None, typer.Option(help="file to write it to as a page")] = None,
    folder: Annotated[Path, typer.Option(help="the folder of the letters")] = LETTERS,
) -> None:
    """Show a letter with example values, and how many messages it is as an SMS."""
    letters = Letters(folder)
    given = dict(_pair(each) for each in fact or [])
    try:
        _, facts = letters.names(name, language)
        told = {each: f"<{each}>" for each in FIELDS | DIGEST_FIELDS} | EXAMPLE | given
        letter = letters.write(name, language, told | {"facts": {each: given.get(each, f"<{each}>") for each in facts}})
    except TemplateError as error:
        raise DubanError(f"{folder / language / name}.txt: {type(error).__name__}: {error}") from error
    print(f"{letter.subject}\n\n{letter.body}\n")
    print(f"as SMS: {sms.encoding(letter.body)}, {len(letter.body)} characters, {sms.parts(letter.body)} messages")
    if pdf is not None:
        pdf.write_bytes(paper.pdf(letter))
    if html is not None:
        html.write_text(paper.html(letter), encoding="utf-8")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise DubanError(f"{text!r} is no name=value")
    return name, value


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="letter")
