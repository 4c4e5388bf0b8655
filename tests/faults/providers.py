"""An SMS gateway, a mail server and a webhook receiver that record when they received what."""

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

NOTICE_MESSAGE_ID = re.compile(r"<notice\.[^.>]+\.([0-9a-f-]{36})@")
"""The Message-ID of a mail that the notifier sent."""


class RecordingProviders:
    """The providers and subscribers to which the notifier delivers.

    Attributes:
        sms: real times at which each SMS was handed over, by notice id.
        webhooks: number of times that each event was received by webhook, by event id.
        sms_port, webhook_port, smtp_port: their ports; the first two are 0 before `running`.

    """

    def __init__(self, folder: Path) -> None:
        self.sms: dict[str, list[float]] = defaultdict(list)
        self.webhooks: Counter[str] = Counter()
        self._mail = folder / "mail.jsonl"
        self.sms_port = self.webhook_port = 0
        self.smtp_port = free_port()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Listen while the block runs."""

        def record_sms(_: dict[str, str], body: bytes) -> StubResponse:
            id_ = json.loads(body)["id"]
            self.sms[id_].append(time.time())
            return 201, {}, json.dumps({"provider_id": f"sms-{id_}"}).encode()

        def record_webhook(headers: dict[str, str], _: bytes) -> StubResponse:
            self.webhooks[headers["webhook-id"]] += 1
            return 200, {}, b""

        command = [sys.executable, "-m", "deploy.receivers.smtp", str(self.smtp_port), str(self._mail)]
        with (
            stub_server(record_sms) as self.sms_port,
            stub_server(record_webhook) as self.webhook_port,
            subprocess.Popen(command) as server,
        ):
            try:
                eventually(lambda: is_listening(self.smtp_port), why="the mail server does not start")
                yield
            finally:
                server.terminate()

    def mail(self) -> dict[str, list[float]]:
        """Return the real times at which each mail was handed over, by notice id."""
        times: dict[str, list[float]] = defaultdict(list)
        for line in self._mail.read_text(encoding="utf-8").splitlines() if self._mail.exists() else []:
            message = json.loads(line)
            notice = NOTICE_MESSAGE_ID.search(message["message_id"])
            if notice is not None:
                times[notice[1]].append(message["at"])
        return times


def repeats(handed_over: dict[str, list[float]], crashes: Sequence[float]) -> Counter[int]:
    """Return how many letters were handed over again after each crash, by its number.

    A repeat without a crash in between is counted under -1.

    Args:
        handed_over: real times at which each letter was handed over.
        crashes: real times at which the worker was found dead, in order; until its restart it hands nothing over.

    """
    counts: Counter[int] = Counter()
    for times in handed_over.values():
        for first, second in pairwise(times):
            crash = bisect(crashes, first)
            counts[crash if bisect(crashes, second) > crash else -1] += 1
    return counts
