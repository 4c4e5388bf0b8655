"""Letters: templates are data, `policies/letters/<language>/<template>.txt`; the first line is the subject (R5.7)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, TemplateRuntimeError, meta, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

DIGEST = "digest"
"""The letter about several notices at once."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A text that is ready to be sent, and the number of the ticket that it is about."""

    subject: str
    body: str
    number: str = ""
    paper: bool = False
    """Whether it goes on paper too: a mail carries it as a PDF."""

    def replace(self, *, paper: bool) -> "Letter":
        """Return it with or without paper."""
        return replace(self, paper=paper)


class TemplateLibrary:
    """Every template of a folder."""

    def __init__(self, folder: Path) -> None:
        # Plain text, so nothing is escaped; the sandbox keeps a template from being a program.
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            finalize=_there,
        )
        self._environment.filters["local"] = _local
        self._names: dict[str, frozenset[str]] = {}

    def read(self, template: str, language: str) -> Template:
        """Return a template.

        Raises:
            jinja2.TemplateError: there is none, or it cannot be read.

        """
        return self._environment.get_template(f"{language}/{template}.txt")

    def names(self, template: str, language: str) -> frozenset[str]:
        """Return what a template names, in branches that are hardly ever taken too.

        Raises:
            jinja2.TemplateError: there is none, or it cannot be read.

        """
        assert self._environment.loader is not None
        file = f"{language}/{template}.txt"
        if file not in self._names:
            text, _, _ = self._environment.loader.get_source(self._environment, file)
            self._names[file] = frozenset(meta.find_undeclared_variables(self._environment.parse(text)))
        return self._names[file]

    def write(self, template: str, language: str, context: Mapping[str, Any]) -> Letter:
        """Return a letter.

        Raises:
            jinja2.TemplateError: there is no such template, it names what the context does not have, or an expression
                in it cannot be worked out.

        """
        try:
            text = self.read(template, language).render(context)
        except TemplateError:
            raise
        except Exception as error:
            # An expression may fail like any program: a sum of a text and a number, a time that is none.
            raise TemplateRuntimeError(f"{type(error).__name__}: {error}") from error
        subject, _, body = text.partition("\n")
        return Letter(subject.strip(), body.strip(), str(context.get("number", "")))


def _there(value: Any) -> Any:
    """Give what an expression comes to back; nobody is to read None in a letter."""
    if value is None:
        raise TemplateRuntimeError("an expression has no value: it would read None")
    return value


@pass_context
def _local(context: Context, value: str | None) -> str:
    """Write an instant as people in the ticket's zone read it."""
    if value is None:
        raise TemplateRuntimeError("there is no such time to write with `local`")
    return datetime.fromisoformat(value).astimezone(ZoneInfo(context["zone"])).strftime("%Y-%m-%d %H:%M")
