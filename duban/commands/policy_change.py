"""`duban policy diff | apply | rollback | versions`: changes the policy of a running system (R4.12)."""

import getpass
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import typer
from rich.progress import Progress
from rich.table import Table

from duban import display, policy_checks, policy_diff, system_connection
from duban.command_pacing import Pacer
from duban.policy_diff import PolicyDiff
from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.proving import exemptions, prover
from duban.system_connection import DEFAULT_DATA, Data, SystemConnection
from schemas.action import ApplyPolicy
from schemas.command import Actor, Command
from schemas.ticket import OVER, Status
from services.domain.ids import command_id
from services.domain.policy import loading
from services.domain.policy.forms import FORM_VERSION
from services.domain.policy.pack import Pack
from services.ledger import store
from services.policies import versions
from services.policies.versions import LEAD, PackVersion
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import outgoing
from services.shared.runtime import package_data
from services.shared.runtime.clock import Clock
from services.shared.runtime.errors import DubanError

NAME = "policy"
SHOWN_DEADLINES = 40
"""Rows in the table of a diff; the others are only counted."""
AT_ONCE = 100
"""Commands to tickets that are not decided yet, at the most: ticks wait for no more than these.

Of 3,002 tickets all were recalculated as fast as without a bound; with 50 it took half as long again.
"""

PackName = Annotated[str, typer.Argument(help="a pack, such as carrier")]
AtOnce = Annotated[
    int, typer.Option(min=1, help="tickets that are recalculated at once, at the most: other commands wait for these")
]


def diff(name: PackName, folder: PolicyFolder = DEFAULT_POLICIES, data: Data = DEFAULT_DATA) -> None:
    """Show how the files differ from the version in force, and which open deadlines would move by how much."""
    system = system_connection.find(data)
    files = loading.read_files(folder, name)
    with system.connect() as connection:
        _print_diff(connection, system.clock(), name, loading.load_one(folder, name), loading.revision(files))


def apply(
    name: PackName,
    folder: PolicyFolder = DEFAULT_POLICIES,
    note: Annotated[str, typer.Option(help="why it is applied; kept with the version")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="apply it; else it is only shown")] = False,  # noqa: FBT002
    unproved: Annotated[  # noqa: FBT002
        bool, typer.Option("--unproved", help="in an emergency: do not search the pack for what must never happen")
    ] = False,
    at_once: AtOnce = AT_ONCE,
    data: Data = DEFAULT_DATA,
) -> None:
    """Put the files in force in every service at the same instant, then recalculate the deadlines of open tickets.

    A changed pack is checked and proved before (`duban policy prove`, up to a minute).
    """
    pack, files = loading.load_one(folder, name), loading.read_files(folder, name)
    _check(pack, folder)
    system = system_connection.find(data)
    with system.connect() as connection:
        changed = _print_diff(connection, system.clock(), name, pack, pack.revision)
    if changed and not yes:
        print("nothing was changed; `--yes` proves the pack and applies it")
        return
    if changed and unproved:
        note = f"{note} (unproved)".strip()
    elif changed:
        _prove(pack, folder)
    _apply_version(system, name, files, FORM_VERSION, note, at_once)


def rollback(
    name: PackName,
    note: Annotated[str, typer.Option(help="why")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="apply it; else it is only shown")] = False,  # noqa: FBT002
    at_once: AtOnce = AT_ONCE,
    data: Data = DEFAULT_DATA,
) -> None:
    """Put the previous version in force again, as a new version."""
    system = system_connection.find(data)
    with system.connect() as connection:
        clock = system.clock()
        known = _versions_of(connection, name)
        present = _in_force(known, name, clock.now())
        earlier = [version for version in known if version.id < present.id and version.revision != present.revision]
        if not earlier:
            raise DubanError(f"{name} has no earlier version: `duban policy versions {name}`")
        previous = earlier[-1]
        _check(previous.policy, package_data.policies())
        _print_diff(connection, clock, name, previous.policy, previous.revision)
    if not yes:
        print("nothing was changed; `--yes` applies it")
        return
    _apply_version(system, name, previous.files, previous.form_version, note or f"back to {previous.revision}", at_once)


