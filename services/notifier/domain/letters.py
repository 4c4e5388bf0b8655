"""Letters: templates are data, `policies/letters/<language>/<template>.txt`; the first line is the subject (R5.7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, meta, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

from services.domain.telling import HOT_ISSUE_OPENED, Telling


@dataclass(frozen=True, slots=True)
class Letter:
    """A text that is ready to be sent, and the number of the ticket that it is about."""

    subject: str
    body: str
    number: str = ""
    paper: bool = False
    """Whether it goes on paper too: a mail carries it as a PDF."""

    def but(self, *, paper: bool) -> "Letter":
        """Return it with or without paper."""
        return replace(self, paper=paper)


class Letters:
    """Every template of a folder."""

    def __init__(self, folder: Path) -> None:
        # Plain text, so nothing is escaped; the sandbox keeps a template from being a program.
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        self._environment.filters["local"] = _local

    def read(self, template: str, language: str) -> Template:
        """Return a template.

        Raises:
            jinja2.TemplateError: there is none, or it cannot be read.

        """
        return self._environment.get_template(f"{language}/{template}.txt")

    @property
    def languages(self) -> list[str]:
        """The languages that there are letters in."""
        return sorted({each.partition("/")[0] for each in self._environment.list_templates(["txt"])})

    def names(self, template: str, language: str) -> tuple[frozenset[str], frozenset[str]]:
        """Return what a template names, and which of the facts.

        Raises:
            jinja2.TemplateError: there is none, or it cannot be read.

        """
        assert self._environment.loader is not None
        text, _, _ = self._environment.loader.get_source(self._environment, f"{language}/{template}.txt")
        tree = self._environment.parse(text)
        facts = {
            each.attr
            for each in tree.find_all(nodes.Getattr)
            if isinstance(each.node, nodes.Name) and each.node.name == "facts"
        }
        return frozenset(meta.find_undeclared_variables(tree)), frozenset(facts)

    def write(self, template: str, language: str, context: Mapping[str, Any]) -> Letter:
        """Return a letter.

        Raises:
            jinja2.TemplateError: there is no such template, or it names what the context does not have.

        """
        text = self.read(template, language).render(context)
        subject, _, body = text.partition("\n")
        return Letter(subject.strip(), body.strip(), str(context.get("number", "")))


@pass_context
def _local(context: Context, value: str | None) -> str:
    """Write an instant as people in the ticket's zone read it."""
    if value is None:
        return "-"
    return datetime.fromisoformat(value).astimezone(ZoneInfo(context["zone"])).strftime("%Y-%m-%d %H:%M")


FIELDS = frozenset(
    {
        "about",
        "at",
        "clock",
        "committed_until",
        "due_at",
        "explanation",
        "facts",
        "level",
        "link",
        "name",
        "number",
        "promised_at",
        "reader",
        "reason",
        "reminders",
        "result",
        "subject",
        "text",
        "tier",
        "unit",
        "zone",
    }
)
"""What a letter about a ticket may name."""
DIGEST = "digest"
DIGEST_FIELDS = FIELDS | {"count", "subjects"}
HOT_ISSUE_FIELDS = frozenset({"at", "business", "number", "problem", "reader", "recent", "region", "usual", "zone"})


def problems(letters: Letters, telling: Telling) -> Iterator[str]:
    """Return what a customer would find out otherwise: letters that are missing, broken, or name what nobody has."""
    own = {DIGEST: DIGEST_FIELDS}
    own |= {each.letter: HOT_ISSUE_FIELDS for each in telling.by_event.get(HOT_ISSUE_OPENED, ())}
    needs = {each.letter: frozenset(each.needs) for each in telling.apologies}
    for language in letters.languages:
        for name in sorted({each.letter for each in telling.notices} | needs.keys() | {DIGEST}):
            try:
                told, facts = letters.names(name, language)
            except TemplateError as error:
                yield f"letters/{language}/{name}.txt: {type(error).__name__}: {error}"
                continue
            unknown = sorted(told - own.get(name, FIELDS)) + sorted(
                f"facts.{each}" for each in facts - needs.get(name, frozenset())
            )
            if unknown:
                yield f"letters/{language}/{name}.txt: nobody gives it {', '.join(unknown)}"
