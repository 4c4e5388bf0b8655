"""Plays a day on a running system: sends planned messages and acts as the carrier's staff, agents and customers.

Requests that the system does not accept are retried until it does.
"""

import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from demo.agents import CallAgents
from demo.customers import CustomerActors
from demo.doors import ChannelDoors, Counts
from demo.gateway import DemoGateway
from demo.message import PlannedMessage
from demo.scheduler import TaskScheduler
from demo.staff import commands_after
from deploy.local import Stack
from schemas.event import TicketEvent
from services.shared.kafka import topic_reader
from services.shared.runtime.clock import Clock
from services.shared.runtime.settings import KafkaSettings

READ_EVERY = 0.2
"""Real seconds between two reads of what the test receivers recorded."""


class DayDriver:
    """Plays one day in threads of its own, from `start` to `stop`."""

    def __init__(
        self,
        stack: Stack,
        clock: Clock,
        keys: Mapping[str, str],
        planned: list[PlannedMessage],
        *,
        seed: int,
        start: datetime,
    ) -> None:
        self._seed = seed
        self._start = start
        self._kafka = KafkaSettings(bootstrap_servers=stack.bootstrap_servers)
        self._stopping = threading.Event()
        self._scheduler = TaskScheduler(clock)
        self._doors = ChannelDoors(stack, keys, self._stopping.is_set)
        customers = CustomerActors(self._doors, self._scheduler, seed)
        gateway = DemoGateway(self._doors, self._scheduler, stack.state.ports["mail"], seed)
        agents = CallAgents(self._doors, self._scheduler, seed)
        received = stack.folder.received
        loops: dict[str, Callable[[], None]] = {
            "scheduler": self._scheduler.run,
            "staff": self._act_on_events,
            "agents": partial(agents.run, self._stopping.wait),
            "sms": partial(self._follow, received / "sms.jsonl", (customers.read_sms, gateway.report_sms)),
            "mail": partial(self._follow, received / "smtp.jsonl", (customers.read_mail, gateway.bounce_mail)),
        }
        self._threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]
        for bundle in bundle_messages(planned):
            self._scheduler.schedule(start + bundle[0].after, partial(self._doors.submit, bundle))

    @property
    def counts(self) -> Counts:
        """Numbers of what was sent and seen so far."""
        return self._doors.counts

    @property
    def accepted(self) -> Path:
        """File with an accepted reference or command id a line."""
        return self._doors.accepted

    @property
    def pending(self) -> int:
        """Number of messages and commands that are still to be sent or being sent."""
        return self._scheduler.pending

    def start(self) -> None:
        """Start the day."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish requests in flight and start no new ones."""
        self._stopping.set()
        self._scheduler.stop()
        for thread in self._threads:
            thread.join(30)
        self._scheduler.join()
        self._doors.close()

    def _act_on_events(self) -> None:
        """Schedule the commands by which the carrier's staff and customers react to ticket events."""
        seen: set[str] = set()
        for record in topic_reader.follow(self._kafka, "tickets.events", self._stopping.is_set):
            event = TicketEvent.from_json(record.value or b"")
            if str(event.id) in seen:
                continue
            seen.add(str(event.id))
            self.counts.events[event.type] += 1
            for command in commands_after(event, self._seed, self._start):
                send = partial(
                    self._doors.send_command,
                    event.ticket.number,
                    command.action,
                    command.key,
                    unit=command.unit,
                    phone=event.ticket.customer.phone or "",
                )
                self._scheduler.schedule(event.at + command.after, send)

    def _follow(self, file: Path, readers: tuple[Callable[[dict[str, Any]], None], ...]) -> None:
        """Pass each message that is appended to a receiver's file to all readers."""
        position = 0
        while not self._stopping.wait(READ_EVERY):
            if not file.exists():
                continue
            with file.open("rb") as opened:
                opened.seek(position)
                content = opened.read()
            complete = content[: content.rfind(b"\n") + 1]
            position += len(complete)
            for line in complete.decode().splitlines():
                for reader in readers:
                    reader(json.loads(line))


def bundle_messages(planned: list[PlannedMessage]) -> list[list[PlannedMessage]]:
    """Group messages that pass a door together: those of one batch or file have the same door and time."""
    bundles: list[list[PlannedMessage]] = []
    latest: dict[tuple[str, timedelta], list[PlannedMessage]] = {}
    for message in planned:
        key = (message.door, message.after)
        if message.door in {"batch", "file"} and key in latest:
            latest[key].append(message)
            continue
        bundles.append([message])
        latest[key] = bundles[-1]
    return bundles
