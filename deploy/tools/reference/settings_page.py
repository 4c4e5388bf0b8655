"""docs/reference/settings.md: every `DUBAN_*` variable, from the settings classes of the services."""

import importlib
import json
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from deploy.local.plan import SERVICES
from deploy.tools.checkout import PROJECT
from deploy.tools.reference import docstrings, markdown
from services.shared.runtime import settings as shared


@dataclass(frozen=True)
class Setting:
    """One variable of the environment, as the page prints it."""

    name: str
    type: str
    default: str
    meaning: str


INTRODUCTION = """\
Settings are environment variables. A mistake in one stops the service at its start, with a sentence that names it.
Objects and lists are written as JSON. *not set* and *empty* are defaults: nothing has to be set for a start."""
COMMAND_LINE = (
    Setting("DUBAN_DATA", "path", "`.duban`", "The data folder of the local system, like the option `--data`."),
    Setting(
        "DUBAN_DATABASE_URL",
        "secret",
        "not set",
        "When it is set, commands talk to the system that it and `DUBAN_KAFKA_*` name; else to the local system.",
    ),
    Setting("DUBAN_INTAKE_URL", "text", "`http://127.0.0.1:8080`", "Where intake answers, with `DUBAN_DATABASE_URL`."),
    Setting("DUBAN_KEY", "secret", "not set", "The key that commands show to intake; else that of the local system."),
    Setting(
        "DUBAN_TUNE_*",
        "as the setting",
        "not set",
        "`duban up` passes `DUBAN_TUNE_LEASE` to its services as `DUBAN_LEASE`, and no other `DUBAN_*` variable.",
    ),
)
"""Variables that `duban` reads itself, without a settings class."""


def page() -> str:
    """Return the page."""
    sections = [part for title, found in by_service().items() for part in (f"## {title}", _table(found))]
    return markdown.page(
        "Settings", markdown.paragraph(INTRODUCTION), *sections, "## The command line", _table(COMMAND_LINE)
    )


def _table(settings: Iterable[Setting]) -> str:
    rows = [(markdown.code(setting.name), setting.type, setting.default, setting.meaning) for setting in settings]
    return markdown.table(("setting", "type", "default", "meaning"), rows)


def by_service() -> dict[str, list[Setting]]:
    """Return the settings of every service and of the broker's client, then those of each service alone."""
    sections = {
        "Every service": list(describe(shared.Settings)),
        "Intake, router and notifier": list(describe(shared.KeyedSettings)),
        "The broker, for every service": list(describe(shared.KafkaSettings)),
    }
    for service in SERVICES:
        if (PROJECT / "services" / service / "settings.py").exists():
            module = importlib.import_module(f"services.{service}.settings")
            for class_ in vars(module).values():
                if isinstance(class_, type) and class_.__module__ == module.__name__:
                    assert issubclass(class_, BaseSettings)
                    sections[service] = list(describe(class_))
    return sections


def names() -> set[str]:
    """Return the name of every variable."""
    return {setting.name for found in by_service().values() for setting in found} | {
        setting.name for setting in COMMAND_LINE
    }


def undocumented() -> list[str]:
    """Return the variables whose field has no text below it that says what it means."""
    return sorted(setting.name for found in by_service().values() for setting in found if not setting.meaning)


def describe(class_: type[BaseSettings]) -> Iterator[Setting]:
    """Return the settings that a class declares itself, in its order; those of its base classes are left out."""
    texts = docstrings.of_fields(class_)
    defaults: dict[str, Any] = {}
    for name, field in class_.model_fields.items():
        if not field.is_required():
            defaults[name] = field.get_default(call_default_factory=True, validated_data=defaults)
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, BaseSettings)
        if name in class_.__annotations__ and not nested:
            prefix = class_.model_config.get("env_prefix", "")
            yield Setting(
                f"{prefix}{name}".upper(),
                _type(field.annotation) + _bounds(field),
                _default(defaults[name]) if name in defaults else "none: it must be set",
                markdown.prose(texts.get(name, "")),
            )


_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", SecretStr: "secret"}


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return "one of " + ", ".join(markdown.code(str(value)) for value in get_args(annotation))
    if origin in {Union, types.UnionType}:
        return " or ".join(_type(each) for each in get_args(annotation) if each is not types.NoneType)
    if origin is dict:
        return "object"
    if origin in {tuple, list}:
        return "list"
    return _PLAIN[annotation]


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    return "".join(
        f", {text} {getattr(bound, name):g}"
        for bound in field.metadata
        for name, text in words.items()
        if getattr(bound, name, None) is not None
    )


def _default(value: Any) -> str:
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        return markdown.code(markdown.path(value))
    if value is None:
        return "not set"
    if value in ("", (), {}):
        return "empty"
    if isinstance(value, bool):
        return markdown.code(str(value).lower())
    return markdown.code(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
