"""notices.toml: what is told to whom, by which letter and by which means, and when it is not (R4.9, R5.7, R5.8)."""

from collections.abc import Mapping
from datetime import time
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from services.domain.policy.base import Cited, Code, PolicyPart

Way = Literal["preferred", "sms", "mail"]
"""preferred: what the customer asked for, where the customer did."""
Until = Literal["always", "answered", "answer_sent", "closed", "reopened", "surveyed", "stopped", "acted"]
CUSTOMER = "customer"
HOT_ISSUE_OPENED = "hot_issue_opened"
"""What a rule about a new hot issue is for; every other is for an event of a ticket."""


class NoticeRule(Cited):
    """What one event tells one kind of reader."""

    event: Code
    to: Literal["customer", "units"]
    """units: whoever the event names, as a clock's thresholds do; else `readers`."""
    letter: Code
    readers: tuple[Code, ...] = ("unit",)
    """unit, centre, person, next_level or a unit's code, when the event names nobody."""
    means: Annotated[tuple[Way, ...], Field(min_length=1)]
    """In this order: the next when one has failed for good."""
    urgency: Annotated[int, Field(ge=1, le=3)] = 2
    """1 goes first."""
    any_hour: bool = False
    """Whether it is sent in the customer's quiet hours too."""
    until: Until = "always"
    """From when on it is no longer true, so it is not sent any more.

    answer_sent: answered, but not on the spot; reopened: another run, or withdrawn; surveyed: that, or the customer has
    judged or wants no more; stopped: the clock that it is about runs no longer; acted: that, or something was done.
    """
    paper: bool = False
    """Whether a mail carries the letter as a PDF too."""

    @model_validator(mode="after")
    def _hot_issues_are_for_units(self) -> Self:
        if self.event == HOT_ISSUE_OPENED and self.to == CUSTOMER:
            raise ValueError('a hot issue is of many customers, none of whom is told: write to = "units"')
        return self


class ApologyRule(Cited):
    """A letter of apology, and what it must hold (policy-tables 10)."""

    letter: Code
    needs: tuple[Code, ...]


def _one_each(rules: tuple[NoticeRule, ...]) -> tuple[NoticeRule, ...]:
    """A reader hears of an event once, so a second rule would never be heard of."""
    seen: set[tuple[str, str]] = set()
    for each in rules:
        if (each.event, each.to) in seen:
            raise ValueError(
                f"two rules tell {each.to} of {each.event}, and only one can: leave one; `readers` names several units"
            )
        seen.add((each.event, each.to))
    return rules


def _one_of_each(letters: tuple[ApologyRule, ...]) -> tuple[ApologyRule, ...]:
    names = [each.letter for each in letters]
    if doubled := sorted({each for each in names if names.count(each) > 1}):
        raise ValueError(f"two letters of apology are named {doubled[0]}: leave one")
    return letters


Rules = Annotated[tuple[NoticeRule, ...], AfterValidator(_one_each)]


class NoticePolicy(Cited):
    """What a pack tells."""

    quiet_from: time
    quiet_until: time
    digest_over: Annotated[int, Field(ge=1)]
    """More notices than this to one unit within a minute become one letter."""
    notices: Annotated[Rules, Field(alias="notice", min_length=1)]
    apologies: Annotated[tuple[ApologyRule, ...], AfterValidator(_one_of_each), Field(alias="apology")] = ()

    @cached_property
    def by_event(self) -> Mapping[str, tuple[NoticeRule, ...]]:
        """What each event tells."""
        found: dict[str, tuple[NoticeRule, ...]] = {}
        for each in self.notices:
            found[each.event] = (*found.get(each.event, ()), each)
        return found

    def with_own(self, own: "PackNoticePolicy") -> "NoticePolicy":
        """Return it with a pack's own rules in the place of those for the same event and reader."""
        mine = {(each.event, each.to) for each in own.notices}
        kept = tuple(each for each in self.notices if (each.event, each.to) not in mine)
        given = own.model_dump(include={"quiet_from", "quiet_until", "digest_over"}, exclude_none=True)
        return self.model_copy(update={"notices": own.notices + kept, **given})


class PackNoticePolicy(PolicyPart):
    """A pack's own notices.toml: hours and rules that differ from those that all packs share."""

    quiet_from: time | None = None
    quiet_until: time | None = None
    digest_over: Annotated[int, Field(ge=1)] | None = None
    notices: Annotated[Rules, Field(alias="notice")] = ()
