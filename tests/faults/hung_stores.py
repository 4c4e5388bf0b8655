"""A store that hangs: what the health pages say and when, what callers get, how services stop (R7.2, DESIGN 3).

Alone: `python -m tests.faults.hung_stores --store postgres kafka`. A store that hangs (SIGSTOP) keeps its connections
open and answers nothing. Everybody has to know within five seconds, and to be back within five of its end.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from tests.builders import eventually
from tests.system import System, running_system

WITHIN = 5.0
"""Real seconds within which the pages report the fault and its end, and requests are answered."""
STOP_WITHIN = 10.0
"""Real seconds within which a service ends after SIGTERM."""
FROZEN = 20.0
"""Real seconds for which a store hangs at least, so that every wait of the services has begun and ended."""
COMPONENTS = {"postgres": "database", "kafka": "kafka"}
"""What /readyz calls a store."""


@dataclass
class HangResult:
    """Outcome of one fault, all in real seconds.

    Attributes:
        reported: until /readyz of the slowest service named the store.
        answered: until the slowest request was answered with 503.
        stopped: from SIGTERM until the slowest service had ended, by service.
        recovered: from the end of the fault until every service was ready again.
        faults: what was not as it has to be.

    """

    reported: float = 0.0
    answered: float = 0.0
    stopped: dict[str, float] = field(default_factory=dict)
    recovered: float = 0.0
    faults: list[str] = field(default_factory=list)


@contextmanager
def hanging(system: System, store: str) -> Iterator[None]:
    """Let a store hang while the block runs."""
    root = psutil.Process(system.stack.state.processes[store].pid)
    processes = [root, *root.children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def seconds_until(condition: Callable[[], bool], within: float) -> float:
    """Return how long it takes until a condition holds, or infinity."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if condition():
            return time.monotonic() - began
        time.sleep(0.1)
    return float("inf")


def hang(system: System, store: str) -> HangResult:
    """Let a store hang, look at pages, requests and the end of every service, and let it go on."""
    result = HangResult()

    def reports(*, fault: bool) -> bool:
        pages = [_page(port) for port in system.stack.state.operations.values()]
        return all((f"{COMPONENTS[store]}:" in page) if fault else page.startswith("ready") for page in pages)

    with hanging(system, store):
        began = time.monotonic()
        result.reported = seconds_until(lambda: reports(fault=True), 60)
        for _ in range(3):
            result.answered = max(result.answered, _seconds_of_refusal(system, store, result.faults))
        time.sleep(max(0.0, began + FROZEN - time.monotonic()))
        for name in system.stack.state.operations:
            process = system.stack.state.processes[name]
            os.kill(process.pid, signal.SIGTERM)
            result.stopped[name] = seconds_until(lambda process=process: not process.alive, 30)  # type: ignore[misc]
    result.recovered = seconds_until(lambda: reports(fault=False), 120)
    return result


def _page(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).text
    except httpx.HTTPError:
        return ""


def _seconds_of_refusal(system: System, store: str, faults: list[str]) -> float:
    began = time.monotonic()
    if store == "postgres":
        response = system.http.get("/v1/tickets", params={"number": "TS20260312000001"})
    else:
        response = system.http.post("/v1/contacts", json=system.contact_body())
    if response.status_code != 503:
        faults.append(f"{response.request.method} {response.request.url.path} was answered {response.status_code}")
    return time.monotonic() - began


def check_hang(system: System, store: str) -> HangResult:
    """Return the outcome of the fault with everything that was not as it has to be; `recovered` is after a restart."""
    result = hang(system, store)
    for name, seconds, limit in (
        ("the pages reported it", result.reported, WITHIN),
        ("a request was answered", result.answered, WITHIN),
        *((f"{name} ended", seconds, STOP_WITHIN) for name, seconds in result.stopped.items()),
    ):
        if seconds > limit:
            result.faults.append(f"{name} after {seconds:.1f} s of {limit:g}")
    return result


def check_recovery(system: System, store: str) -> float:
    """Let a store hang without touching the services; returns the seconds until all are ready after its end."""
    with hanging(system, store):
        time.sleep(FROZEN)
    return seconds_until(
        lambda: all(_page(port).startswith("ready\n") for port in system.stack.state.operations.values()), 60
    )


def main() -> None:
    """Let each store hang; exit code 1 if anything was not as it has to be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", nargs="+", choices=sorted(COMPONENTS), default=sorted(COMPONENTS))
    failed = False
    with tempfile.TemporaryDirectory(prefix="duban-faults-") as folder, running_system(Path(folder)) as system:
        eventually(lambda: all(_page(port) == "ready\n" for port in system.stack.state.operations.values()), within=60)
        print("| store | reported after s | answered in s | ready again after s | slowest stop s | faults |")
        print("|---|---|---|---|---|---|", flush=True)
        for store in parser.parse_args().store:
            recovered = check_recovery(system, store)
            result = check_hang(system, store)
            if recovered > WITHIN:
                result.faults.append(f"all were ready again after {recovered:.1f} s of {WITHIN:g}")
            slowest = max(result.stopped, key=lambda name: result.stopped[name])
            print(
                f"| {store} | {result.reported:.1f} | {result.answered:.1f} | {recovered:.1f} "
                f"| {result.stopped[slowest]:.1f} ({slowest}) | {'; '.join(result.faults) or 'none'} |",
                flush=True,
            )
            failed |= bool(result.faults)
    sys.exit(failed)


if __name__ == "__main__":
    main()
