"""What the mutants showed: shares, survivors with the reason of each, and the page about them."""

import textwrap
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.tools.checkout import PROJECT
from tests.mutation.killing import CHECK, PLAY, PROOF, SURVIVED
from tests.mutation.mutants import GROUPS, Group

REASONS = Path(__file__).with_name("reasons.toml")
PAGE = PROJECT / "docs" / "mutants.md"
WIDTH = 105
"""Columns of a line of the page."""
WANTED = 0.95
"""Part of each group that has to be killed."""


@dataclass(frozen=True)
class Shares:
    """How many mutants of each group were killed by what, and how many survived."""

    counts: Mapping[tuple[Group, str], int]

    @classmethod
    def of(cls, counts: Mapping[tuple[Group, str], int]) -> "Shares":
        """Return the shares of some counts."""
        return cls(dict(counts))

    def row(self, group: Group) -> tuple[int, ...]:
        """Return the numbers of a group: killed by the check, by a day, by the proof, and survived."""
        return tuple(self.counts.get((group, outcome), 0) for outcome in (CHECK, PLAY, PROOF, SURVIVED))

    def killed(self, group: Group) -> float:
        """Return the part of a group that was killed."""
        numbers = self.row(group)
        return 1 - numbers[-1] / sum(numbers) if sum(numbers) else 1.0

    def lines(self) -> Iterator[str]:
        """Yield a line for each group."""
        for group in GROUPS:
            by_check, by_play, by_proof, survived = self.row(group)
            yield (
                f"{group}: {sum(self.row(group))} mutants, {by_check} killed by the check, {by_play} by a day, "
                f"{by_proof} by the proof, {survived} survived: {self.killed(group):.1%} killed"
            )


def reasons() -> dict[str, str]:
    """Return why mutants survive, by their names."""
    return {name: entry["because"] for entry in entries() for name in entry["mutants"]}


def problems(
    survivors: Collection[str], known: Mapping[str, str], tried: Collection[str], shares: Shares, *, whole: bool
) -> Iterator[str]:
    """Yield what is wrong: survivors without a reason, reasons without a survivor, and groups with too many of them."""
    for name in sorted(set(survivors) - known.keys()):
        yield f"survives without a reason: {name}"
    for name in sorted(known.keys() - set(survivors)):
        if whole or name in tried:
            yield f"{REASONS.name} has a reason for what does not survive: {name}"
    for group in GROUPS:
        if whole and shares.killed(group) < WANTED:
            yield f"{group}: {shares.killed(group):.1%} are killed, {WANTED:.0%} have to be"


def entries() -> list[dict[str, Any]]:
    """Return the entries of the file of reasons: `mutants` by their names, and `because`."""
    found: list[dict[str, Any]] = tomllib.loads(REASONS.read_text(encoding="utf-8")).get("survivor", [])
    return found


def page(shares: Shares, seconds: float, explained: Iterable[Mapping[str, Any]]) -> str:
    """Return docs/mutants.md: the shares of a whole run, and every survivor with its reason."""
    lines = [
        "# Mutants of the policies",
        "",
        "Written by `make mutate-policies`. Every condition, reader, length and row of the packs, and of the tables of",
        "who may what and in which status, is deleted, and replaced by another word that exists, or made longer.",
        "`duban policy check` refuses the mutant, a day of its pack plays differently, or its proof fails; what",
        "survives is below.",
        "",
        "| what | mutants | killed by the check | by a day | by the proof | survived | killed |",
        "|---|---|---|---|---|---|---|",
    ]
    for group in GROUPS:
        numbers = shares.row(group)
        lines.append(f"| {group} | {sum(numbers)} | {' | '.join(map(str, numbers))} | {shares.killed(group):.1%} |")
    lines += ["", f"The whole run took {seconds / 60:.0f} minutes in two processes.", "", "## Survivors", ""]
    for entry in explained:
        because = textwrap.wrap(f"{entry['because']}:", WIDTH, break_on_hyphens=False)
        lines += [*because, "", "```text", *entry["mutants"], "```", ""]
    return "\n".join(lines)
