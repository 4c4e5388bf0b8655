"""notices.toml: who is notified of which event, by which letter and means, until when (R4.9, R5.7, R5.8). Pure."""

from collections.abc import Mapping
from datetime import time
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from services.domain.policy.base import Cited, Code, PolicyPart, Reader
from services.domain.policy.references import Defines, Refers

Means = Literal["preferred", "sms", "mail"]
"""preferred: the means that the customer asked for, if any."""
End = Literal["always", "answered", "answer_sent", "closed", "reopened", "surveyed", "stopped", "acted"]
CUSTOMER = "customer"
HOT_ISSUE_OPENED = "hot_issue_opened"
"""The event of rules about a new hot issue; every other event is one of a ticket."""


class NoticeRule(Cited):
    """The notice of one event to one kind of reader."""

    event: Annotated[Code, Refers("event")]
    to: Literal["customer", "units"]
    """units: those that the event names, as thresholds of SLA timers do; otherwise `readers`."""
    letter: Annotated[Code, Refers("letter")]
    readers: tuple[Reader, ...] = ("unit",)
    """Who is notified if the event names nobody: unit, person, holder, centre, next_level or the code of a unit."""
    means: Annotated[tuple[Means, ...], Field(min_length=1)]
    """Tried in this order: the next when one has failed permanently."""
    urgency: Annotated[int, Field(ge=1, le=3)] = 2
    """1 is sent first."""
    any_hour: bool = False
    """Whether it is also sent in the customer's quiet hours."""
    until: End = "always"
    """When the notice becomes obsolete and is no longer sent.

    answer_sent: answered, but not on the spot. reopened: another run began, or the ticket was withdrawn. surveyed: as
    reopened, or the customer replied to the survey or opted out. stopped: its SLA timer no longer runs. acted: as
    stopped, or the unit did something in the stage.
    """
    paper: bool = False
    """Whether a mail also carries the letter as a PDF."""

    @model_validator(mode="after")
    def _hot_issues_are_for_units(self) -> Self:
        if self.event == HOT_ISSUE_OPENED and self.to == CUSTOMER:
            raise ValueError('a hot issue concerns many customers, none of whom is notified: write to = "units"')
        return self


class ApologyRule(Cited):
    """A letter of apology, and the facts it must contain (policy-tables 10)."""

    letter: Annotated[Code, Refers("letter")]
    needs: tuple[Annotated[Code, Defines()], ...]


def _check_rules_are_unique(rules: tuple[NoticeRule, ...]) -> tuple[NoticeRule, ...]:
    # A reader gets one notice of an event, so a second rule would never apply.
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.event, rule.to) in seen:
            raise ValueError(
                f"two rules notify {rule.to} of {rule.event}: remove one, and name several units in `readers`"
            )
        seen.add((rule.event, rule.to))
    return rules


def _check_letters_are_unique(apologies: tuple[ApologyRule, ...]) -> tuple[ApologyRule, ...]:
    names = [apology.letter for apology in apologies]
    if doubled := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two letters of apology are named {doubled[0]}: remove one")
    return apologies


NoticeRules = Annotated[tuple[NoticeRule, ...], AfterValidator(_check_rules_are_unique)]


class NoticePolicy(Cited):
    """The notices of a pack, with its quiet hours and digests."""

    quiet_from: time
    quiet_until: time
    digest_over: Annotated[int, Field(ge=1)]
    """More notices than this to one unit within a minute are sent as one digest."""
    notices: Annotated[NoticeRules, Field(alias="notice", min_length=1)]
    apologies: Annotated[
        tuple[ApologyRule, ...], AfterValidator(_check_letters_are_unique), Field(alias="apology")
    ] = ()

    @cached_property
    def by_event(self) -> Mapping[str, tuple[NoticeRule, ...]]:
        """The rules of each event."""
        rules: dict[str, tuple[NoticeRule, ...]] = {}
        for rule in self.notices:
            rules[rule.event] = (*rules.get(rule.event, ()), rule)
        return rules

    def overridden_by(self, own: "PackNoticePolicy") -> "NoticePolicy":
        """Return this policy with a pack's own rules in place of those for the same event and reader."""
        overridden = {(rule.event, rule.to) for rule in own.notices}
        kept = tuple(rule for rule in self.notices if (rule.event, rule.to) not in overridden)
        values = own.model_dump(include={"quiet_from", "quiet_until", "digest_over"}, exclude_none=True)
        return self.model_copy(update={"notices": own.notices + kept, **values})


class PackNoticePolicy(PolicyPart):
    """A pack's own notices.toml: hours and rules that override those shared by all packs."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    digest_over: Annotated[int, Field(ge=1)] | None = None
    notices: Annotated[NoticeRules, Field(alias="notice")] = ()