def list_versions(name: PackName, data: Data = DEFAULT_DATA) -> None:
    """List the versions of a pack: when each came in force, who applied it, and why."""
    system = system_connection.find(data)
    with system.connect() as connection:
        known = _versions_of(connection, name)
        present = _in_force(known, name, system.clock().now())
    zone = ZoneInfo(present.policy.header.zone)
    table = Table(title=f"Versions of {name}")
    for column in ("version", "in force from", "applied by", "note", ""):
        table.add_column(column)
    for version in known:
        start = version.in_force_from
        since = f"{start.astimezone(zone):%Y-%m-%d %H:%M:%S}" if start else "the beginning"
        mark = "in force" if version.id == present.id else ""
        table.add_row(version.label, since, version.applied_by, version.note, mark)
    display.console().print(table)


def _check(pack: Pack, folder: Path) -> None:
    """Check a pack as `duban policy check` does; letters are no part of a version, so today's are used.

    Raises:
        DubanError: something is wrong; lists the problems.

    """
    if problems := list(policy_checks.problems([pack], folder)):
        raise DubanError("\n".join(problems))


def _prove(pack: Pack, folder: Path) -> None:
    """Prove a pack as `duban policy prove --first` does.

    Raises:
        DubanError: something can happen that never must; has the story.

    """
    name = pack.header.name
    print(f"{name}: searching every state that a ticket can reach; up to a minute", flush=True)
    report = prover.prove(pack, exemptions.load(folder, name), first=True)
    *lines, last = report.lines()
    if not report.holds:
        raise DubanError("\n".join([*lines, last, f"nothing was changed: mend the pack, `duban policy prove {name}`"]))
    print(last)


def _in_force(known: list[PackVersion], name: str, now: datetime) -> PackVersion:
    found = versions.in_force(known, name, now)
    if found is None:
        raise DubanError(f"the database has no version of {name}: `duban db migrate` writes the first")
    return found


def _print_diff(connection: psycopg.Connection, clock: Clock, name: str, new: Pack, revision: str) -> bool:
    """Print the changed values and the deadlines that would move; False when nothing is changed."""
    now = clock.now()
    present = _in_force(versions.load(connection), name, now)
    if present.revision == revision:
        print(f"{name}: the files are those of the version in force, {present.policy.reference.version}")
        return False
    print(f"{name}: {present.policy.reference.version} -> {new.reference.version}")
    for line in policy_diff.changed_values(present.policy, new):
        print(f"  {line}")
    difference = PolicyDiff(new, now, SHOWN_DEADLINES)
    with_archive = policy_diff.changes_archive(present.policy, new)
    for ticket in store.tickets_with_running_timer(connection, name, with_archive=with_archive):
        difference.add(ticket)
    print(
        f"{difference.tickets} open tickets change: {difference.earlier} deadlines earlier, {difference.later} later, "
        f"{difference.exceeded} exceeded at once (recorded as missed, without warning or breach)"
    )
    for verb, clocks in (("starts", difference.started), ("ends", difference.ended)):
        for title, count in sorted(clocks.items()):
            print(f"  clock {title} {verb} on {count} tickets")
    if difference.closed_tickets:
        print(f"{difference.closed_tickets} tickets that are over change: their callback, or the time of their archive")
    _print_deadlines(difference, ZoneInfo(new.header.zone))
    return True


def _print_deadlines(difference: PolicyDiff, zone: ZoneInfo) -> None:
    if not difference.deadlines:
        return
    table = Table()
    for column in ("ticket", "tier", "clock", "due", "would be due", "by", "rule"):
        table.add_column(column)
    for deadline in difference.deadlines:
        hours = deadline.difference / timedelta(hours=1)
        exceeded = " exceeded" if deadline.is_exceeded(difference.now) else ""
        table.add_row(
            deadline.number,
            deadline.tier,
            deadline.clock,
            f"{deadline.before.astimezone(zone):%m-%d %H:%M}",
            f"{deadline.after.astimezone(zone):%m-%d %H:%M}{exceeded}",
            f"{hours:+.1f} h",
            deadline.rule,
        )
    display.console().print(table)
    if (more := difference.earlier + difference.later - len(difference.deadlines)) > 0:
        print(f"and {more} more")


