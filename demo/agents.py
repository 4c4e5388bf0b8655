"""Agents who call customers: they take what is due from the work list and put on record how each call ended."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from demo.customers import JUDGEMENTS, judged
from demo.doors import ChannelDoors
from demo.people import dealt
from demo.timetable import Timetable

AGENTS = ("话务员01", "话务员02")
CENTRE = "provincial_centre"
ENDS = ("answered",) * 5 + ("no_answer", "no_answer", "busy", "refused", "opted_out", "moved")
"""How calls end, and how often each of so many."""
LOOK_EVERY = 0.5
"""Real seconds between two looks when no call is due."""


def result(end: str, judgement: str, call: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return the result of a call without its times, in the words of `record_callback`; pure."""
    told: dict[str, Any] = {"type": "record_callback", "result": end}
    if end == "answered":
        rng = Random(f"{seed}/call/{call['ticket_id']}/{call['attempts']}")
        said = {"comment": "电话里说：还没修好"} if judgement == "bad" else {}
        told["survey"] = judged(judgement, rng) | said
        told["recording"] = f"call-{call['number']}-{call['attempts'] + 1}.wav"
    return told


class Agents:
    """Those who call."""

    def __init__(self, doors: ChannelDoors, timetable: Timetable, seed: int) -> None:
        self._doors = doors
        self._timetable = timetable
        self._seed = seed
        self._ends = dealt(ENDS, f"{seed}/calls")
        self._judgements = dealt(JUDGEMENTS, f"{seed}/calls")

    def run(self, stopping: Callable[[float], bool]) -> None:
        """Call until told to stop.

        Args:
            stopping: waits for so many real seconds; true: to stop.

        """
        for agent in itertools.cycle(AGENTS):
            call = self._doors.next_call(agent)
            if stopping(0.0 if call is not None else LOOK_EVERY):
                return
            if call is not None:
                self._record(agent, call)

    def _record(self, agent: str, call: dict[str, Any]) -> None:
        now = self._timetable.clock.now()
        action = result(next(self._ends), next(self._judgements), call, self._seed)
        if action["result"] == "moved":
            action["until"] = (now + timedelta(hours=1.5)).isoformat()
        actor = {"kind": "agent", "name": agent, "unit": CENTRE}
        key = f"call/{call['ticket_id']}/{call['version']}"
        self._timetable.at(now, partial(self._doors.command, call["number"], actor, action, key))
