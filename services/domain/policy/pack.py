"""One policy pack: everything that decides about its tickets, and what follows from it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from pydantic import model_validator

from schemas.ticket import Classification, PolicyVersion, ThresholdState, Ticket
from services.domain.policy.base import Cited, Code, Label, Name, PolicyPart
from services.domain.policy.conditions import Facts
from services.domain.policy.keyword_matcher import KeywordMatcher, fold
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy
from services.domain.policy.outcome import EntryRule, OutcomePolicy
from services.domain.policy.routing import RoutingPolicy
from services.domain.policy.types import BusinessType, ProblemType, TypeCatalogue
from services.domain.policy.units import Unit
from services.domain.sla.calendar import Calendar
from services.domain.sla.timer import BREACH


class CalendarSetting(Cited):
    """How the pack uses calendars."""

    roll: bool
    """A limit in plain days or months whose last day is not worked ends on the next working day (DECISIONS 33)."""


class PackHeader(PolicyPart):
    """pack.toml: the pack's name, version, home zone and the centre that owns what nobody else does."""

    name: Code
    version: Name
    title: Label
    zone: Name
    centre: Code
    supervisor: Code
    calendar: CalendarSetting

    @model_validator(mode="before")
    @classmethod
    def _needs_calendar(cls, data: object) -> object:
        if isinstance(data, dict) and "calendar" not in data:
            raise ValueError(
                "[calendar] is missing: write roll = true where a last day that is not worked moves to the next "
                "working day, else roll = false, and `from` or `ours`"
            )
        return data


@dataclass(frozen=True)
class Pack:
    """Everything that one pack decides by."""

    header: PackHeader
    units: Mapping[str, Unit]
    types: TypeCatalogue
    limits: LimitPolicy
    routing: RoutingPolicy
    outcome: OutcomePolicy
    notices: NoticePolicy
    calendars: Mapping[str, Calendar]
    revision: str = ""
    """Tells this state of the files from every other."""

    @cached_property
    def reference(self) -> PolicyVersion:
        """What a ticket keeps of the policy that decided."""
        return PolicyVersion(pack=self.header.name, version=f"{self.header.version}+{self.revision}")

    def calendar(self, name: str) -> Calendar:
        """Return a calendar as the pack counts by it: rolling or not, provisional in a year without a notice.

        A contact must not be lost because a notice is late: its clocks are marked and derived anew when it is there.
        """
        return self._counted[name]

    @cached_property
    def _counted(self) -> Mapping[str, Calendar]:
        rolls = self.header.calendar.roll
        return {name: calendar.for_pack(rolls=rolls) for name, calendar in self.calendars.items()}

    @cached_property
    def entries(self) -> Mapping[str, EntryRule]:
        """Kinds of entries by their code."""
        return {each.kind: each for each in self.outcome.entries}

    @cached_property
    def tiers(self) -> frozenset[str]:
        """Every tier that a rule may give."""
        raised = {each.breach.regrade for each in self.limits.clocks if each.breach.regrade is not None}
        return frozenset({each.tier for each in self.routing.tiers} | raised)

    def facts(
        self, told: Classification, *, channel: str, unit: str | None = None, late: bool = False, settled: bool = False
    ) -> Facts:
        """Return what the conditions of rules look at, once a ticket is classified."""
        return Facts(
            kind=told.kind,
            channel=channel,
            vip=told.vip,
            tier=told.tier,
            business=told.business_type,
            group=self.group_of(told.business_type),
            problem=told.problem_type,
            origin=told.origin,
            validity=told.validity,
            signals=frozenset(told.signals),
            unit=unit,
            late=late,
            settled=settled,
            founded=told.founded,
            liability=told.liability,
        )

    def facts_of(self, ticket: Ticket, told: Classification | None = None) -> Facts:
        """Return what the conditions of rules look at for a ticket, or for the ticket as it would be classified."""
        return self.facts(
            told or ticket.classification,
            channel=ticket.channel,
            unit=ticket.unit,
            late=self.is_late(ticket),
            settled=ticket.settlement is not None,
        )

    def is_late(self, ticket: Ticket) -> bool:
        """Whether a promise to the customer was exceeded."""
        return ticket.breaches > 0 and any(
            point.name == BREACH and point.state is ThresholdState.FIRED
            for each in ticket.clocks
            if each.name in self.limits.outer
            for point in each.thresholds
        )

    def group_of(self, business_type: str | None) -> str | None:
        """Return the business group of a business type, if it is known."""
        return self._groups.get(business_type or "")

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        return {each.code: each.group for each in self.types.business}

    def business_of(self, kind: str) -> Sequence[BusinessType]:
        """Return the business types of a kind's own tree (R3.8)."""
        return self._business_of.get(kind, self._business_of[""])

    @cached_property
    def _business_of(self) -> Mapping[str, Sequence[BusinessType]]:
        kinds = {each.code: each.kinds for each in self.types.groups}
        own = {kind for each in self.types.groups for kind in each.kinds}
        return {
            kind: [
                each for each in self.types.business if (kind in kinds[each.group] if kind else not kinds[each.group])
            ]
            for kind in ("", *own)
        }

    def problems_of(self, group: str) -> Sequence[ProblemType]:
        """Return the problem types that a business group knows."""
        return self._problems_of.get(group, ())

    @cached_property
    def _problems_of(self) -> Mapping[str, Sequence[ProblemType]]:
        groups = {group for each in self.types.problem for group in each.groups}
        return {group: [each for each in self.types.problem if group in each.groups] for group in groups}

    @cached_property
    def problems(self) -> frozenset[str]:
        """Codes of every problem type."""
        return frozenset(each.code for each in self.types.problem)

    @cached_property
    def vip_levels(self) -> frozenset[str]:
        """Names of the levels that are VIP, as texts are compared."""
        return frozenset(fold(each) for each in self.routing.vip.levels)

    @cached_property
    def keywords(self) -> KeywordMatcher:
        """Every word by which the pack's rules know something, found in one pass."""
        return KeywordMatcher(
            [
                *((each, each.words) for each in self.types.business),
                *((each, each.words) for each in self.types.problem),
                *((each, each.words) for each in self.routing.kind),
                *((each, each.words) for each in self.routing.follow_up),
                *((each, each.words) for each in self.routing.signals),
                *((each, each.words) for each in self.routing.validity),
                *((each, each.words) for each in self.routing.opening),
                (self.outcome.repeat, self.outcome.repeat.dispute_words),
            ]
        )
