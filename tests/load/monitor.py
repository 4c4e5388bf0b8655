"""`make bench-monitor`: the monitor with many open tickets, ledger and all, beside its peers, all in one run.

Tickets lie in PostgreSQL with their clocks; 20,000 of them come due over a minute while 500 events a second come in
about others. Lateness is what a reader of the topic sees: from the deadline to the moment it has the record. Sizes and
contestants take turns in every round; each figure is a median with the lowest and the highest beside it.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from pathlib import Path

import psutil

from tests.load import peers
from tests.load.bench import MINUTE, Burst, Heap, system
from tests.load.outcome import Outcome
from tests.load.table import Table, figures, spread

COMPARED = 1_000_000
"""Open tickets from which on the peers are measured unasked."""
LONG_SESSION = 300_000
"""Milliseconds: a monitor that is stopped while events heap up is not taken for dead."""
INCLUDES = {
    "Duban, tick": "from a deadline to the monitor's command on tickets.commands; events/s are of the monitor alone",
    "Duban, warning": "that and the ledger: decided by the rules, saved in PostgreSQL with the ticket's state and "
    "history, published on tickets.state and tickets.events; memory is the monitor's, processor time that of both; "
    "every ticket that comes due has two running clocks of five thresholds each",
}


def say(text: str) -> None:
    """Tell a watcher what goes on."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def late(outcome: Outcome) -> str:
    """Return lateness in a few words."""
    figures = " / ".join(f"{outcome.part(share) * 1000:,.0f}" for share in (0.5, 0.99, 1.0))
    return f"{figures} ms late, {outcome.missing} missing, {outcome.doubled} doubled, {outcome.early} early"


class Run:
    """One run of the command."""

    def __init__(self, told: argparse.Namespace) -> None:
        self.told = told
        self.table = Table()
        self.reloads: dict[int, list[float]] = {}
        self.heaps: list[Heap] = []
        self.bursts: list[Burst] = []

    def size(self, count: int) -> None:
        """Let tickets come due with so many others open; with the most of them, kill the monitor meanwhile too."""
        tick, warning = (f"Duban, {what} ({count:,} open)" for what in ("tick", "warning"))
        say(f"{count:,} open: broker, database, ledger and monitor start, tickets are put in")
        with system(count) as bench:
            self.reloads.setdefault(count, []).append(bench.restart())
            bench.warm_up()
            loaded = bench.memory()
            say(f"{count:,} open: loaded again in {self.reloads[count][-1]:.1f} s; {self.told.due:,} come due")
            window = bench.window(self.told.due)
            memory = {"memory": loaded, "most": max(loaded, bench.memory())}
            say(f"{count:,} open: tick {late(window.ticks)}")
            say(f"{count:,} open: warning {late(window.warned)}; {window.cores:.2f} cores, {memory['most']:.0f} MiB")
            again: dict[str, dict[str, float]] = {tick: {}, warning: {}}
            if not self.told.no_kill and count == max(self.told.open):
                killed = bench.window(self.told.due, kill=True)
                for name, outcome, seen in (
                    (tick, killed.ticks, killed.seen.ticks),
                    (warning, killed.warned, killed.seen.warned),
                ):
                    again[name]["on_time"] = killed.on_time_again(seen)
                    again[name] |= {"missing_then": outcome.missing, "doubled_then": outcome.doubled}
                first = spread([again[warning]["on_time"]], 1)
                say(f"{count:,} open: killed; s until a warning was on time again: {first}")
                memory["most"] = max(memory["most"], bench.memory())
        self.table.note(tick, figures(window.ticks) | memory | again[tick])
        self.table.note(warning, figures(window.warned) | {"cores": window.cores} | again[warning])

    def throughput(self) -> None:
        """Let a heap of events be taken in, with as many tickets open as it has events."""
        count = self.told.events
        say(f"{count:,} open: events heap up")
        with system(count, session_timeout=LONG_SESSION) as bench:
            bench.restart()
            self.heaps.append(heap := bench.applied(count))
        say(f"{count:,} events taken in: {heap.rate:,.0f}/s, {heap.cost:.1f} CPU s per 100,000")
        self.table.note(f"Duban, tick ({max(self.told.open):,} open)", {"rate": heap.rate, "cost": heap.cost})

    def burst(self) -> None:
        """Let a burst come due within a second, with as many tickets open, and a few others after it."""
        count = self.told.burst
        say(f"{count:,} open: {count:,} others come due within a second")
        with system(count) as bench:
            bench.restart()
            bench.warm_up()
            self.bursts.append(burst := bench.burst(count))
        say(f"burst: ticked after {burst.ticked:.1f} s, decided after {burst.decided:.1f} s")

    def peer(self, driver: peers.Driver, peer: peers.Peer) -> None:
        """Measure a peer once, at the sizes of this run as far as it goes."""
        opened, events = min(peer.open, max(self.told.open)), min(peer.events, self.told.events)
        name = f"{peer.title} ({opened:,} open)"
        kill = ["--no-kill"] if self.told.no_kill else []
        try:
            with driver.broker():
                say(f"{peer.name}: {opened:,} open, {self.told.due:,} come due")
                options = ("--events", str(opened), "--due", str(self.told.due), *kill)
                self.table.note(name, peers.deadlines(driver.measure("deadlines", peer, *options)))
                say(f"{peer.name}: {events:,} events")
                self.table.note(name, peers.throughput(driver.measure("throughput", peer, "--events", str(events))))
        except peers.Unavailable as error:
            say(f"{peer.name}: failed: {error}")
            self.table.fail(name, str(error))

    def report(self) -> None:
        """Print what was found."""
        rounds, memory = self.told.rounds, psutil.virtual_memory().total >> 30
        print(f"\n{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB; rounds: {rounds}\n")
        print("\n".join(self.table.lines()), end="\n\n")
        for name, each in (INCLUDES | {each.title: each.includes for each in peers.PEERS}).items():
            if any(row.startswith(name) for row in self.table.rows):
                print(f"- {name}: {each}.")
        loaded = "; ".join(f"{count:,}: {spread(each, 1)} s" for count, each in self.reloads.items())
        print(f"- Every clock loaded again after a kill: {loaded}.")
        if self.heaps:
            size, stored = (statistics.mean(getattr(each, name) for each in self.heaps) for name in ("size", "stored"))
            print(
                f"- Duban's events/s: {self.told.events:,} at a time, one of each of as many open tickets, all of them "
                f"news; {size:,.0f} bytes each, {stored:,.0f} as the broker keeps them (zstd). The peers': as many "
                "at the most, of 600 bytes, uncompressed."
            )
        if self.bursts:
            self._tell_burst()

    def _tell_burst(self) -> None:
        print(f"\n| {self.told.burst:,} due within a second, as many open | s | missing | doubled |\n|---|---|---|---|")
        whole, others = self.bursts[0].itself, [each.others for each in self.bursts]
        print(f"| until the last tick | {spread([each.ticked for each in self.bursts], 1)} | | |")
        decided = spread([each.decided for each in self.bursts], 1)
        print(f"| until the last warning on tickets.events | {decided} | {whole.missing} | {whole.doubled} |")
        for what, each in (("tick", others[0].ticks), ("warning", others[0].warned)):
            figures = " / ".join(f"{each.part(share):,.2f}" for share in (0.5, 0.99, 1.0))
            name = f"{what} of {len(others[0].due)} others due over the next {MINUTE:.0f} s"
            print(f"| {name}: median / 99 of 100 / latest lateness | {figures} | {each.missing} | {each.doubled} |")


