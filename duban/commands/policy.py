"""`duban policy check | show | play | export`, and with `policy_change` the rest of `duban policy`."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import policy_export, policy_simulation
from duban.commands import policy_change
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder, PolicyFolderArgument
from duban.policy_values import values
from services.domain.policy import loading, validation
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Policy packs.", no_args_is_help=True)


@group.command()
def check(folder: PolicyFolderArgument = DEFAULT_POLICIES) -> None:
    """Load every pack and write every letter: wrong keys and values, rules that never decide, letters that fail."""
    table = Table(title="Policy packs")
    for column in ("pack", "version", "units", "clocks", "business types", "problem types"):
        table.add_column(column)
    loaded = loading.load(folder)
    for name, pack in loaded.items():
        numbers = (len(pack.units), len(pack.limits.clocks), len(pack.types.business), len(pack.types.problem))
        table.add_row(name, pack.header.version, *map(str, numbers))
    console = Console(soft_wrap=True, highlight=False)
    console.print(table)
    today = datetime.now(UTC).date()
    for name, pack in loaded.items():
        for each in validation.find_warnings(pack, today):
            console.print(f"{name}: {each}", markup=False)
    letters = TemplateLibrary(folder / "letters")
    broken = sorted({each for pack in loaded.values() for each in template_validation.problems(letters, pack)})
    if broken:
        raise DubanError("\n".join(broken))


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    about: Annotated[str, typer.Option(help="only lines that hold this text")] = "",
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Print every value of a pack with the place in the documents it is from, or why it is ours (R8.1)."""
    loaded = loading.load(folder)
    if name not in loaded:
        raise DubanError(f"there is no pack {name!r}: choose of {', '.join(loaded)}")
    for where, value, source in values(loaded[name]):
        line = f"{where}: {value}  [{source}]"
        if about.casefold() in line.casefold():
            print(line)


@group.command()
def play(
    name: Annotated[str, typer.Argument(help="a pack, such as bus")],
    folder: PolicyFolder = DEFAULT_POLICIES,
    day: Annotated[Path | None, typer.Option(help="another file than the pack's own day.toml")] = None,
) -> None:
    """Play a day of contacts and actions by a pack's rules, without a stack; exit code 1 when something differs."""
    pack = loading.load_one(folder, name)
    different = 0
    for case, differences in policy_simulation.play(day or folder / name / "day.toml", pack):
        print(f"{'differs' if differences else 'ok':8} {case}")
        for each in differences:
            print(f"           {each}")
        different += bool(differences)
    if different:
        raise typer.Exit(1)


@group.command()
def export(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to write to")],
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Write a pack out to edit, with the calendars and letters it needs; DUBAN_POLICIES=DIR then uses it."""
    written = policy_export.export(folder, name, target)
    print(f"{len(written)} files written to {target}; check them with `duban policy check {target}`,")
    print(f"use them with DUBAN_POLICIES={target.resolve()}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    policy_change.register(group)
    app.add_typer(group, name="policy")
