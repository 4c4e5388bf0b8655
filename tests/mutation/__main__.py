"""Tries the mutants of every pack and of the defaults, and fails where one survives without a reason.

python -m tests.mutation                        all, and writes docs/mutants.md
python -m tests.mutation --sample 100           some, by a seed that is printed
python -m tests.mutation --only bank            those whose name contains a text; prints the survivors
"""

import argparse
import multiprocessing
import random
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from tests.mutation import report
from tests.mutation.killing import PROOF, SAME, SURVIVED, subject, try_table_mutant
from tests.mutation.mutants import FILES, Mutant, mutants_of
from tests.mutation.table_mutants import TableMutant, mutants_of_tables

POLICIES = PROJECT / "policies"
SHARED_BY = "carrier"
"""The pack whose days show a mutant of the notices that all packs share."""
PROCESSES = 2


def all_mutants() -> list[Mutant | TableMutant]:
    """Return every mutant, always in the same order."""
    found: list[Mutant | TableMutant] = []
    for name in loading.pack_names(POLICIES):
        trial = subject(POLICIES, name)
        files = [file for file in FILES if file != loading.SHARED_NOTICES or name == SHARED_BY]
        found += mutants_of(trial.pack, trial.documents, files)
    return [*found, *mutants_of_tables()]


def _is_proved(mutant: Mutant | TableMutant) -> bool:
    """Whether what neither check nor day has killed is proved; of the tables, no pack has to be, so they are not."""
    return isinstance(mutant, TableMutant) or subject(POLICIES, mutant.pack).holds_with(mutant)


def _try(mutant: Mutant | TableMutant) -> str:
    if isinstance(mutant, Mutant):
        return subject(POLICIES, mutant.pack).try_mutant(mutant)
    return try_table_mutant(mutant, [subject(POLICIES, name) for name in loading.pack_names(POLICIES)])


def try_all(mutants: Sequence[Mutant | TableMutant]) -> list[str]:
    """Return what becomes of each mutant, tried in several processes that have read the packs.

    A survivor that has a reason is not proved: that would take a minute for each, to show what the reason says.
    """
    outcomes = _in_processes(_try, mutants)
    explained = report.reasons()
    doubtful = [
        number
        for number, (mutant, outcome) in enumerate(zip(mutants, outcomes, strict=True))
        if outcome == SURVIVED and mutant.name not in explained
    ]
    print(f"{len(doubtful)} mutants that neither check nor day kills are proved", flush=True)
    for number, proved in zip(doubtful, _in_processes(_is_proved, [mutants[each] for each in doubtful]), strict=True):
        if not proved:
            outcomes[number] = PROOF
    return outcomes


_argument: tuple[Callable[[Any], Any], Sequence[Mutant | TableMutant]]


def _in_processes(function: Callable[[Any], Any], mutants: Sequence[Mutant | TableMutant]) -> list[Any]:
    """Call a function with each mutant; processes inherit them: a copy of a mutant would change a copy of a table."""
    global _argument  # noqa: PLW0603 - what the processes inherit
    _argument = (function, mutants)
    with multiprocessing.get_context("fork").Pool(PROCESSES) as pool:
        return list(pool.imap(_call, range(len(mutants)), chunksize=1))


def _call(number: int) -> Any:
    function, mutants = _argument
    return function(mutants[number])


def _chosen(options: argparse.Namespace) -> list[Mutant | TableMutant]:
    """Return the mutants that the command line asks for; prints the seed of a sample."""
    mutants = [mutant for mutant in all_mutants() if options.only in mutant.name]
    if options.sample is None:
        return mutants
    seed = options.seed if options.seed is not None else secrets.randbelow(1_000_000)
    print(f"seed {seed}")
    return random.Random(seed).sample(mutants, min(options.sample, len(mutants)))


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the mutants; return 1 if any survives without a reason, or a reason is for none that survives."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, help="so many, by chance")
    parser.add_argument("--seed", type=int, help="of the chance")
    parser.add_argument("--only", default="", help="only mutants whose name contains this text")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    mutants = _chosen(options)
    tried = [each for each in zip(mutants, try_all(mutants), strict=True) if each[1] != SAME]
    shares = report.Shares.of(Counter((mutant.group, outcome) for mutant, outcome in tried))
    seconds = time.monotonic() - start
    for line in shares.lines():
        print(line)
    print(f"{len(tried)} mutants in {seconds:.0f} s")
    survivors = {mutant.name for mutant, outcome in tried if outcome == SURVIVED}
    whole = options.sample is None and not options.only
    names = {mutant.name for mutant, _ in tried}
    problems = list(report.problems(survivors, report.reasons(), names, shares, whole=whole))
    if whole and not problems:
        report.PAGE.write_text(report.page(shares, seconds, report.entries()), encoding="utf-8")
    for problem in problems:
        print(problem)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
