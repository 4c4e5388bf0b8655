"""Proves a pack: the search, the stories of what it finds, and what the pack exempts."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

from duban.proving.acts import Acts
from duban.proving.checks import Checks
from duban.proving.exemptions import Exemption
from duban.proving.findings import Finding
from duban.proving.openings import Openings
from duban.proving.report import ProofReport
from duban.proving.roles import Roles
from duban.proving.search import Search
from duban.proving.states import States
from duban.proving.story import tell
from services.domain.policy.pack import Pack

BEGIN = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
"""When contacts come, a Monday morning in Shanghai; times that matter are tried when a story is told."""


def prove(
    pack: Pack, exemptions: Sequence[Exemption] = (), *, first: bool = False, depth: int | None = None
) -> ProofReport:
    """Search every state that tickets of a pack can reach, and return what must never happen and can.

    Args:
        pack: the policy pack, with its calendars.
        exemptions: findings that do not count.
        first: whether to end with the first finding, and not to look for what is dead.
        depth: most moves of a story; None: to the fix-point. With a bound, what is dead is not looked for.

    """
    began = time.process_time()
    roles, openings = Roles(pack), Openings(pack, BEGIN)
    acts = Acts(pack, roles, openings)
    checks = Checks(pack, acts.actors)
    exempt = {(each.property, each.subject) for each in exemptions}
    search = Search(pack, openings, acts, States(pack, roles), checks, exempt=exempt, first=first, depth=depth)
    search.run()
    stories = [tell(each.finding, each.opening, each.moves, pack, checks) for each in search.found.values()]
    whole = depth is None and not (first and search.violated)
    dead = tuple(search.coverage.dead()) if whole else ()
    return ProofReport(
        pack=pack.header.name,
        zone=pack.header.zone,
        violations=tuple(story for story in stories if story.finding.key not in exempt),
        exempted=tuple(story for story in stories if story.finding.key in exempt),
        unused=_unused(exemptions, [*(story.finding for story in stories), *dead]) if whole else (),
        dead=tuple(finding for finding in dead if finding.key not in exempt),
        states=search.states_seen,
        decisions=search.decisions,
        seconds=time.process_time() - began,
    )


def _unused(exemptions: Sequence[Exemption], findings: Sequence[Finding]) -> tuple[Exemption, ...]:
    """Return the exemptions that nothing matches."""
    known = {finding.key for finding in findings}
    return tuple(each for each in exemptions if (each.property, each.subject) not in known)
