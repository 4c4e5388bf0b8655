"""authority.toml: who may do what where a pack differs from the defaults (R2.7, R5.1, DECISIONS 34). Pure."""

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.domain.policy.base import Cited, Code, Name, PolicyPart
from services.domain.policy.conditions import When


class Party(StrEnum):
    """Who somebody is to a ticket; `services.domain.authority.judge` decides it, from the key and the ticket alone."""

    HOLDER = "holder"
    """A person of the unit that holds the ticket; a supervising unit above it may act for it, which is recorded."""
    DISPATCHER = "dispatcher"
    """The holder, where it is a centre, its remote unit or the owner of a business type: units that dispatch."""
    ASSISTING = "assisting"
    """A unit that was asked to assist."""
    CENTRE = "centre"
    """The complaint centre in charge."""
    ACCEPTING = "accepting"
    """The accepting channel: a unit of that kind, with a key for the channel that took the contact."""
    ANSWERING = "answering"
    """A unit that answers customers and has the ticket to answer: the holder, the centre, whoever is above them, and
    the accepting channel until the ticket was dispatched (R5.1)."""
    ABOVE = "above"
    """A unit above the holder or the centre: the next levels and supervisors."""
    INVOLVED = "involved"
    """A unit that has or had the ticket, assists with it, or is above one that does."""
    CALLBACK = "callback"
    """The callback role of the centre in charge."""
    WRITER = "writer"
    """A unit that writes this kind of entry, by the pack; where it names none, the holder and the centre."""
    GRANTING = "granting"
    """A person with a level of authority to compensate, in an involved unit (R3.6)."""
    CUSTOMER = "customer"
    """The customer, proved: by the link of a survey, or on an own channel."""


class AuthorityOverride(Cited):
    """Who may take some actions, on tickets for which the conditions hold; it replaces the default."""

    actions: Annotated[tuple[Code, ...], Field(alias="action", min_length=1)]
    when: When = When()
    who: tuple[Party, ...] = ()
    units: tuple[Code, ...] = ()
    """Units that may as well, by code: a named approver."""
    persons: tuple[Name, ...] = ()
    """Persons that may as well, by name."""

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if not (self.who or self.units or self.persons):
            raise ValueError("it names nobody who may: write who, units or persons")
        return self


class AuthorityPolicy(PolicyPart):
    """The content of authority.toml; a pack without it goes by the defaults."""

    rules: Annotated[tuple[AuthorityOverride, ...], Field(alias="rule")] = ()

    @cached_property
    def by_action(self) -> dict[str, tuple[AuthorityOverride, ...]]:
        """The rules by the action that they are about, in their order: the first that holds counts."""
        found: dict[str, tuple[AuthorityOverride, ...]] = {}
        for rule in self.rules:
            for action in rule.actions:
                found[action] = (*found.get(action, ()), rule)
        return found
