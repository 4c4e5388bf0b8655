"""`duban policy check | show | words | play | export`; the rest is in `policy_change` and `policy_proof`."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from duban import day_file, pack_words, policy_checks, policy_export
from duban.commands import policy_change, policy_proof
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder, PolicyFolderArgument
from duban.policy_values import cited_values
from services.domain.events import suggest
from services.domain.policy import loading, stages, validation
from services.domain.policy.pack import Pack
from services.shared.runtime.errors import DubanError

group = typer.Typer(help="Policy packs.", no_args_is_help=True)


@group.command()
def check(
    folder: PolicyFolderArgument = DEFAULT_POLICIES,
    show_stages: Annotated[  # noqa: FBT002
        bool, typer.Option("--stages", help="print the latest start of each stage, for every kind, tier and type")
    ] = False,
) -> None:
    """Load every pack and render every letter; report all that is wrong.

    Wrong keys and values, words that mean nothing, dead rules, tickets without a promise, stages that do not fit into
    it, letters that fail; and as warnings units that no rule reaches, and holidays that are missing.
    """
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
        for warning in validation.find_warnings(pack, today):
            console.print(f"{name}: {warning}", markup=False)
    if show_stages:
        for pack in loaded.values():
            _print_stages(pack, today)
    if problems := set(policy_checks.problems(loaded.values(), folder)):
        raise DubanError("\n".join(sorted(problems)))


def _print_stages(pack: Pack, today: date) -> None:
    start = stages.ordinary_monday(pack, today)
    for many in stages.courses(pack, start):
        for number, line in enumerate(stages.described_course(pack, many, start)):
            print(f"{'' if number else f'{pack.header.name}: '}{line}")


@group.command()
def show(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    about: Annotated[str, typer.Option(help="only lines that contain this text")] = "",
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Print every value of a pack with its source in the customer's documents, or why it is ours (R8.1)."""
    loaded = loading.load(folder)
    if name not in loaded:
        raise DubanError(f"there is no pack {name!r}: choose one of {', '.join(loaded)}")
    for path, value, source in cited_values(loaded[name]):
        line = f"{path}: {value}  [{source}]"
        if about.casefold() in line.casefold():
            print(line)


@group.command()
def words(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    section: Annotated[str, typer.Option(help="only this section, such as units or actions")] = "",
    uncovered: Annotated[  # noqa: FBT002
        bool, typer.Option("--uncovered", help="only types with fewer than ten everyday words")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,  # noqa: FBT002
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """List the codes that contacts, commands and days of a pack may use, with their titles, by section."""
    pack = loading.load_one(folder, name)
    found = pack_words.uncovered(pack) if uncovered else pack_words.words_of(pack)
    if section:
        if section not in found:
            raise DubanError(f"there is no section {section!r}: {suggest(section, found)}")
        found = {section: found[section]}
    if as_json:
        print(json.dumps(pack_words.as_json(found), ensure_ascii=False, indent=1))
        return
    for title, listed in found.items():
        print(f"{title}:" if listed else f"{title}: none")
        for word in listed:
            print(f"  {word.as_text()}")


@group.command()
def play(
    name: Annotated[str, typer.Argument(help="a pack, such as bus")],
    folder: PolicyFolder = DEFAULT_POLICIES,
    day: Annotated[Path | None, typer.Option(help="a file instead of the pack's own days")] = None,
) -> None:
    """Simulate the days of a pack by its rules; exit code 1 when a result is not as expected.

    These are its day.toml and what stands in its folder `days`.
    """
    pack = loading.load_one(folder, name)
    failed = 0
    for file in [day] if day is not None else day_file.days_of(folder / name):
        for case, differences in day_file.play(file, pack):
            print(f"{'differs' if differences else 'ok':8} {case}")
            for difference in differences:
                print(f"           {difference}")
            failed += bool(differences)
    if failed:
        raise typer.Exit(1)


@group.command()
def export(
    name: Annotated[str, typer.Argument(help="a pack, such as carrier")],
    target: Annotated[Path, typer.Argument(metavar="DIR", help="the folder to write to")],
    folder: PolicyFolder = DEFAULT_POLICIES,
) -> None:
    """Write a pack out to edit, with all calendars and letters; DUBAN_POLICIES=DIR then uses it."""
    written = policy_export.export(folder, name, target)
    print(f"{len(written)} files written to {target}; check them with `duban policy check {target}`,")
    print(f"use them with DUBAN_POLICIES={target.resolve()}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    policy_change.register(group)
    group.command("prove")(policy_proof.prove_packs)
    app.add_typer(group, name="policy")
