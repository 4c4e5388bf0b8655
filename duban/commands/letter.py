"""`duban letter preview`: what a letter looks like before a customer sees it, as text, page or PDF (R5.7)."""

from pathlib import Path
from typing import Annotated

import typer
from jinja2 import TemplateError

from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from services.domain import sms_segments
from services.domain.events import suggest
from services.domain.policy import loading
from services.notifier import rendering
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Letters and messages.", no_args_is_help=True)


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
    policy: Annotated[str, typer.Option(help="the pack whose rules send it")] = "carrier",
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Show a letter with example values, and how many messages it is as an SMS."""
    given = dict(_pair(each) for each in fact or [])
    known = {
        each.template: each.context
        for each in reversed(list(template_validation.samples(loading.load_one(folder, policy))))
    }
    if name not in known:
        raise DubanError(f"{policy} sends no letter {name!r}: {suggest(name, known)}")
    context = known[name]
    facts = {each: given.get(each, value) for each, value in context.get("facts", {}).items()}
    try:
        letter = TemplateLibrary(folder / "letters").render(name, language, {**context, **given, "facts": facts})
    except TemplateError as error:
        raise DubanError(f"{folder}/letters/{language}/{name}.txt: {error.message}") from error
    print(f"{letter.subject}\n\n{letter.body}\n")
    print(
        f"as SMS: {sms_segments.encoding(letter.body)}, {len(letter.body)} characters,"
        f" {sms_segments.count_segments(letter.body)} messages"
    )
    if pdf is not None:
        pdf.write_bytes(rendering.render_pdf(letter))
    if html is not None:
        html.write_text(rendering.render_html(letter), encoding="utf-8")


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise DubanError(f"{text!r} is no name=value")
    return name, value


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="letter")
