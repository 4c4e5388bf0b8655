"""Tries a mutant: the check may refuse it, a day of the pack may come to something else, or its proof may fail."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from duban import day_file
from duban.proving import exemptions, prover
from duban.proving.exemptions import Exemption
from services.domain.policy import loading, stages
from services.domain.policy.base import PolicyError
from services.domain.policy.pack import Pack
from tests.mutation.mutants import Mutant
from tests.mutation.table_mutants import TableMutant

SAME = "same"
"""What becomes of a mutant that means the same as the pack: no mutant at all."""
CHECK, PLAY, PROOF, SURVIVED = "check", "play", "proof", "survived"


@dataclass(frozen=True)
class PackTrial:
    """A pack with everything that is needed to try a mutant of it."""

    name: str
    pack: Pack
    documents: Mapping[str, Mapping[str, Any]]
    cases: tuple[Mapping[str, Any], ...]
    exempt: tuple[Exemption, ...] = ()

    @classmethod
    def read(cls, folder: Path, name: str) -> "PackTrial":
        """Read a pack and its days."""
        files = loading.read_files(folder, name)
        documents = {file: tomllib.loads(text) for file, text in files.items()}
        cases = tuple(case for file in day_file.days_of(folder / name) for case in day_file.read_cases(file))
        return cls(name, loading.from_files(name, files), documents, cases, exemptions.load(folder, name))

    def try_mutant(self, mutant: Mutant) -> str:
        """Return whether the check or a day kills a mutant, or neither."""
        try:
            mutated = self._mutated(mutant)
        except PolicyError:
            return CHECK
        if mutated == self.pack:
            return SAME
        if not self.plays_as_written(mutated):
            return PLAY
        # The slow part of the check comes last: most mutants need it not.
        return CHECK if any(True for _ in _slow_problems(mutated)) else SURVIVED

    def _mutated(self, mutant: Mutant) -> Pack:
        return loading.from_documents(self.name, mutant.applied(self.documents), self.pack.revision)

    def holds_with(self, mutant: Mutant) -> bool:
        """Whether a mutant that nothing else has killed is proved; takes as long as `duban policy prove`."""
        return prover.prove(self._mutated(mutant), self.exempt, first=True).holds

    def plays_as_written(self, pack: Pack) -> bool:
        """Whether every case of the pack's days comes to what it expects."""
        return not any(found for _, found in day_file.play_cases(self.cases, pack))


def _slow_problems(pack: Pack) -> Iterator[str]:
    yield from stages.missing_promises(pack)
    yield from stages.misfits(pack)


def try_table_mutant(mutant: TableMutant, subjects: Iterable[PackTrial]) -> str:
    """Return by what a mutant of the defaults is killed: by the day of any pack."""
    tables = [(each, case) for each in subjects for case in each.cases]
    # Those that expect who may do what show most of it, so they come first.
    tables.sort(key=lambda found: not _expects_rights(found[1]))
    with mutant.applied():
        try:
            return (
                PLAY
                if any(differs for each, case in tables for _, differs in day_file.play_cases([case], each.pack))
                else SURVIVED
            )
        except LookupError:
            return PLAY


def _expects_rights(case: Mapping[str, Any]) -> bool:
    return any({"may", "who_may"} & part.get("expect", {}).keys() for part in (case, *case.get("step", ())))


@cache
def subject(folder: Path, name: str) -> PackTrial:
    """Return a pack of a folder, read once in each process."""
    return PackTrial.read(folder, name)
