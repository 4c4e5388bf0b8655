"""`duban letter preview`: renders a letter with sample values, as text, HTML or PDF (R5.7)."""

from pathlib import Path
from typing import Annotated

import typer
from jinja2 import TemplateError

from duban.defaults import DEFAULT_PACK
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
    fact: Annotated[
        list[str] | None, typer.Argument(help="values of variables as name=value; facts of apologies too")
    ] = None,
    language: Annotated[str, typer.Option(help="zh or en")] = "zh",
    pdf: Annotated[Path | None, typer.Option(help="file to write it to as PDF")] = None,
    html: Annotated[Path | None, typer.Option(help="file to write it to as HTML")] = None,
    policy: Annotated[str, typer.Option(help="the pack whose rules send it")] = DEFAULT_PACK,
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Show a letter with sample values, and into how many messages it is split as an SMS."""
    given = dict(_parse_pair(pair) for pair in fact or [])
    # Reversed, so that the first sample of a letter, which has all optional values, is kept.
    samples = reversed(list(template_validation.samples(loading.load_one(folder, policy))))
    contexts = {sample.template: sample.context for sample in samples}
    if name not in contexts:
        raise DubanError(f"{policy} sends no letter {name!r}: {suggest(name, contexts)}")
    context = contexts[name]
    facts = {name_: given.get(name_, value) for name_, value in context.get("facts", {}).items()}
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


def _parse_pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise DubanError(f"{text!r} is not in the form name=value")
    return name, value


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="letter")
