"""Renders letters from the templates `policies/letters/<language>/<template>.txt`; line 1 is the subject (R5.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, Template, TemplateError, TemplateRuntimeError, meta, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment

DIGEST = "digest"
"""Template of the letter about several notices at once."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered text that is ready to be sent.

    Attributes:
        number: of the ticket that it is about.
        attach_pdf: whether a mail carries it as a PDF too.

    """

    subject: str
    body: str
    number: str = ""
    attach_pdf: bool = False


class TemplateLibrary:
    """Loads and renders the templates of a folder."""

    def __init__(self, folder: Path) -> None:
        # Plain text, so nothing is escaped; the sandbox keeps a template from being a program.
        self._environment = SandboxedEnvironment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
            finalize=_reject_none,
        )
        self._environment.filters["local"] = _local_time
        self._variables: dict[str, frozenset[str]] = {}

    def load(self, template: str, language: str) -> Template:
        """Return a compiled template.

        Raises:
            jinja2.TemplateError: there is no such template, or it cannot be parsed.

        """
        return self._environment.get_template(f"{language}/{template}.txt")

    def variables(self, template: str, language: str) -> frozenset[str]:
        """Return the variables that a template uses in any of its branches.

        Raises:
            jinja2.TemplateError: there is no such template, or it cannot be parsed.

        """
        assert self._environment.loader is not None
        file = f"{language}/{template}.txt"
        if file not in self._variables:
            text, _, _ = self._environment.loader.get_source(self._environment, file)
            self._variables[file] = frozenset(meta.find_undeclared_variables(self._environment.parse(text)))
        return self._variables[file]

    def render(self, template: str, language: str, context: Mapping[str, Any]) -> Letter:
        """Return the letter that a template makes of a context.

        Raises:
            jinja2.TemplateError: there is no such template, it uses a variable that the context lacks, or one of its
                expressions cannot be evaluated.

        """
        try:
            text = self.load(template, language).render(context)
        except TemplateError:
            raise
        except Exception as error:
            # An expression may fail like any program, such as the sum of a text and a number.
            raise TemplateRuntimeError(f"{type(error).__name__}: {error}") from error
        subject, _, body = text.partition("\n")
        return Letter(subject.strip(), body.strip(), str(context.get("number", "")))


def _reject_none(value: Any) -> Any:
    """Return the value of an expression; a letter must never read None."""
    if value is None:
        raise TemplateRuntimeError("an expression has no value: it would read None")
    return value


@pass_context
def _local_time(context: Context, value: str | None) -> str:
    """Format an ISO 8601 instant in the ticket's time zone; the filter `local` of templates."""
    if value is None:
        raise TemplateRuntimeError("there is no such time to write with `local`")
    return datetime.fromisoformat(value).astimezone(ZoneInfo(context["zone"])).strftime("%Y-%m-%d %H:%M")
