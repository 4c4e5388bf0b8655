"""`make bench-monitor`: measures the monitor and the ledger with many open tickets, beside the monitor's peers.

Open tickets with their timers are stored in PostgreSQL. 20,000 of them come due over a minute, while 500 events per
second about others arrive. Lateness is the time from a deadline until a reader of the topic has the record. Sizes and
contestants alternate in every round; each figure is a median with minimum and maximum.
"""

import argparse
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.load import peers
from tests.load.comparison_table import ComparisonTable, deadline_figures, spread
from tests.load.deadline_statistics import DeadlineStatistics
from tests.load.monitor_bench import MINUTE, BacklogRun, DeadlineBurst, MonitorBench, running_bench

COMPARED_FROM = 1_000_000
"""Number of open tickets from which the peers are measured by default."""
LONG_SESSION = 300_000
"""Session timeout in milliseconds with which a frozen monitor stays a member of its group."""
INCLUDES = {
    "Duban, tick": "from a deadline to the monitor's command on tickets.commands; events/s are those of the monitor",
    "Duban, warning": "like tick, plus the ledger: decided by the rules, saved in PostgreSQL with the ticket's state "
    "and history, published on tickets.state and tickets.events; memory is the monitor's, processor time that of both; "
    "every ticket that comes due has two running timers of five thresholds each",
}
"""What the figures of each row of Duban include."""


def log(text: str) -> None:
    """Print progress to standard error, with the time."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def summarise(deadlines: DeadlineStatistics) -> str:
    """Return lateness and errors on one line."""
    lateness = " / ".join(f"{deadlines.percentile(share) * 1000:,.0f}" for share in (0.5, 0.99, 1.0))
    errors = f"{deadlines.missing} missing, {deadlines.doubled} doubled, {deadlines.early} early"
    return f"{lateness} ms late, {errors}"


class MonitorBenchmark:
    """All measurements of one invocation."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.table = ComparisonTable()
        self.reloads: dict[int, list[float]] = {}
        self.backlogs: list[BacklogRun] = []
        self.bursts: list[DeadlineBurst] = []

    def measure_deadlines(self, count: int) -> None:
        """Let tickets come due among open ones; at the largest number of open tickets, also with a kill."""
        tick, warning = (f"Duban, {what} ({count:,} open)" for what in ("tick", "warning"))
        log(f"{count:,} open: starting broker, database, ledger and monitor, inserting tickets")
        with running_bench(count) as bench:
            self.reloads.setdefault(count, []).append(bench.restart())
            bench.warm_up()
            loaded = bench.memory()
            log(f"{count:,} open: loaded again in {self.reloads[count][-1]:.1f} s; {self.options.due:,} come due")
            window = bench.window(self.options.due)
            memory = {"memory": loaded, "memory_peak": max(loaded, bench.memory())}
            log(f"{count:,} open: tick {summarise(window.ticks)}")
            cores = f"{window.cores:.2f} cores, {memory['memory_peak']:.0f} MiB"
            log(f"{count:,} open: warning {summarise(window.warnings)}; {cores}")
            ticks_after_kill: dict[str, float] = {}
            warnings_after_kill: dict[str, float] = {}
            if not self.options.no_kill and count == max(self.options.open):
                ticks_after_kill, warnings_after_kill = self._measure_kill(bench, count)
                memory["memory_peak"] = max(memory["memory_peak"], bench.memory())
        self.table.add(tick, deadline_figures(window.ticks) | memory | ticks_after_kill)
        self.table.add(warning, deadline_figures(window.warnings) | {"cores": window.cores} | warnings_after_kill)

    def _measure_kill(self, bench: MonitorBench, count: int) -> tuple[dict[str, float], dict[str, float]]:
        """Kill the monitor while tickets come due; returns the figures of ticks and of warnings."""
        window = bench.window(self.options.due, kill=True)
        ticks, warnings = (
            {
                "recovery": window.recovery(seen),
                "missing_after_kill": deadlines.missing,
                "doubled_after_kill": deadlines.doubled,
            }
            for deadlines, seen in (
                (window.ticks, window.seen.ticks),
                (window.warnings, window.seen.warnings),
            )
        )
        log(f"{count:,} open: killed; s until a warning was on time again: {spread([warnings['recovery']], 1)}")
        return ticks, warnings

    def measure_throughput(self) -> None:
        """Let the monitor process a backlog, with as many open tickets as events."""
        count = self.options.events
        log(f"{count:,} open: building a backlog of events")
        with running_bench(count, session_timeout=LONG_SESSION) as bench:
            bench.restart()
            self.backlogs.append(backlog := bench.process_backlog(count))
        log(f"{count:,} events processed: {backlog.rate:,.0f}/s, {backlog.cpu_cost:.1f} CPU s per 100,000")
        figures = {"rate": backlog.rate, "cpu_cost": backlog.cpu_cost}
        self.table.add(f"Duban, tick ({max(self.options.open):,} open)", figures)

    def measure_burst(self) -> None:
        """Let a burst come due within a second, with as many open tickets, and some others after it."""
        count = self.options.burst
        log(f"{count:,} open: {count:,} others come due within a second")
        with running_bench(count) as bench:
            bench.restart()
            bench.warm_up()
            self.bursts.append(burst := bench.burst(count))
        log(f"burst: ticked after {burst.ticked:.1f} s, decided after {burst.decided:.1f} s")

    def measure_peer(self, driver: peers.PeerDriver, peer: peers.Peer) -> None:
        """Measure a peer once, at the sizes of this invocation or at its own maximum."""
        opened, events = min(peer.open, max(self.options.open)), min(peer.events, self.options.events)
        name = f"{peer.title} ({opened:,} open)"
        kill = ["--no-kill"] if self.options.no_kill else []
        try:
            with driver.broker():
                log(f"{peer.name}: {opened:,} open, {self.options.due:,} come due")
                arguments = ("--events", str(opened), "--due", str(self.options.due), *kill)
                self.table.add(name, peers.deadline_figures(driver.measure("deadlines", peer, *arguments)))
                log(f"{peer.name}: {events:,} events")
                throughput = driver.measure("throughput", peer, "--events", str(events))
                self.table.add(name, peers.throughput_figures(throughput))
        except peers.PeerUnavailable as error:
            log(f"{peer.name}: failed: {error}")
            self.table.fail(name, str(error))

    def report(self) -> None:
        """Print the tables."""
        rounds, memory = self.options.rounds, psutil.virtual_memory().total >> 30
        print(f"\n{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {memory} GiB; rounds: {rounds}\n")
        print("\n".join([*self.table.lines(), "", *self._notes()]))
        if self.bursts:
            print("\n".join(["", *self._burst_lines()]))

    def _notes(self) -> Iterator[str]:
        for name, includes in (INCLUDES | {peer.title: peer.includes for peer in peers.PEERS}).items():
            if any(row.startswith(name) for row in self.table.rows):
                yield f"- {name}: {includes}."
        reloads = "; ".join(f"{count:,}: {spread(seconds, 1)} s" for count, seconds in self.reloads.items())
        yield f"- Every timer loaded again after a kill: {reloads}."
        if self.backlogs:
            size = statistics.mean(backlog.size for backlog in self.backlogs)
            stored = statistics.mean(backlog.stored for backlog in self.backlogs)
            yield (
                f"- Duban's events/s: {self.options.events:,} at once, one for each of as many open tickets, all with "
                f"a newer version; {size:,.0f} bytes each, {stored:,.0f} as the broker stores them (zstd). The "
                "peers': as many at most, of 600 bytes, uncompressed."
            )

    def _burst_lines(self) -> Iterator[str]:
        yield f"| {self.options.burst:,} due within a second, as many open | s | missing | doubled |"
        yield "|---|---|---|---|"
        first, others = self.bursts[0].burst, self.bursts[0].others
        yield f"| until the last tick | {spread([burst.ticked for burst in self.bursts], 1)} | | |"
        decided = spread([burst.decided for burst in self.bursts], 1)
        yield f"| until the last warning on tickets.events | {decided} | {first.missing} | {first.doubled} |"
        for what, deadlines in (("tick", others.ticks), ("warning", others.warnings)):
            lateness = " / ".join(f"{deadlines.percentile(share):,.2f}" for share in (0.5, 0.99, 1.0))
            name = f"{what} of {len(others.due)} others due over the next {MINUTE:.0f} s"
            errors = f"{deadlines.missing} | {deadlines.doubled}"
            yield f"| {name}: median / p99 / max lateness | {lateness} | {errors} |"


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="make bench-monitor", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="rounds of everything but the burst")
    add("--open", type=int, nargs="+", default=[10_000, COMPARED_FROM], help="open tickets; the largest with a kill")
    add("--due", type=int, default=20_000, help="tickets that come due over a minute")
    add("--events", type=int, default=300_000, help="events of the backlog, and tickets open meanwhile; 0: none")
    add(
        "--burst", type=int, help="tickets due within a second, and open meanwhile; 0: none (100,000, or the most open)"
    )
    add("--no-kill", action="store_true", help="do not measure a kill")
    add("--peers", type=Path, metavar="FOLDER", help="folder of the peers' driver (../shared/bench-peers)")
    add("--no-peers", action="store_true", help="measure Duban only")
    options = parser.parse_args()
    if options.burst is None:
        options.burst = min(100_000, max(options.open))
    return options


