"""Packs that are broken on purpose, and what a proof finds in them, played again as a day."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from duban import day_file
from duban.proving.prover import prove
from duban.proving.story import Story
from services.domain.policy.clocks import ClockRule
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.outcome import OutcomePolicy
from services.domain.policy.pack import Pack
from services.domain.policy.routing import RoutingPolicy
from tests.builders import PACKS


def with_clock(pack: Pack, name: str, **changes: Any) -> Pack:
    """Return a pack whose clock of a name is another, whether or not a file could say so."""
    clocks = tuple(
        ClockRule.model_construct(**{**dict(rule), **changes}) if rule.name == name else rule
        for rule in pack.limits.clocks
    )
    return replace(pack, limits=LimitPolicy.model_construct(**{**dict(pack.limits), "clocks": clocks}))


def with_outcome(pack: Pack, **changes: Any) -> Pack:
    """Return a pack whose outcome is another in some parts."""
    return replace(pack, outcome=OutcomePolicy.model_construct(**{**dict(pack.outcome), **changes}))


def of_kinds(name: str, *kinds: str) -> Pack:
    """Return a shipped pack for contacts of some kinds alone, so that its search is short."""
    pack = PACKS[name]
    return replace(pack, routing=RoutingPolicy.model_construct(**{**dict(pack.routing), "kinds": kinds}))


def violation(pack: Pack, depth: int, name: str, subject: str) -> Story:
    """Return the story of a violation that a search of some depth finds.

    Raises:
        AssertionError: it is not found; says what is.

    """
    report = prove(pack, depth=depth)
    found = {story.finding.key: story for story in report.violations}
    assert (name, subject) in found, [story.finding for story in report.violations]
    assert not report.holds
    return found[name, subject]


def plays(story: Story, pack: Pack, folder: Path) -> bool:
    """Whether a story that real times can produce plays as it says."""
    file = folder / "story.toml"
    file.write_text(story.as_day(pack.header.zone), encoding="utf-8")
    played = list(day_file.play(file, pack))
    assert [differences for _, differences in played] == [[]], played
    return story.possible


def actions_of(story: Story) -> list[str]:
    """Return the names of the actions of a story."""
    return [step.act.action.type for step in story.steps]
