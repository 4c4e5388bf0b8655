"""`duban policy diff | apply | rollback | versions`: a policy is changed under a running system (R4.12)."""

import getpass
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.table import Table

from duban import display, policy_diff, system_connection
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.system_connection import DEFAULT_DATA, Data, SystemConnection
from schemas.action import ApplyPolicy
from schemas.command import Actor, Command
from services.domain.ids import command_id
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.ledger import store
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.policies import versions
from services.policies.versions import LEAD, PackVersion
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import outgoing
from services.shared.runtime import package_data
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError

NAME = "policy"
SHOWN = 40
"""Tickets in the table of a diff; the rest is counted."""

PackName = Annotated[str, typer.Argument(help="a pack, such as carrier")]


def diff(name: PackName, folder: PolicyFolder = DEFAULT_POLICIES, data: Data = DEFAULT_DATA) -> None:
    """Show what the files say differently from the version in force, and which open tickets would move by how much."""
    system = system_connection.find(data)
    files = loading.read_files(folder, name)
    with system.connect() as connection:
        _show(connection, system.clock(), name, loading.load_one(folder, name), loading.revision(files))


def apply(
    name: PackName,
    folder: PolicyFolder = DEFAULT_POLICIES,
    note: Annotated[str, typer.Option(help="why, for those who come after")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="without it, only show what would happen")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Put the files in force everywhere at the same instant, then derive the deadlines of open tickets anew."""
    pack, files = loading.load_one(folder, name), loading.read_files(folder, name)
    _proofread(pack, folder)
    system = system_connection.find(data)
    with system.connect() as connection:
        different = _show(connection, system.clock(), name, pack, pack.revision)
    if different and not yes:
        print("nothing was changed; `--yes` applies it")
        return
    _change(system, name, files, note)


def rollback(
    name: PackName,
    note: Annotated[str, typer.Option(help="why")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="without it, only show what would happen")] = False,  # noqa: FBT002
    data: Data = DEFAULT_DATA,
) -> None:
    """Put the version before the one in force back in force, as a new version."""
    system = system_connection.find(data)
    with system.connect() as connection:
        clock = system.clock()
        known = [each for each in versions.load(connection) if each.pack == name]
        present = _present(known, name, clock.now())
        earlier = [each for each in known if each.id < present.id and each.revision != present.revision]
        if not earlier:
            raise DubanError(f"{name} has no earlier version: `duban policy versions {name}`")
        before = earlier[-1]
        _proofread(before.policy, package_data.policies())
        _show(connection, clock, name, before.policy, before.revision)
    if not yes:
        print("nothing was changed; `--yes` applies it")
        return
    _change(system, name, before.files, note or f"back to {before.revision}")


def list_versions(name: PackName, data: Data = DEFAULT_DATA) -> None:
    """List the versions of a pack, with when each came in force, who applied it, and why."""
    system = system_connection.find(data)
    with system.connect() as connection:
        known = [each for each in versions.load(connection) if each.pack == name]
        present = _present(known, name, system.clock().now())
    zone = ZoneInfo(present.policy.header.zone)
    table = Table(title=f"Versions of {name}")
    for column in ("version", "in force from", "applied by", "note", ""):
        table.add_column(column)
    for each in known:
        since = f"{each.in_force_from.astimezone(zone):%Y-%m-%d %H:%M:%S}" if each.in_force_from else "the beginning"
        mark = "in force" if each.id == present.id else ""
        table.add_row(each.policy.reference.version, since, each.applied_by, each.note, mark)
    display.console().print(table)


def _proofread(pack: Pack, folder: Path) -> None:
    """Refuse a policy that tells what no letter can say; letters are no part of a version, so today's are read."""
    if broken := list(template_validation.problems(TemplateLibrary(folder / "letters"), pack)):
        raise DubanError("\n".join(broken))


def _present(known: list[PackVersion], name: str, now: datetime) -> PackVersion:
    found = versions.in_force(known, name, now)
    if found is None:
        raise DubanError(f"the database has no version of {name}: `duban db migrate` writes the first")
    return found


def _show(connection: psycopg.Connection, clock: Clock, name: str, new: Pack, revision: str) -> bool:
    """Print what is different and what would move; False when nothing is different."""
    now = clock.now()
    present = _present(versions.load(connection), name, now)
    if present.revision == revision:
        print(f"{name}: the files are the version in force, {present.policy.reference.version}")
        return False
    print(f"{name}: {present.policy.reference.version} -> {new.reference.version}")
    for line in policy_diff.changed_values(present.policy, new):
        print(f"  {line}")
    moved = list(policy_diff.deadlines(store.running(connection, name), new, now))
    sooner = sum(each.by < timedelta(0) for each in moved)
    over = sum(each.over(now) for each in moved)
    tickets = len({each.number for each in moved})
    print(f"{tickets} open tickets move: {sooner} deadlines sooner, {len(moved) - sooner} later, {over} over at once")
    if moved:
        _table(moved, now, ZoneInfo(new.header.zone))
    return True


def _table(moved: list[policy_diff.MovedDeadline], now: datetime, zone: ZoneInfo) -> None:
    table = Table()
    for column in ("ticket", "tier", "clock", "due", "would be due", "by", "rule"):
        table.add_column(column)
    for each in sorted(moved, key=lambda one: one.after)[:SHOWN]:
        hours = each.by / timedelta(hours=1)
        table.add_row(
            each.number,
            each.tier,
            each.clock,
            f"{each.before.astimezone(zone):%m-%d %H:%M}",
            f"{each.after.astimezone(zone):%m-%d %H:%M}" + (" over" if each.over(now) else ""),
            f"{hours:+.1f} h",
            each.rule,
        )
    display.console().print(table)
    if len(moved) > SHOWN:
        print(f"and {len(moved) - SHOWN} more")


def _change(system: SystemConnection, name: str, files: Mapping[str, str], note: str) -> None:
    """Write the version, unless it is in force, wait until it is, and send every open ticket the command to follow.

    Whoever is interrupted runs it again: the same version sends the same commands, and the ledger knows a repeat.
    """
    clock = system.clock()
    pack = loading.from_files(name, files)
    with system.connect() as connection:
        known = versions.load(connection)
        latest = [each for each in known if each.pack == name][-1]
        if latest.revision != loading.revision(files):
            since = clock.now() + clock.business(LEAD)
            versions.write(connection, name, files, at=since, by=getpass.getuser(), note=note)
            connection.commit()
            print(f"{pack.reference.version} is in force in {LEAD:g} s, everywhere at once")
            time.sleep(LEAD)
        version = [each for each in versions.load(connection) if each.pack == name][-1]
        now = clock.now()
        moving = list(dict.fromkeys(each.id for each in store.running(connection, name)))
    commands = [
        Command(
            id=command_id(each, "policy", version.id),
            ticket_id=each,
            at=now,
            actor=Actor(kind="service", name=NAME),
            action=ApplyPolicy(version=pack.reference.version),
        )
        for each in moving
    ]
    with closing(Publisher(system.kafka, NAME)) as publisher:
        publisher.publish([outgoing(each, NAME) for each in commands])
    print(f"{len(commands)} open tickets follow; `duban policy versions {name}` shows what is in force")


def register(group: typer.Typer) -> None:
    """Add the commands to those of `duban policy`."""
    group.command(name="diff")(diff)
    group.command(name="apply")(apply)
    group.command(name="rollback")(rollback)
    group.command(name="versions")(list_versions)
