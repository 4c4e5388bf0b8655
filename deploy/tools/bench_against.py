"""Compares the working tree with another commit, benchmark by benchmark: `make bench-against REF=<commit>`.

The commit is unpacked below .duban/bench with an environment of its own, made from its own requirements.lock. Rounds of
both trees alternate, so that whatever else the machine does falls on both. Each tree runs its own code: the rules'
benchmark (`python -m tests.load.rules`), commands of `duban` that need no system, and with SYSTEM=1 all of
`python -m tests.load`, which starts the real broker and database and takes ten minutes a round.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.tools.checkout import PROJECT

LEAST_ROUNDS = 5
FOLDER = PROJECT / ".duban" / "bench"
COMMANDS: Mapping[str, Sequence[str]] = {
    "duban explain": ("explain", "--text", "宽带断网三天了"),
    "duban policy check": ("policy", "check"),
    "duban normalise, every sample": ("normalise", "--manifest", "tests/samples/manifest.json"),
}
"""Commands whose processor time is measured, by the name of the row."""
RULE = re.compile(r"^(?P<name>.+): (?P<value>[\d.]+) µs, (?:reading|parsing) ", re.MULTILINE)
"""A line of the rules' benchmark in trees without --json."""
ROW = re.compile(r"^\| +(?P<name>[^|]+?) +\| +(?P<value>[\d,.]+) +\| +(?P<unit>[^|]+?) +\|", re.MULTILINE)
"""A row of the table of `python -m tests.load`."""
PERF = ("perf", "stat", "-x,", "-e", "instructions:u")
INSTRUCTIONS = re.compile(r"^(?P<count>\d+),[^,]*,instructions", re.MULTILINE)

RULES = """import runpy, time
time.perf_counter = time.process_time
runpy.run_module("tests.load.rules", run_name="__main__", alter_sys=True)"""
"""Runs the rules' benchmark of any tree on processor time: time on the wall tells of the machine's other work."""

Values = dict[str, float]
"""Figures of one round by name; the name ends with the unit."""


Benchmark = Callable[["Tree"], Values]


class BenchError(Exception):
    """A tree cannot be built or measured; the message says which and why."""


@dataclass(frozen=True)
class Tree:
    """One of the two trees: a folder and the Python that runs it."""

    name: str
    folder: Path
    python: Path

    def run(self, *arguments: str, counter: Sequence[str] = ()) -> str:
        """Run the Python of the tree and return what it printed, the counter's lines after its own.

        Args:
            arguments: of the interpreter, such as -m and a module.
            counter: a program that runs it and counts, such as perf.

        Raises:
            BenchError: it failed.

        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DUBAN_", "PYTHON"))}
        completed = subprocess.run(  # noqa: S603 - our own command
            [*counter, str(self.python), *arguments],
            cwd=self.folder,
            env=kept | {"PYTHONDONTWRITEBYTECODE": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        if completed.returncode != 0:
            raise BenchError(
                f"{self.name}: python {' '.join(arguments)[:80]} failed: {completed.stderr.strip()[-500:]}"
            )
        return completed.stdout + completed.stderr


@dataclass(frozen=True)
class BenchComparison:
    """One benchmark in both trees.

    Attributes:
        name: of the benchmark, with its unit.
        before: values of the other commit, one a round.
        after: values of the working tree.

    """

    name: str
    before: Sequence[float]
    after: Sequence[float]

    @property
    def ratio(self) -> float:
        """The working tree's median in those of the other commit; NaN when that is zero."""
        divisor = statistics.median(self.before)
        return statistics.median(self.after) / divisor if divisor else float("nan")

    @property
    def changed(self) -> bool:
        """Whether the change goes beyond the spread: each median lies outside all rounds of the other tree."""
        before, after = statistics.median(self.before), statistics.median(self.after)
        outside_before = not min(self.before) <= after <= max(self.before)
        return outside_before and not min(self.after) <= before <= max(self.after)

    def row(self) -> str:
        """Return it as a row of a table: medians with the least and the most, their ratio, and a judgement."""
        judgement = "beyond the spread" if self.changed else "within the spread"
        return f"| {self.name} | {_spread(self.before)} | {_spread(self.after)} | {self.ratio:.3f} | {judgement} |"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):,.4g} ({min(values):,.4g} - {max(values):,.4g})"


def compare(before: Sequence[Values], after: Sequence[Values]) -> list[BenchComparison]:
    """Return a comparison for every benchmark that both trees have in every round, in the order of the first round."""
    collected: tuple[dict[str, list[float]], dict[str, list[float]]] = (defaultdict(list), defaultdict(list))
    for rounds, values in zip((before, after), collected, strict=True):
        for figures in rounds:
            for name, value in figures.items():
                values[name].append(value)
    return [
        BenchComparison(name, values, collected[1][name])
        for name, values in collected[0].items()
        if len(values) == len(before) and len(collected[1].get(name, ())) == len(after)
    ]


def order(rounds: int) -> Iterator[tuple[int, int]]:
    """Return which tree runs first and second in each round, by index: they take turns."""
    return (((0, 1) if number % 2 == 0 else (1, 0)) for number in range(rounds))


def parse_rules(printed: str) -> Values:
    """Return microseconds by rule, from the JSON of the rules' benchmark, or from its lines where it has no --json."""
    first = printed.partition("\n")[0]
    if first.startswith("["):
        return {f"{cost['name']}, µs of processor time": float(cost["rule"]) for cost in json.loads(first)}
    return {f"{match['name']}, µs of processor time": float(match["value"]) for match in RULE.finditer(printed)}


