"""Call-centre agents: they take due calls from the work list and record how each call ended."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from demo.customers import JUDGEMENTS, survey_scores
from demo.doors import ChannelDoors
from demo.people import shuffled_cycle
from demo.scheduler import TaskScheduler
from demo.senders import CALL_CENTRE, HEADQUARTERS

AGENTS = (("话务员01", CALL_CENTRE.name), ("话务员02", CALL_CENTRE.name), ("总部话务员01", HEADQUARTERS.name))
"""Agents, each with the sender whose program they work in: the centre in charge of a ticket calls its customer."""
CALL_RESULTS = ("answered",) * 5 + ("no_answer", "no_answer", "busy", "refused", "opted_out", "moved")
"""Results of calls, in proportion to how often they occur."""
POLL_EVERY = 0.5
"""Real seconds between two requests for a call while none is due."""


def record_callback_action(result: str, judgement: str, call: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return a `record_callback` action for a call's result, without times; pure."""
    action: dict[str, Any] = {"type": "record_callback", "result": result}
    if result == "answered":
        rng = Random(f"{seed}/call/{call['ticket_id']}/{call['attempts']}")
        comment = {"comment": "电话里说：还没修好"} if judgement == "bad" else {}
        action["survey"] = survey_scores(judgement, rng) | comment
        action["recording"] = f"call-{call['number']}-{call['attempts'] + 1}.wav"
    return action


class CallAgents:
    """Agents who call customers one after the other."""

    def __init__(self, doors: ChannelDoors, scheduler: TaskScheduler, seed: int) -> None:
        self._doors = doors
        self._scheduler = scheduler
        self._seed = seed
        self._results = shuffled_cycle(CALL_RESULTS, f"{seed}/calls")
        self._judgements = shuffled_cycle(JUDGEMENTS, f"{seed}/calls")

    def run(self, wait: Callable[[float], bool]) -> None:
        """Take and record calls until stopped.

        Args:
            wait: waits for a number of real seconds; returns whether to stop.

        """
        for agent, sender in itertools.cycle(AGENTS):
            call = self._doors.next_call(agent, sender)
            if wait(0.0 if call is not None else POLL_EVERY):
                return
            if call is not None:
                self._record(agent, call)

    def _record(self, agent: str, call: dict[str, Any]) -> None:
        now = self._scheduler.clock.now()
        action = record_callback_action(next(self._results), next(self._judgements), call, self._seed)
        if action["result"] == "moved":
            action["until"] = (now + timedelta(hours=1.5)).isoformat()
        key = f"call/{call['ticket_id']}/{call['version']}"
        send = partial(self._doors.send_command, call["number"], action, key, unit=call["centre"], person=agent)
        self._scheduler.schedule(now, send)
