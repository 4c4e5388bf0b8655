"""pack.toml and the whole policy pack: the rules that decide about a ticket, and look-ups derived from them. Pure."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from pydantic import model_validator

from schemas.ticket import Classification, PolicyVersion, ThresholdState, Ticket
from services.domain.policy.authority import AuthorityPolicy
from services.domain.policy.base import Cited, Label, Name, NewCode, PolicyPart, UnitCode, Worded, ZoneName
from services.domain.policy.conditions import Facts
from services.domain.policy.keyword_hits import Family
from services.domain.policy.keyword_matcher import KeywordEntry, KeywordMatcher, fold
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy
from services.domain.policy.outcome import EntryRule, OutcomePolicy
from services.domain.policy.phrases import Phrases
from services.domain.policy.routing import UNCLASSIFIED, RoutingPolicy
from services.domain.policy.types import BusinessType, ProblemType, TypeCatalogue
from services.domain.policy.units import NamedPerson, Unit, UnitKind
from services.domain.sla.calendar import Calendar
from services.domain.sla.thresholds import BREACH


class CalendarSetting(Cited):
    """How the pack uses calendars."""

    roll: bool
    """A limit in plain days or months whose last day is not worked ends on the next working day (DECISIONS 33)."""


class PackHeader(PolicyPart):
    """The content of pack.toml.

    Attributes:
        zone: home time zone, such as Asia/Shanghai.
        centre: the complaint centre in charge of tickets that no centre rule assigns.
        supervisor: the unit that supervises the centres.

    """

    name: NewCode
    version: Name
    title: Label
    zone: ZoneName
    centre: UnitCode
    supervisor: UnitCode
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
    """A policy pack: the models of its TOML files and the calendars they refer to.

    Attributes:
        units: by their code.
        persons: those whom the pack names, by their name.
        authority: who may do what where the pack differs from the defaults.
        phrases: how people greet, thank, urge and dispute, shared by all packs.
        calendars: by their name.
        revision: a digest of the files, which distinguishes any two states of them.

    """

    header: PackHeader
    units: Mapping[str, Unit]
    types: TypeCatalogue
    limits: LimitPolicy
    routing: RoutingPolicy
    outcome: OutcomePolicy
    notices: NoticePolicy
    calendars: Mapping[str, Calendar]
    persons: Mapping[str, NamedPerson] = field(default_factory=dict)
    authority: AuthorityPolicy = field(default_factory=AuthorityPolicy)
    phrases: Phrases = field(default_factory=Phrases)
    revision: str = ""

    @cached_property
    def reference(self) -> PolicyVersion:
        """The pack and version that a ticket records as having decided."""
        return PolicyVersion(pack=self.header.name, version=f"{self.header.version}+{self.revision}")

    def calendar(self, name: str) -> Calendar:
        """Return a calendar as the pack counts by it; deadlines in a year without published holidays are provisional.

        No contact must fail because the holidays are published late: its SLA timers are marked as provisional, and
        recalculated when the calendar is complete.
        """
        return self._counted[name]

    @cached_property
    def _counted(self) -> Mapping[str, Calendar]:
        rolls = self.header.calendar.roll
        return {name: calendar.for_pack(rolls=rolls) for name, calendar in self.calendars.items()}

    @cached_property
    def kinds(self) -> Mapping[str, UnitKind]:
        """The kind of each unit by its code."""
        return {code: unit.kind for code, unit in self.units.items()}

    def above(self, code: str | None) -> frozenset[str]:
        """Return the units above a unit, up to the top; none above one that the pack does not know."""
        return self._above.get(code or "", frozenset())

    @cached_property
    def _above(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, frozenset[str]] = {}
        for code, unit in self.units.items():
            above: list[str] = []
            parent = unit.parent
            while parent is not None and parent not in above and parent in self.units:
                above.append(parent)
                parent = self.units[parent].parent
            found[code] = frozenset(above)
        return found

    @cached_property
    def alerts_follow(self) -> frozenset[str]:
        """The facts on which alerts depend, of those that change while the classification stays."""
        return frozenset(name for alert in self.routing.alerts for name in alert.when.looks_at & UNCLASSIFIED)

    @cached_property
    def entries(self) -> Mapping[str, EntryRule]:
        """The kinds of record entries by their code."""
        return {rule.kind: rule for rule in self.outcome.entries}

    @cached_property
    def follow_ups(self) -> Mapping[str, tuple[EntryRule, ...]]:
        """The record entries that are made by themselves, by the validity of a ticket."""
        rules = [rule for rule in self.outcome.entries if rule.validities]
        named = {validity for rule in rules for validity in rule.validities}
        return {validity: tuple(rule for rule in rules if validity in rule.validities) for validity in named}

    @cached_property
    def tiers(self) -> frozenset[str]:
        """Every tier that a rule may assign, on acceptance or at a breach."""
        regraded = {clock.breach.regrade for clock in self.limits.clocks if clock.breach.regrade is not None}
        return frozenset({rule.tier for rule in self.routing.tiers} | regraded)

    def facts(
        self,
        classification: Classification,
        *,
        channel: str,
        unit: str | None = None,
        late: bool = False,
        settled: bool = False,
    ) -> Facts:
        """Return the facts that conditions are evaluated on, for a classified contact or ticket."""
        return Facts(
            kind=classification.kind,
            channel=channel,
            vip=classification.vip,
            tier=classification.tier,
            business=classification.business_type,
            group=self.group_of(classification.business_type),
            problem=classification.problem_type,
            origin=classification.origin,
            validity=classification.validity,
            signals=frozenset(classification.signals),
            unit=unit,
            late=late,
            settled=settled,
            founded=classification.founded,
            liability=classification.liability,
        )

    def facts_of(self, ticket: Ticket, classification: Classification | None = None) -> Facts:
        """Return the facts about a ticket that conditions are evaluated on.

        Args:
            ticket: its current state.
            classification: used instead of the ticket's own, to see what another one would lead to.

        """
        return self.facts(
            classification or ticket.classification,
            channel=ticket.channel,
            unit=ticket.unit,
            late=self.is_late(ticket),
            settled=ticket.settlement is not None,
        )

    def is_late(self, ticket: Ticket) -> bool:
        """Return whether a promise to the customer was broken."""
        return ticket.breaches > 0 and any(
            threshold.name == BREACH and threshold.state is ThresholdState.FIRED
            for timer in ticket.clocks
            if timer.name in self.limits.outer
            for threshold in timer.thresholds
        )

    def group_of(self, business_type: str | None) -> str | None:
        """Return the business group of a business type, or None if the pack does not know the type."""
        return self._groups.get(business_type or "")

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        return {business.code: business.group for business in self.types.business}

    @cached_property
    def business(self) -> AbstractSet[str]:
        """The codes of all business types."""
        return self._groups.keys()

    def business_type(self, code: str | None) -> BusinessType | None:
        """Return the business type of a code, or None if the pack does not know it."""
        return self._types.get(code or "")

    @cached_property
    def _types(self) -> Mapping[str, BusinessType]:
        return {business.code: business for business in self.types.business}

    @cached_property
    def centres(self) -> frozenset[str]:
        """The units that may be in charge of a ticket: complaint centres, and those that a rule puts in charge."""
        named = {self.header.centre, *(rule.unit for rule in self.routing.centres)}
        return frozenset(named | {code for code, unit in self.units.items() if unit.kind == "centre"})

    def business_of(self, kind: str) -> AbstractSet[BusinessType]:
        """Return the business types among which contacts of a kind are classified (R3.8)."""
        return self._business_of.get(kind, self._business_of[""])

    @cached_property
    def _business_of(self) -> Mapping[str, AbstractSet[BusinessType]]:
        kinds = {group.code: group.kinds for group in self.types.groups}
        business = self.types.business
        shared = frozenset(type_ for type_ in business if not kinds[type_.group])
        with_own_types = {kind for group in self.types.groups for kind in group.kinds}
        own = {kind: frozenset(type_ for type_ in business if kind in kinds[type_.group]) for kind in with_own_types}
        return {"": shared, **own}

    def problems_of(self, group: str) -> AbstractSet[ProblemType]:
        """Return the problem types of a business group."""
        return self._problems_of.get(group, frozenset())

    @cached_property
    def _problems_of(self) -> Mapping[str, AbstractSet[ProblemType]]:
        groups = {group for problem in self.types.problem for group in problem.groups}
        return {group: frozenset(type_ for type_ in self.types.problem if group in type_.groups) for group in groups}

    @cached_property
    def problems(self) -> frozenset[str]:
        """The codes of all problem types."""
        return frozenset(problem.code for problem in self.types.problem)

    @cached_property
    def vip_levels(self) -> frozenset[str]:
        """The customer levels that count as VIP, folded for comparison."""
        return frozenset(fold(level) for level in self.routing.vip.levels)

    @cached_property
    def keywords(self) -> KeywordMatcher[Cited]:
        """Finds the keywords of all rules and types in a text; a hit is keyed by the rule or type itself."""
        routing, repeat = self.routing, self.outcome.repeat
        groups = [group.code for group in self.types.groups]
        own = {group.code for group in self.types.groups if group.kinds}
        entries: list[KeywordEntry[Cited]] = [
            KeywordEntry(
                type_,
                Family.BUSINESS if isinstance(type_, BusinessType) else Family.PROBLEM,
                type_.weights,
                groups.index(group) + 1 if group in own else 0,
                isinstance(type_, BusinessType) and type_.incidental,
            )
            for type_, group in (
                *((each, each.group) for each in self.types.business),
                *((each, each.groups[0]) for each in self.types.problem),
            )
        ]
        exceptions = tuple(rule.exceptions for rule in routing.signals if rule.exceptions is not None)
        of_rules: tuple[tuple[Family, tuple[Worded, ...]], ...] = (
            (Family.NOTHING, routing.ignored),
            (Family.RULE, (*routing.kind, *routing.validity, *routing.opening, *routing.origin)),
            (Family.SIGNAL, routing.signals),
            (Family.PROGRESS, (*routing.follow_up, *exceptions)),
        )
        entries += [
            KeywordEntry(rule, family, dict.fromkeys(rule.keywords, 0.0))
            for family, rules in of_rules
            for rule in rules
        ]
        entries += [
            KeywordEntry(phrases, Family.PROGRESS, dict.fromkeys(phrases.words, 0.0))
            for phrases in self.phrases.found_anywhere
        ]
        entries.append(KeywordEntry(repeat, Family.PROGRESS, dict.fromkeys(repeat.dispute_words, 0.0)))
        return KeywordMatcher(entries)

    def has_own_types(self, kind: str) -> bool:
        """Return whether contacts of a kind have business types of their own (R3.8)."""
        return kind in self._business_of

    def only_business_of(self, kind: str) -> BusinessType | None:
        """Return the business type of contacts of a kind, if there is only one."""
        types = self.business_of(kind)
        return next(iter(types)) if len(types) == 1 else None

    def only_problem_of(self, group: str) -> ProblemType | None:
        """Return the problem type of a business group, if there is only one."""
        types = self.problems_of(group)
        return next(iter(types)) if len(types) == 1 else None

    @cached_property
    def common_groups(self) -> frozenset[str]:
        """The business groups that are not of certain kinds of contacts alone."""
        return frozenset(group.code for group in self.types.groups if not group.kinds)
