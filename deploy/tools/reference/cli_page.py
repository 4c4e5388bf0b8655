"""docs/reference/cli.md: every command and option of `duban`, from the typer application."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from deploy.tools.reference import markdown
from duban.application import application
from duban.commands import explain

INTRODUCTION = """\
`duban --help` and `duban <command> --help` print the same. A command that fails writes one sentence that says what to
do, and its exit code is 1."""
COMPLETION = ("install_completion", "show_completion")
"""Options that typer adds; `duban --help` explains them."""
COLUMNS = ("argument or option", "default", "meaning")


def page() -> str:
    """Return the page."""
    sections = []
    for path, command in commands():
        rows = list(_rows(command))
        if path == ("explain",):
            rows = list(_argparse_rows(explain._parser()))  # noqa: SLF001 - the command has no typer options
        sections += [f"## {' '.join(('duban', *path))}", _help(command), markdown.table(COLUMNS, rows)]
    return markdown.page(
        "Command line",
        markdown.paragraph(INTRODUCTION),
        *sections,
    )


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Return `duban` and every command that can be run, by the words after `duban`, in the order of the help."""
    yield from _walk(typer.main.get_command(application()), ())


def _walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    below = getattr(command, "commands", None)
    if below is None or (not path and command.params):
        yield path, command
    if below is not None:
        for name, each in below.items():
            yield from _walk(each, (*path, name))


def _help(command: Any) -> str:
    return markdown.paragraph((command.help or "").split("\f")[0])


def _rows(command: Any) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:
        if parameter.hidden or parameter.name in COMPLETION:
            continue
        meaning = markdown.prose(parameter.help or "")
        if parameter.envvar:
            meaning += f" ({markdown.code(str(parameter.envvar))})" if meaning else markdown.code(parameter.envvar)
        yield _name(parameter), _default(parameter), meaning


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        name = parameter.name.upper() + ("..." if parameter.nargs == -1 else "")
        return markdown.code(name if parameter.required else f"[{name}]")
    names = "/".join([parameter.opts[0], *parameter.secondary_opts])
    short = "".join(f", {markdown.code(each)}" for each in parameter.opts[1:])
    return markdown.code(names if parameter.is_flag else f"{names} {_type(parameter)}") + short


def _type(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    choices = getattr(annotation, "__members__", None)
    if choices is not None:
        return "|".join(str(each.value) for each in choices.values())
    return {int: "NUMBER", float: "NUMBER", Path: "PATH"}.get(annotation, "TEXT")


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    if value is None or value in ("", (), []) or (parameter.param_type_name != "argument" and parameter.is_flag):
        return ""
    if isinstance(value, Path):
        return markdown.code(markdown.path(value))
    return markdown.code(" ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))


def _argparse_rows(parser: argparse.ArgumentParser) -> Iterator[tuple[str, str, str]]:
    for action in parser._actions:  # noqa: SLF001 - argparse has no public way to list them
        if action.dest == "help":
            continue
        if action.option_strings:
            name = action.option_strings[0] + ("" if action.nargs == 0 else f" {'PATH' if action.type else 'TEXT'}")
        else:
            name = f"[{action.dest.upper()}]" if action.nargs == "?" else action.dest.upper()
        value = markdown.path(action.default) if isinstance(action.default, Path) else action.default
        yield markdown.code(name), markdown.code(value) if value else "", markdown.prose(action.help or "")
