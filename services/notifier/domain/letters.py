"""Letters: templates are data, `policies/letters/<language>/<template>.txt`; the first line is the subject (R5.7)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import SandboxedEnvironment


@dataclass(frozen=True, slots=True)
class Letter:
    """A text that is ready to be sent, and the number of the ticket that it is about."""

    subject: str
    body: str
    number: str = ""


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
