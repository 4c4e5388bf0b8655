"""The peers of the monitor, measured by their own driver; its README tells the contract and what its figures mean."""

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.local.ports import free_port, port_is_free
from deploy.tools.checkout import PROJECT

FOLDER = PROJECT.parent / "shared" / "bench-peers"
WORK = Path(tempfile.gettempdir()) / "duban-bench-peers"
"""Where their environment and all they build is kept, so that only the first run downloads."""
BROKER = WORK / "broker.pid"
"""Where the driver keeps the id of its broker's process."""
ATTEMPTS = 3
JAVA = 17
LONGEST = 160
"""Characters of a reason."""
PATIENCE = 1_800
"""Seconds after which one measurement of theirs is given up."""


class Unavailable(Exception):
    """A peer, or all of them, cannot be measured here; its text says why."""


@dataclass(frozen=True)
class Peer:
    """One of them.

    Attributes:
        name: by which their driver knows it.
        title: what it is.
        open: tickets for its deadlines, at most.
        events: for its throughput, at most.
        includes: what its figures stand for.

    """

    name: str
    title: str
    open: int
    events: int
    includes: str


PEERS = (
    Peer(
        "ks-due",
        "Kafka Streams, store by deadline",
        1_000_000,
        300_000,
        "its own state with a changelog on the broker, looked at each second; sends one record, decides and stores "
        "nothing else; the worker's processor time alone; an event opens a ticket",
    ),
    Peer(
        "quix",
        "Quix Streams, buckets by due second",
        1_000_000,
        300_000,
        "likewise, with ticks of its own each second and a commit every 5 s",
    ),
    Peer(
        "faust",
        "plain Faust table, looked through each second",
        100_000,
        100_000,
        "likewise, but 100,000 tickets at the most: it takes in a thousand or two a second",
    ),
)


def deadlines(told: Mapping[str, Any]) -> dict[str, float]:
    """Return what the one table tells of a line that the driver's `deadlines` printed."""
    due, again = told["B"], told.get("C")
    late = due["seen"]
    memory = [told["rss_loaded_mb"], due["rss_mb"]]
    found = {"p50": late["p50_ms"], "p99": late["p99_ms"], "latest": late["max_ms"]} if late else {}
    found |= {"missing": due["missing"], "doubled": due["duplicates"], "cores": due["cores_used"]}
    if again is not None:
        on_time = again["first_on_time_s"]
        found |= {"on_time": math.inf if on_time is None else on_time}
        found |= {"missing_then": again["missing"], "doubled_then": again["duplicates"]}
        memory.append(again["rss_mb"])
    return found | {"memory": memory[0], "most": max(memory)}


def throughput(told: Mapping[str, Any]) -> dict[str, float]:
    """Return what the one table tells of a line that the driver's `throughput` printed."""
    return {"rate": told["events_per_s"], "cost": told["cpu_s_per_100k"]}


class Driver:
    """Their driver, in an environment of its own."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Prepare what the peers need.

        Args:
            folder: of the peers.
            say: told what goes on.

        Raises:
            Unavailable: something that they need is not there or cannot be installed.

        """
        self._folder = folder
        self._say = say
        port = next(each for each in iter(free_port, 0) if port_is_free(each + 1))
        self._environment = os.environ | {"BENCH_WORK": str(WORK), "BENCH_PORT": str(port)}
        self._require_java()
        self._python = self._install()
        # The first start resolves what the broker needs, outside of all measurements.
        with self.broker():
            pass

    def _require_java(self) -> None:
        missing = [each for each in ("java", "mvn") if shutil.which(each) is None]
        if missing:
            raise Unavailable(f"they need Java {JAVA} or newer and Maven; not on the PATH: {', '.join(missing)}")
        told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
        found = re.search(r'version "(\d+)', told)
        if found is None or int(found[1]) < JAVA:
            raise Unavailable(f"they need Java {JAVA} or newer; `java -version` says: {told.splitlines()[:1]}")

    def _install(self) -> Path:
        """Return a Python with their packages; the project's own environment is left alone."""
        place, wanted = WORK / "venv", (self._folder / "requirements.txt").read_text(encoding="utf-8")
        ready, python = place / "installed.txt", place / "bin" / "python"
        if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
            self._say(f"installing the peers' packages into {place} (some minutes the first time)")
            venv.create(place, with_pip=True, clear=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(self._folder / "requirements.txt")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise Unavailable(f"their packages cannot be installed: {_last(done.stderr)}")
            ready.write_text(wanted, encoding="utf-8")
        return python

    @contextmanager
    def broker(self) -> Iterator[None]:
        """Keep their broker up while the block runs.

        Raises:
            Unavailable: it does not come up.

        """
        for attempt in range(1, ATTEMPTS + 1):
            BROKER.unlink(missing_ok=True)
            try:
                self._run("broker-start")
                break
            except Unavailable:
                # It has half a minute to come up, and a random id of its cluster that its own tools do not always read.
                self._stop()
                if attempt == ATTEMPTS:
                    raise
        try:
            yield
        finally:
            self._stop()

    def _stop(self) -> None:
        if BROKER.exists():
            with suppress(Unavailable):
                self._run("broker-stop")
            BROKER.unlink()

    def measure(self, what: str, peer: Peer, *options: str) -> dict[str, Any]:
        """Return the line that the driver prints.

        Raises:
            Unavailable: it failed or took too long.

        """
        lines = self._run(what, "--peer", peer.name, *options).splitlines()
        if not lines:
            raise Unavailable(f"{what}: it printed nothing")
        return dict(json.loads(lines[-1]))

    def _run(self, command: str, *options: str) -> str:
        """Run a command of the driver and return what it prints; what it says meanwhile is passed on."""
        told: list[str] = []
        with subprocess.Popen(
            [str(self._python), str(self._folder / "run.py"), command, *options],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            # Interrupted as by a person, it ends its worker and its broker.
            patience = threading.Timer(PATIENCE, process.send_signal, [signal.SIGINT])
            patience.daemon = True
            patience.start()
            for line in process.stderr:
                told.append(line.strip())
                print(f"    {line.rstrip()}", file=sys.stderr, flush=True)
            printed = process.stdout.read()
            late = not patience.is_alive()
            patience.cancel()
        if process.returncode != 0:
            raise Unavailable(f"{command}: {'not done in time' if late else _last(chr(10).join(told))}")
        return printed


def _last(text: str) -> str:
    """Return the last line of a text, which tells why; a long one has command lines in it that nobody reads."""
    line = next((each.strip() for each in reversed(text.splitlines()) if each.strip()), "it did not say why")
    return line if len(line) < LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"
