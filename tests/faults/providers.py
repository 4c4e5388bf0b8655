"""A gateway of SMS, a mail server and a receiver of webhooks that forget nothing that they get, nor when."""

import json
import re
import subprocess
import sys
import time
from bisect import bisect
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from deploy.local.ports import free_port, is_listening
from tests.builders import eventually
from tests.stub_server import StubResponse, stub_server

OURS = re.compile(r"<notice\.[^.>]+\.([0-9a-f-]{36})@")
"""The Message-ID of a mail of ours."""


class Providers:
    """Those to whom the notifier hands things over.

    Attributes:
        sms: real times at which each SMS was handed over, by its id.
        hooks: how often each event was received by webhook.

    """

    def __init__(self, folder: Path) -> None:
        self.sms: dict[str, list[float]] = defaultdict(list)
        self.hooks: Counter[str] = Counter()
        self._mail = folder / "mail.jsonl"
        self.sms_port = self.hooks_port = 0
        self.smtp_port = free_port()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""

        def taken(_: dict[str, str], body: bytes) -> StubResponse:
            id_ = json.loads(body)["id"]
            self.sms[id_].append(time.time())
            return 201, {}, json.dumps({"provider_id": f"sms-{id_}"}).encode()

        def called(headers: dict[str, str], _: bytes) -> StubResponse:
            self.hooks[headers["webhook-id"]] += 1
            return 200, {}, b""

        command = [sys.executable, "-m", "deploy.receivers.smtp", str(self.smtp_port), str(self._mail)]
        with (
            stub_server(taken) as self.sms_port,
            stub_server(called) as self.hooks_port,
            subprocess.Popen(command) as server,
        ):
            try:
                eventually(lambda: is_listening(self.smtp_port), why="the mail server does not start")
                yield
            finally:
                server.terminate()

    def mail(self) -> dict[str, list[float]]:
        """Return the real times at which each mail was handed over, by the id in its Message-ID."""
        found: dict[str, list[float]] = defaultdict(list)
        for line in self._mail.read_text(encoding="utf-8").splitlines() if self._mail.exists() else []:
            kept = json.loads(line)
            named = OURS.search(kept["message_id"])
            if named is not None:
                found[named[1]].append(kept["at"])
        return found


def repeats(handed: dict[str, list[float]], deaths: Sequence[float]) -> Counter[int]:
    """Return how many letters were handed over again after each death, by its number.

    Args:
        handed: times at which each letter was handed over.
        deaths: times at which the worker was found dead, in order; until its next start it handed nothing over.

    A letter that came again although nothing had died in between counts as death number -1.

    """
    counted: Counter[int] = Counter()
    for times in handed.values():
        for first, second in pairwise(times):
            death = bisect(deaths, first)
            counted[death if bisect(deaths, second) > death else -1] += 1
    return counted
