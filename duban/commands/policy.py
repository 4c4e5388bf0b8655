"""`duban policy check | show | play`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from duban import rehearsal
from services.domain import packs, soundness
from services.domain.packs import Pack
from services.domain.policy import Marked, Span
from services.shared.errors import DubanError
from services.shared.settings import PROJECT

group = typer.Typer(help="Policy packs.", no_args_is_help=True)
POLICIES = PROJECT / "policies"
SOURCE = frozenset({"from_", "ours", "title", "name", "code"})
"""Fields that say where a value is from or what it is called, not what it is."""


@group.command()
def check(folder: Annotated[Path, typer.Argument(help="the folder of the packs")] = POLICIES) -> None:
    """Load every pack: unknown keys, wrong values, rules that can never decide, departments that nothing reaches."""
    table = Table(title="Policy packs")
    for column in ("pack", "version", "units", "clocks", "business types", "problem types"):
        table.add_column(column)
    loaded = packs.load(folder)
    for name, pack in loaded.items():
        numbers = (len(pack.units), len(pack.timing.clocks), len(pack.types.business), len(pack.types.problem))
        table.add_row(name, pack.head.version, *map(str, numbers))
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    today = datetime.now(UTC).date()
    for name, pack in loaded.items():
        for each in soundness.warnings(pack, today):
            console.print(f"{name}: {each}", markup=False)


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    about: Annotated[str, typer.Option(help="only lines that hold this text")] = "",
    folder: Annotated[Path, typer.Option(help="the folder of the packs")] = POLICIES,
) -> None:
    """Print every value of a pack with the place in the documents it is from, or why it is ours (R8.1)."""
    loaded = packs.load(folder)
    if name not in loaded:
        raise DubanError(f"there is no pack {name!r}: choose of {', '.join(loaded)}")
    for where, value, source in values(loaded[name]):
        line = f"{where}: {value}  [{source}]"
        if about.casefold() in line.casefold():
            print(line)


@group.command()
def play(
    name: Annotated[str, typer.Argument(help="a pack, such as bus")],
    folder: Annotated[Path, typer.Option(help="the folder of the packs")] = POLICIES,
    day: Annotated[Path | None, typer.Option(help="another file than the pack's own day.toml")] = None,
) -> None:
    """Play a day of contacts and actions by a pack's rules, without a stack; exit code 1 when something differs."""
    pack = packs.load_one(folder, name)
    different = 0
    for case, differences in rehearsal.play(day or folder / name / "day.toml", pack):
        print(f"{'differs' if differences else 'ok':8} {case}")
        for each in differences:
            print(f"           {each}")
        different += bool(differences)
    if different:
        raise typer.Exit(1)


def values(pack: Pack) -> Iterator[tuple[str, str, str]]:
    """Return where each value of a pack stands, the value, and where it is from."""
    parts: list[tuple[str, BaseModel]] = [
        ("types", pack.types),
        ("limits", pack.timing),
        ("routing", pack.routing),
        ("outcome", pack.care),
    ]
    for name, part in parts:
        yield from _within(name, part)


def _within(path: str, model: BaseModel) -> Iterator[tuple[str, str, str]]:
    title = str(getattr(model, "name", "") or getattr(model, "code", ""))
    path = f"{path} / {title}" if title else path
    if isinstance(model, Marked):
        plain = {field: value for field, value in model if field not in SOURCE and not _models(value)}
        fields = type(model).model_fields
        # What is as it is without saying so is worth a line only where nothing else is said.
        told = {field: value for field, value in plain.items() if value != fields[field].default} or plain
        yield path, ", ".join(f"{field} {_written(value)}" for field, value in told.items()), model.source
    for field, value in model:
        for each in _models(value):
            yield from _within(f"{path} / {field}", each)


def _models(value: object) -> list[BaseModel]:
    """Return the parts of a value that have sources of their own."""
    found = value if isinstance(value, tuple) else (value,)
    return [each for each in found if isinstance(each, BaseModel) and not isinstance(each, Span) and _has_marks(each)]


def _has_marks(model: BaseModel) -> bool:
    return isinstance(model, Marked) or any(_models(value) for _, value in model)


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_written, value))
    if isinstance(value, BaseModel) and not isinstance(value, Span):
        told = {field: each for field, each in value if each not in (None, ())}
        return "{" + ", ".join(f"{field}: {_written(each)}" for field, each in told.items()) + "}"
    return str(value)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="policy")