def prepare_peers(options: argparse.Namespace, table: ComparisonTable) -> peers.PeerDriver | None:
    """Return the peers' driver, or log why the peers are not measured and return None."""
    folder = options.peers or peers.DRIVER_FOLDER
    if options.no_peers:
        return None
    if not options.peers and max(options.open) < COMPARED_FROM:
        log(f"peers are skipped: fewer than {COMPARED_FROM:,} open tickets (--peers FOLDER measures them anyway)")
        return None
    if not (folder / "run.py").is_file():
        log(f"peers are skipped: there is no driver run.py in {folder}: choose its folder with --peers")
        return None
    try:
        return peers.PeerDriver(folder, log)
    except peers.PeerUnavailable as error:
        log(f"peers are skipped: {error}")
        for peer in peers.PEERS:
            table.fail(peer.title, str(error))
        return None


def main() -> None:
    """Measure and print the tables."""
    options = parse_arguments()
    benchmark = MonitorBenchmark(options)
    driver = prepare_peers(options, benchmark.table)
    try:
        for number in range(options.rounds):
            log(f"round {number + 1} of {options.rounds}")
            for count in options.open:
                benchmark.measure_deadlines(count)
            if options.events:
                benchmark.measure_throughput()
            if driver is not None:
                for peer in peers.PEERS:
                    benchmark.measure_peer(driver, peer)
        if options.burst:
            benchmark.measure_burst()
    finally:
        # Print what was measured so far even after an error.
        benchmark.report()


if __name__ == "__main__":
    main()