def arguments() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(prog="make bench-monitor", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="of everything but the burst")
    add("--open", type=int, nargs="+", default=[10_000, COMPARED], help="open tickets; the most with a kill too")
    add("--due", type=int, default=20_000, help="of them due over a minute")
    add("--events", type=int, default=300_000, help="of a heap to take in, and tickets open then")
    add("--burst", type=int, help="tickets due within a second, and open then; 0 for none (100,000, or the most open)")
    add("--no-kill", action="store_true", help="leave out what a kill does")
    add("--peers", type=Path, metavar="FOLDER", help="of the peers' driver (../shared/bench-peers)")
    add("--no-peers", action="store_true", help="measure Duban alone")
    told = parser.parse_args()
    if told.burst is None:
        told.burst = min(100_000, max(told.open))
    return told


def driver(told: argparse.Namespace, table: Table) -> peers.Driver | None:
    """Return the peers' driver; None, with the reason told, where they are not to be measured."""
    folder = told.peers or peers.FOLDER
    if told.no_peers:
        return None
    if not told.peers and max(told.open) < COMPARED:
        say(f"the peers are left out: fewer than {COMPARED:,} open tickets (--peers FOLDER measures them all the same)")
        return None
    if not (folder / "run.py").is_file():
        say(f"the peers are left out: there is no driver run.py in {folder} (--peers FOLDER)")
        return None
    try:
        return peers.Driver(folder, say)
    except peers.Unavailable as error:
        say(f"the peers are left out: {error}")
        for each in peers.PEERS:
            table.fail(each.title, str(error))
        return None


def main() -> None:
    """Measure and print the tables."""
    told = arguments()
    run = Run(told)
    contestants = driver(told, run.table)
    try:
        for number in range(told.rounds):
            say(f"round {number + 1} of {told.rounds}")
            for count in told.open:
                run.size(count)
            if told.events:
                run.throughput()
            if contestants is not None:
                for peer in peers.PEERS:
                    run.peer(contestants, peer)
        if told.burst:
            run.burst()
    finally:
        # What took an hour is told even if it was not to the end.
        run.report()


if __name__ == "__main__":
    main()
