"""Plays a day on a running system: sends contacts, follows the events, acts as the carrier's people and customers do.

Whatever it is told 202 for it writes down at once, for the checker; what is answered otherwise it sends again.
"""

import json
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from demo.agents import Agents
from demo.customers import CustomerActors
from demo.doors import ChannelDoors, Counts
from demo.gateway import DemoGateway
from demo.message import PlannedMessage
from demo.staff import react
from demo.timetable import Timetable
from deploy.local import Stack
from schemas.event import TicketEvent
from services.shared.kafka import topic_reader
from services.shared.runtime.clock import Clock
from services.shared.runtime.settings import KafkaSettings

READ_EVERY = 0.2
"""Real seconds between two looks at what the receivers got."""


class DayDriver:
    """One day being played."""

    def __init__(
        self, stack: Stack, clock: Clock, key: str, planned: list[PlannedMessage], *, seed: int, start: datetime
    ) -> None:
        self._seed = seed
        self._start = start
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._stopping = threading.Event()
        self._timetable = Timetable(clock)
        self._doors = ChannelDoors(stack, key, self._stopping.is_set)
        customers = CustomerActors(self._doors, self._timetable, seed)
        gateway = DemoGateway(self._doors, self._timetable, stack.state.ports["mail"], seed)
        agents = Agents(self._doors, self._timetable, seed)
        got = stack.folder.received
        works: dict[str, Callable[[], None]] = {
            "timetable": self._timetable.run,
            "staff": self._follow,
            "agents": partial(agents.run, self._stopping.wait),
            "sms": partial(self._read, got / "sms.jsonl", (customers.read_sms, gateway.sent_sms)),
            "mail": partial(self._read, got / "smtp.jsonl", (customers.read_mail, gateway.sent_mail)),
        }
        self._threads = [threading.Thread(target=work, name=name, daemon=True) for name, work in works.items()]
        for each in bundled(planned):
            self._timetable.at(start + each[0].after, partial(self._doors.put, each))

    @property
    def counts(self) -> Counts:
        """What was done so far."""
        return self._doors.counts

    @property
    def accepted(self) -> Path:
        """What was answered 202: one reference or command id a line."""
        return self._doors.accepted

    @property
    def waiting(self) -> int:
        """Contacts and acts that are still to come, and those on their way."""
        return self._timetable.waiting

    def begin(self) -> None:
        """Begin the day."""
        for each in self._threads:
            each.start()

    def end(self) -> None:
        """End the day: what is on its way is finished, nothing new begins."""
        self._stopping.set()
        self._timetable.stop()
        for each in self._threads:
            each.join(30)
        self._timetable.finish()
        self._doors.close()

    def _follow(self) -> None:
        """Let the carrier's people act on what happens."""
        seen: set[str] = set()
        for record in topic_reader.follow(self._kafka, "tickets.events", self._stopping.is_set):
            event = TicketEvent.from_json(record.value or b"")
            if str(event.id) in seen:
                continue
            seen.add(str(event.id))
            self.counts.events[event.type] += 1
            for act in react(event, self._seed, self._start):
                actor = (
                    {"kind": "unit", "name": act.unit, "unit": act.unit}
                    if act.unit is not None
                    else {"kind": "customer", "name": "customer"}
                )
                command = partial(self._doors.command, event.ticket.number, actor, act.action, act.key)
                self._timetable.at(event.at + act.after, command)

    def _read(self, file: Path, readers: tuple[Callable[[dict[str, Any]], None], ...]) -> None:
        """Let everybody concerned read what a receiver gets."""
        read = 0
        while not self._stopping.wait(READ_EVERY):
            if not file.exists():
                continue
            with file.open("rb") as opened:
                opened.seek(read)
                new = opened.read()
            whole = new[: new.rfind(b"\n") + 1]
            read += len(whole)
            for line in whole.decode().splitlines():
                for reader in readers:
                    reader(json.loads(line))


def bundled(planned: list[PlannedMessage]) -> list[list[PlannedMessage]]:
    """Put together what goes through a door at once: batches and files of the same moment."""
    bundles: list[list[PlannedMessage]] = []
    together: dict[tuple[str, timedelta], list[PlannedMessage]] = {}
    for each in planned:
        key = (each.door, each.after)
        if each.door in {"batch", "file"} and key in together:
            together[key].append(each)
            continue
        bundles.append([each])
        together[key] = bundles[-1]
    return bundles
