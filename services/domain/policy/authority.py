"""authority.toml: who may do what where a pack differs from the defaults (R2.7, R5.1, DECISIONS 34). Pure."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import Field, model_validator

from services.domain.policy.base import Cited, Code, EntryCode, Name, PolicyPart, UnitCode
from services.domain.policy.conditions import When
from services.domain.policy.references import Refers


class Party(StrEnum):
    """Who somebody is to a ticket; `services.domain.authority.judge` decides it, from the key and the ticket alone."""

    HOLDER = "holder"
    DISPATCHER = "dispatcher"
    ASSISTING = "assisting"
    REQUESTER = "requester"
    CENTRE = "centre"
    ACCEPTING = "accepting"
    ANSWERING = "answering"
    ABOVE = "above"
    INVOLVED = "involved"
    CALLBACK = "callback"
    WRITER = "writer"
    GRANTING = "granting"
    CUSTOMER = "customer"


PARTY_MEANINGS: Mapping[Party, str] = {
    Party.HOLDER: (
        "a person of the unit that holds the ticket; a supervising unit above it may act for it, which is recorded"
    ),
    Party.DISPATCHER: "the holder, where it is a centre, its remote unit or the owner of a business type",
    Party.ASSISTING: "a unit that was asked to assist",
    Party.REQUESTER: "the unit that asked for the assistance which the action names",
    Party.CENTRE: "the complaint centre in charge",
    Party.ACCEPTING: "the accepting channel: a unit of that kind, with a key for the channel that took the contact",
    Party.ANSWERING: (
        "a unit that answers customers, and holds the ticket, is its centre or is above them; the accepting channel "
        "until the ticket was dispatched (R5.1)"
    ),
    Party.ABOVE: "a unit above the holder or the centre: the next levels and supervisors",
    Party.INVOLVED: "a unit that has or had the ticket, assists with it, or is above one that does",
    Party.CALLBACK: "the callback role of the centre in charge",
    Party.WRITER: "a unit that writes this kind of entry, by the pack; where it names none, the holder and the centre",
    Party.GRANTING: "a person with a level of authority to compensate, in an involved unit (R3.6)",
    Party.CUSTOMER: "the customer, proved: by the link of a survey, or on an own channel",
}
"""What each party is, for people."""


class AuthorityOverride(Cited):
    """Who may take some actions, on tickets for which the conditions hold; it replaces the default."""

    actions: Annotated[tuple[Annotated[Code, Refers("action")], ...], Field(alias="action", min_length=1)]
    when: When = When()
    entries: tuple[EntryCode, ...] = ()
    """Kinds of entries, for the action `record`; empty: all."""
    who: tuple[Party, ...] = ()
    units: tuple[UnitCode, ...] = ()
    """Units that may as well, by code: a named approver."""
    persons: tuple[Annotated[Name, Refers("person")], ...] = ()
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