def parse_table(printed: str) -> Values:
    """Return the figures of the table of `python -m tests.load`; a name that comes again is numbered."""
    values: Values = {}
    seen = Counter[str]()
    for match in ROW.finditer(printed):
        name = f"{match['name']}, {match['unit']}"
        seen[name] += 1
        values[name if seen[name] == 1 else f"{name} ({seen[name]})"] = float(match["value"].replace(",", ""))
    return values


def parse_instructions(printed: str) -> int | None:
    """Return what `perf stat -x,` counted; None where it cannot count instructions."""
    match = INSTRUCTIONS.search(printed)
    return int(match["count"]) if match is not None else None


@cache
def instruction_counter() -> Sequence[str]:
    """Return the command that counts a program's instructions; empty where there is none."""
    if shutil.which(PERF[0]) is None:
        return ()
    probe = subprocess.run([*PERF, "true"], capture_output=True, text=True, check=False)  # noqa: S603 - see PERF
    return PERF if parse_instructions(probe.stderr) is not None else ()


def measure_rules(tree: Tree) -> Values:
    """Run the rules' benchmark of a tree.

    Raises:
        BenchError: it failed, or printed no figures.

    """
    # A tree whose benchmark has no options ignores this one and prints lines.
    printed = tree.run("-c", RULES, "--json", counter=instruction_counter())
    values = parse_rules(printed)
    if not values:
        raise BenchError(f"{tree.name}: tests.load.rules printed no figures: {printed[-500:]}")
    return values | _instructions("all rules", printed)


def measure_commands(tree: Tree) -> Values:
    """Run each command of a tree and return its processor time, in milliseconds."""
    values: Values = {}
    for name, arguments in COMMANDS.items():
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        printed = tree.run("-m", "duban", *arguments, counter=instruction_counter())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        values |= {f"{name}, ms of processor time": seconds * 1000} | _instructions(name, printed)
    return values


def _instructions(name: str, printed: str) -> Values:
    count = parse_instructions(printed)
    return {f"{name}, million instructions": count / 1e6} if count is not None else {}


def measure_system(tree: Tree) -> Values:
    """Run the benchmark of the whole system of a tree."""
    return parse_table(tree.run("-m", "tests.load"))


def unpack(ref: str) -> Tree:
    """Unpack a commit below .duban/bench, with an environment of its own lock; both are kept for next time.

    Where the lock is that of the working tree, the environment of this process is that, too.

    Raises:
        BenchError: there is no such commit, or its environment cannot be made.

    """
    commit = _git("rev-parse", "--verify", f"{ref}^{{commit}}").strip()
    folder = FOLDER / commit[:12]
    if not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        archive = new.with_suffix(".tar")
        _git("archive", "--output", str(archive), commit)
        _call("tar", "-xf", str(archive), "-C", str(new))
        archive.unlink()
        new.rename(folder)
    lock = folder / "requirements.lock"
    if lock.read_bytes() == (PROJECT / lock.name).read_bytes():
        return Tree(commit[:12], folder, Path(sys.executable))
    environment = FOLDER / f"environment-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    python = environment / "bin" / "python"
    if not (environment / "ready").exists():
        shutil.rmtree(environment, ignore_errors=True)
        print(f"making an environment for {commit[:12]} (some minutes, once)", flush=True)
        _call(sys.executable, "-m", "venv", str(environment))
        pip = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _call(*pip, "--require-hashes", "-r", str(lock))
        (environment / "ready").touch()
    return Tree(commit[:12], folder, python)


def _git(*arguments: str) -> str:
    return _call("git", "-C", str(PROJECT), *arguments)


def _call(*command: str) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    if completed.returncode != 0:
        raise BenchError(f"{' '.join(command[:4])} failed: {completed.stderr.strip()[-500:]}")
    return completed.stdout


def measure(trees: tuple[Tree, Tree], rounds: int, benchmarks: Sequence[Benchmark]) -> list[BenchComparison]:
    """Run every benchmark in both trees, alternating."""
    for tree in trees:
        # The first run compiles the modules; it does not count.
        measure_commands(tree)
    figures: tuple[list[Values], list[Values]] = ([], [])
    for number, turns in enumerate(order(rounds), start=1):
        print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
        for index in turns:
            values: Values = {}
            for benchmark in benchmarks:
                values |= benchmark(trees[index])
            figures[index].append(values)
    return compare(*figures)


def main() -> int:
    """Measure and print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make bench-against", description=__doc__)
    parser.add_argument("ref", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=LEAST_ROUNDS, help=f"at least {LEAST_ROUNDS}")
    parser.add_argument("--system", action="store_true", help="measure the whole system too, ten minutes a round")
    options = parser.parse_args()
    if options.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds: {options.rounds} are too few to see the spread: use {LEAST_ROUNDS} or more")
    benchmarks = [measure_rules, measure_commands, *([measure_system] if options.system else [])]
    try:
        other = unpack(options.ref)
        found = measure((other, Tree("the working tree", PROJECT, Path(sys.executable))), options.rounds, benchmarks)
    except BenchError as error:
        print(f"bench-against: {error}", file=sys.stderr)
        return 1
    print(f"median (least - most) of {options.rounds} rounds\n")
    print(f"| what | {other.name} | working tree | ratio | |\n|---|---|---|---|---|")
    for comparison in found:
        print(comparison.row())
    if not instruction_counter():
        print("\nInstructions are not shown: perf cannot count them on this machine.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