def _apply_version(
    system: SystemConnection, name: str, files: Mapping[str, str], form_version: int, note: str, at_once: int
) -> None:
    """Save the version, unless it is the latest, wait until it is in force, and send each open ticket an ApplyPolicy.

    After an interruption it can be run again: the same version sends the same command ids, and what is decided is not
    sent again.
    """
    clock = system.clock()
    pack = loading.from_version(name, files, form_version)
    with system.connect() as connection:
        latest = _versions_of(connection, name)[-1]
        if latest.revision != loading.revision(files):
            since = clock.now() + clock.business_span(LEAD)
            user = getpass.getuser()
            versions.write(connection, name, files, at=since, by=user, note=note, form_version=form_version)
            connection.commit()
            print(f"{pack.reference.version} comes in force in {LEAD:g} s, in every service at once")
            time.sleep(LEAD)
        # Hours may pass until the last ticket is decided; no transaction is held open so long.
        connection.commit()
        connection.autocommit = True
        *earlier, applied = _versions_of(connection, name)
        with_archive = not earlier or policy_diff.changes_archive(earlier[-1].policy, pack)
        _recalculate(system, connection, applied, at_once, with_archive=with_archive)
    print(f"`duban policy versions {name}` shows what is in force")


def _recalculate(
    system: SystemConnection, connection: psycopg.Connection, applied: PackVersion, at_once: int, *, with_archive: bool
) -> None:
    """Send an ApplyPolicy to each ticket that has a clock to come, at most some at once, and show how far it is."""
    running, archived_later = store.count_owners(connection, applied.pack)
    commands = _CommandsOfVersion(applied, system.clock().now())
    owners = store.owners_of_running_timers(connection, applied.pack, with_archive=with_archive)
    with closing(Publisher(system.kafka, NAME)) as publisher, Progress(console=display.console()) as bar:
        pacer = Pacer(
            at_once,
            lambda sent: publisher.publish([outgoing(command, NAME) for command in sent]),
            lambda ids: store.decided_commands(connection, ids),
            time.sleep,
            time.monotonic,
        )
        task = bar.add_task("tickets recalculated", total=running + archived_later * with_archive)
        for decided in pacer.send(map(commands.to, owners)):
            bar.advance(task, decided)
    others = f", and {commands.over} that are over but have a clock to come" if commands.over else ""
    print(f"{commands.open} open tickets are recalculated{others}")
    if archived_later and not with_archive:
        print(
            f"{archived_later} closed tickets only wait for their archive, whose time does not change: left as they are"
        )


@dataclass
class _CommandsOfVersion:
    """Builds the command to each ticket, and counts them.

    Attributes:
        applied: the version.
        now: business time of the commands.
        open: commands to open tickets so far.
        over: commands to tickets that are over.

    """

    applied: PackVersion
    now: datetime
    open: int = 0
    over: int = 0

    def to(self, owner: tuple[UUID, Status]) -> Command:
        """Return the command to a ticket; its id is the same in every run, so the ledger decides it once."""
        id_, status = owner
        if status in OVER:
            self.over += 1
        else:
            self.open += 1
        return Command(
            id=command_id(id_, "policy", self.applied.id),
            ticket_id=id_,
            at=self.now,
            actor=Actor(kind="service", name=NAME),
            action=ApplyPolicy(version=self.applied.policy.reference.version),
        )


def _versions_of(connection: psycopg.Connection, name: str) -> list[PackVersion]:
    return [version for version in versions.load(connection) if version.pack == name]


def register(group: typer.Typer) -> None:
    """Add the commands to those of `duban policy`."""
    group.command(name="diff")(diff)
    group.command(name="apply")(apply)
    group.command(name="rollback")(rollback)
    group.command(name="versions")(list_versions)
