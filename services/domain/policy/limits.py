"""limits.toml as a whole: the clocks of a pack, and how far a limit may be moved (R4.1, R4.10, R4.11)."""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from schemas.contact import Customer
from schemas.ticket import Status
from services.domain.events import suggest
from services.domain.policy.base import Cited, CitedValue, Code, ElapsedLength, PolicyPart
from services.domain.policy.clocks import BreachRule, ClockRule, WarningRule
from services.domain.policy.conditions import Facts
from services.domain.policy.limit_tables import Limit
from services.domain.policy.references import Refers


class ExtensionRule(Cited):
    """How far and how often a stage may be extended (R4.10)."""

    per_stage: Annotated[int, Field(ge=0)]
    at_most: Annotated[float, Field(gt=0)]
    """Longest extension as a part of the limit that the stage had at first."""
    lapses_after: ElapsedLength
    needs_progress_reply: bool = True


class SuspensionRule(Cited):
    """How long a ticket may wait (R4.11)."""

    at_most: ElapsedLength
    """Of all waiting in one run of the ticket together (DECISIONS 11)."""
    reminder_after: ElapsedLength


def _unique_names(rules: tuple[ClockRule, ...]) -> tuple[ClockRule, ...]:
    names = [rule.name for rule in rules]
    if len(names) != len(set(names)):
        raise ValueError("two clocks of the pack have the same name")
    return rules


def _with_limits(rules: tuple[ClockRule, ...]) -> tuple[ClockRule, ...]:
    """Return the clocks, each with its limits: a clock may take those of another, which has a table of its own."""
    by_name = {rule.name: rule for rule in rules}
    complete: list[ClockRule] = []
    for rule in rules:
        if rule.limits_of is None:
            complete.append(rule)
            continue
        named = rule.limits_of.value
        if named not in by_name:
            raise ValueError(f"clock {rule.name}, limits_of: there is no {named!r}: {suggest(named, by_name)}")
        if (further := by_name[named].limits_of) is not None:
            raise ValueError(
                f"clock {rule.name}, limits_of: {named} has no limits of its own but those of {further.value}: name a "
                "clock that has"
            )
        complete.append(rule.with_limits_of(by_name[named]))
    return tuple(complete)


class ClockDefaults(PolicyPart):
    """What counts for every clock that says nothing else."""

    warnings: tuple[WarningRule, ...] = ()
    breach: BreachRule


OLD_FORM = {"starts_on", "stops_on", "starts_at", "restarts"}
"""Keys of the form before 0.2: a clock was started and stopped by events."""


class LimitPolicy(PolicyPart):
    """limits.toml: every clock of the pack."""

    usual: ClockDefaults | None = None

    clocks: Annotated[
        tuple[ClockRule, ...], Field(alias="clock"), AfterValidator(_unique_names), AfterValidator(_with_limits)
    ]
    lower_bound_for: CitedValue[tuple[Annotated[Code, Refers("network")], ...]]
    """Whom the lower bound of a range is for: `vip`, and networks in lower case such as `4g`."""
    extension: ExtensionRule
    suspension: SuspensionRule

    @model_validator(mode="before")
    @classmethod
    def _with_defaults(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("clock"), list):
            return data
        for clock in data["clock"]:
            if isinstance(clock, dict) and (old := sorted(OLD_FORM & clock.keys())):
                raise ValueError(
                    f"clock {clock.get('name')}: {', '.join(old)} belong to the form before 0.2; write `while` (the "
                    "states in which it runs), `until` (facts that end it) and `anchor` (from when it counts) instead"
                )
        if not isinstance(data.get("usual"), dict):
            return data
        usual = {name: data["usual"][name] for name in ("warnings", "breach") if name in data["usual"]}
        return data | {"clock": [usual | clock for clock in data["clock"] if isinstance(clock, dict)]}

    @cached_property
    def by_name(self) -> Mapping[str, ClockRule]:
        """The clocks by their name."""
        return {rule.name: rule for rule in self.clocks}

    @cached_property
    def by_status(self) -> Mapping[Status, tuple[ClockRule, ...]]:
        """The clocks that may run in each status."""
        return {status: tuple(rule for rule in self.clocks if status in rule.while_.status) for status in Status}

    def candidates(self, status: Status, kind: str) -> Mapping[str, ClockRule]:
        """Return the clocks, by name, that a ticket of such a status and kind may have, but for those of `for_each`."""
        found = self._candidates.get((status, kind))
        if found is None:
            rules = [rule for rule in self.by_status[status] if rule.runs_for is None]
            found = {rule.name: rule for rule in rules if not rule.when.kind or kind in rule.when.kind}
            self._candidates[status, kind] = found
        return found

    @cached_property
    def _candidates(self) -> dict[tuple[Status, str], Mapping[str, ClockRule]]:
        """What was found: a pack has few kinds."""
        return {}

    @cached_property
    def for_each(self) -> tuple[ClockRule, ...]:
        """The clocks that run once for each assisting unit."""
        return tuple(rule for rule in self.clocks if rule.runs_for is not None)

    @cached_property
    def archives(self) -> frozenset[str]:
        """Names of the clocks at whose end a ticket is put into the archive."""
        return frozenset(rule.name for rule in self.clocks if rule.breach.does == "archive")

    @cached_property
    def outer(self) -> frozenset[str]:
        """Names of the clocks that are promises to the customer."""
        return frozenset(rule.name for rule in self.clocks if rule.outer)

    def limit(self, rule: ClockRule, facts: Facts, customer: Customer) -> Limit:
        """Return the limit of a clock for such a ticket.

        Raises:
            LookupError: no row of the clock's table applies; `duban policy check` finds that before it happens.

        """
        for number, row in enumerate(rule.limits):
            if row.when.holds(facts):
                lower = row.lower is not None and self._takes_lower(facts, customer)
                return rule.of_row(number, lower=lower)
        raise LookupError(
            f"clock {rule.name} has no limit for tier {facts.tier}, type {facts.business}/{facts.problem}"
        )

    def limit_or_none(self, rule: ClockRule, facts: Facts, customer: Customer) -> Limit | None:
        """Return the limit as `limit` does, None where no row applies."""
        try:
            return self.limit(rule, facts, customer)
        except LookupError:
            return None

    def _takes_lower(self, facts: Facts, customer: Customer) -> bool:
        named = self.lower_bound_for.value
        return ("vip" in named and facts.vip) or (customer.network or "").lower() in named
