"""Measures the monitor's peers with their own driver; its README has the contract and explains the figures."""

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

DRIVER_FOLDER = PROJECT.parent / "shared" / "bench-peers"
WORK = Path(tempfile.gettempdir()) / "duban-bench-peers"
"""Folder of the peers' environment and builds, kept so that only the first run downloads."""
BROKER_PID = WORK / "broker.pid"
"""File in which the driver keeps the process id of its broker."""
BROKER_ATTEMPTS = 3
MIN_JAVA = 17
MAX_REASON = 160
"""Characters to which the reason of a failure is shortened."""
TIMEOUT = 1_800
"""Seconds after which a measurement is given up."""


class PeerUnavailable(Exception):
    """A peer, or all peers, cannot be measured here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A peer of the monitor.

    Attributes:
        name: its name in the driver.
        title: its title in the table.
        open: maximum number of open tickets while deadlines are measured.
        events: maximum number of events while throughput is measured.
        includes: what its figures include.

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
        "its own state with a changelog on the broker, scanned every second; sends one record, decides and stores "
        "nothing else; processor time of the worker only; an event opens a ticket",
    ),
    Peer(
        "quix",
        "Quix Streams, buckets by due second",
        1_000_000,
        300_000,
        "likewise, with ticks of its own every second and a commit every 5 s",
    ),
    Peer(
        "faust",
        "plain Faust table, scanned every second",
        100_000,
        100_000,
        "likewise, but 100,000 tickets at most: it processes one or two thousand events per second",
    ),
)


def deadline_figures(output: Mapping[str, Any]) -> dict[str, float]:
    """Return the table's figures from the output of the driver's `deadlines`."""
    due, after_kill = output["B"], output.get("C")
    lateness = due["seen"]
    memory = [output["rss_loaded_mb"], due["rss_mb"]]
    figures = {"p50": lateness["p50_ms"], "p99": lateness["p99_ms"], "max": lateness["max_ms"]} if lateness else {}
    figures |= {"missing": due["missing"], "doubled": due["duplicates"], "cores": due["cores_used"]}
    if after_kill is not None:
        recovery = after_kill["first_on_time_s"]
        figures |= {"recovery": math.inf if recovery is None else recovery}
        figures |= {"missing_after_kill": after_kill["missing"], "doubled_after_kill": after_kill["duplicates"]}
        memory.append(after_kill["rss_mb"])
    return figures | {"memory": memory[0], "memory_peak": max(memory)}


def throughput_figures(output: Mapping[str, Any]) -> dict[str, float]:
    """Return the table's figures from the output of the driver's `throughput`."""
    return {"rate": output["events_per_s"], "cpu_cost": output["cpu_s_per_100k"]}


class PeerDriver:
    """The peers' driver, in a Python environment of its own."""

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        """Install the peers' packages and resolve their broker.

        Args:
            folder: folder of the driver.
            log: receives progress messages.

        Raises:
            PeerUnavailable: a requirement is missing or cannot be installed.

        """
        self._folder = folder
        self._log = log
        port = next(port for port in iter(free_port, 0) if port_is_free(port + 1))
        self._environment = os.environ | {"BENCH_WORK": str(WORK), "BENCH_PORT": str(port)}
        self._require_java()
        self._python = self._install()
        # The first start downloads the broker, outside of all measurements.
        with self.broker():
            pass

    def _require_java(self) -> None:
        missing = [program for program in ("java", "mvn") if shutil.which(program) is None]
        if missing:
            raise PeerUnavailable(f"they need Java {MIN_JAVA} or newer and Maven: install {', '.join(missing)}")
        output = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
        found = re.search(r'version "(\d+)', output)
        if found is None or int(found[1]) < MIN_JAVA:
            raise PeerUnavailable(
                f"they need Java {MIN_JAVA} or newer; `java -version` prints: {output.splitlines()[:1]}"
            )

    def _install(self) -> Path:
        """Install the peers' packages in an environment of their own and return its Python."""
        environment, wanted = WORK / "venv", (self._folder / "requirements.txt").read_text(encoding="utf-8")
        ready, python = environment / "installed.txt", environment / "bin" / "python"
        if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
            self._log(f"installing the peers' packages into {environment} (some minutes the first time)")
            venv.create(environment, with_pip=True, clear=True)
            command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(self._folder / "requirements.txt")]
            completed = subprocess.run(command, capture_output=True, text=True, check=False)
            if completed.returncode != 0:
                raise PeerUnavailable(f"their packages cannot be installed: {_last_line(completed.stderr)}")
            ready.write_text(wanted, encoding="utf-8")
        return python

    @contextmanager
    def broker(self) -> Iterator[None]:
        """Run the peers' broker while the block runs.

        Raises:
            PeerUnavailable: the broker does not start.

        """
        for attempt in range(1, BROKER_ATTEMPTS + 1):
            BROKER_PID.unlink(missing_ok=True)
            try:
                self._run("broker-start")
                break
            except PeerUnavailable:
                # It may need more than its half minute, or have a cluster id that its own tools cannot parse.
                self._stop_broker()
                if attempt == BROKER_ATTEMPTS:
                    raise
        try:
            yield
        finally:
            self._stop_broker()

    def _stop_broker(self) -> None:
        if BROKER_PID.exists():
            with suppress(PeerUnavailable):
                self._run("broker-stop")
            BROKER_PID.unlink()

    def measure(self, command: str, peer: Peer, *options: str) -> dict[str, Any]:
        """Run a measurement and return the driver's output.

        Raises:
            PeerUnavailable: the measurement failed or took too long.

        """
        lines = self._run(command, "--peer", peer.name, *options).splitlines()
        if not lines:
            raise PeerUnavailable(f"{command}: it printed nothing")
        return dict(json.loads(lines[-1]))

    def _run(self, command: str, *options: str) -> str:
        """Run a command of the driver and return its standard output; its standard error is passed on."""
        errors: list[str] = []
        with subprocess.Popen(
            [str(self._python), str(self._folder / "run.py"), command, *options],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            # On SIGINT, the driver stops its worker and its broker.
            timeout = threading.Timer(TIMEOUT, process.send_signal, [signal.SIGINT])
            timeout.daemon = True
            timeout.start()
            for line in process.stderr:
                errors.append(line.strip())
                print(f"    {line.rstrip()}", file=sys.stderr, flush=True)
            printed = process.stdout.read()
            timed_out = not timeout.is_alive()
            timeout.cancel()
        if process.returncode != 0:
            raise PeerUnavailable(
                f"{command}: {'not finished in time' if timed_out else _last_line(chr(10).join(errors))}"
            )
        return printed


def _last_line(text: str) -> str:
    """Return the last line of an error output, shortened in the middle, where it holds command lines."""
    lines = (line.strip() for line in reversed(text.splitlines()))
    line = next(filter(None, lines), "it printed no reason")
    return line if len(line) < MAX_REASON else f"{line[: MAX_REASON // 2]} ... {line[-MAX_REASON // 2 :]}"
