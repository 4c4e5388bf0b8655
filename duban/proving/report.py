"""What a proof of a pack comes to."""

from collections.abc import Iterator
from dataclasses import dataclass

from duban.proving.exemptions import Exemption
from duban.proving.findings import PROPERTIES, Finding
from duban.proving.story import Story


@dataclass(frozen=True)
class ProofReport:
    """The result of a proof.

    Attributes:
        pack: name of the pack.
        zone: of the pack, for the times of stories.
        violations: what must never happen and can, each with its shortest story.
        exempted: what was found and the pack says why it does not count.
        unused: exemptions that nothing matches.
        dead: actions, entries, clocks and thresholds that can never happen.
        states: from which every move was taken.
        decisions: that were taken.
        seconds: of processor time.

    """

    pack: str
    zone: str
    violations: tuple[Story, ...]
    exempted: tuple[Story, ...]
    unused: tuple[Exemption, ...]
    dead: tuple[Finding, ...]
    states: int
    decisions: int
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether everything is shown that has to hold."""
        return not (self.violations or self.unused or self.dead)

    def lines(self) -> Iterator[str]:
        """Yield the report as lines for people; stories are TOML, all else stands in comments."""
        verdict = "holds" if self.holds else "does not hold"
        yield (
            f"# {self.pack}: {verdict}; {self.states} states, {self.decisions} decisions, {self.seconds:.1f} s"
            f"{f', {len(self.exempted)} exempted' if self.exempted else ''}"
        )
        for story in self.violations:
            finding = story.finding
            yield f"# {finding.name} ({PROPERTIES[finding.name]}), {finding.subject}: {finding.message}"
            if not story.possible:
                yield (
                    "# The search puts off the instants of clocks, and no times that were tried produce this: if none "
                    f"can, write to policies/{self.pack}/proof.toml why"
                )
            yield story.as_day(self.zone)
        yield from (f"# dead: {finding.message}" for finding in self.dead)
        yield from (
            f"# proof.toml: nothing matches the exemption {each.property}, {each.subject}: remove it"
            for each in self.unused
        )
