"""In whose sum of the month a compensation counts (R3.6)."""

from dataclasses import replace
from uuid import UUID

import pytest

from schemas.action import Compensate
from schemas.command import Actor, Command
from services.domain.authority.granted_sums import grantors_of, possible_grantors
from services.domain.policy.units import NamedPerson
from tests.builders import CENTRE, MORNING, PACK

NAMED = replace(PACK, persons={"wang": NamedPerson(name="wang", units=(CENTRE,), ours="a test")})


def command(name: str, key: str | None) -> Command:
    actor = Actor(kind="agent", name=name, unit=CENTRE, key=key)
    action = Compensate(amount="1", covers="service_use", text="x")
    return Command(id=UUID(int=1), ticket_id=UUID(int=2), at=MORNING, actor=actor, action=action)


@pytest.mark.requirement("R3.6")
@pytest.mark.parametrize(
    ("name", "key", "counted"),
    [
        ("wang", "crm", {("person", "wang")}),
        ("li", "crm", {("person", "li"), ("key", "crm")}),
        # A person and a key of one name are two.
        ("crm", "crm", {("person", "crm"), ("key", "crm")}),
        ("li", None, {("person", "li")}),
    ],
)
def test_who_is_named_by_the_pack_counts_alone_and_everybody_else_by_the_key_too(
    name: str, key: str | None, counted: set[tuple[str, str]]
) -> None:
    given = command(name, key)
    assert set(grantors_of(given, NAMED)) == counted
    assert set(grantors_of(given, NAMED)) <= set(possible_grantors(given))
