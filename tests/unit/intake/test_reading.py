"""Tests of who reads, and how much of a person each of them sees."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest

from services.domain.policy.outcome import CALL_LEASE
from services.domain.policy.units import NamedPerson
from services.intake.reading import Reader, ReadingClaim, declare
from services.intake.senders import Sender
from services.shared.runtime.errors import Problem
from tests.builders import CENTRE, MORNING, PACKS, TicketScenario

pytestmark = pytest.mark.requirement("R5.3", "R5.6")

CALLER = Sender("callers", ("carrier",), (), ("read", "commands"), (CENTRE,), ("callback",))
CALL = {
    "number": "TS20260312000001",
    "pack": "carrier",
    "name": "李女士",
    "phone": "+8613800000101",
    "subject": "李女士说慢",
}


def reader(sender: Sender, person: str | None = "li", *, packs: Mapping[str, Any] = PACKS, **changes: Any) -> Reader:
    return Reader(replace(sender, **changes), ReadingClaim(person, None), packs, MORNING)


def being_called(by: str) -> dict[str, Any]:
    """Return the document of a ticket whose customer somebody is calling."""
    body: dict[str, Any] = json.loads(TicketScenario.opened().current.to_json())
    return body | {"calling": by, "calling_since": MORNING.isoformat()}


def test_a_key_masks_whatever_it_does_not_show() -> None:
    body = being_called("somebody else")
    masked = reader(CALLER, roles=()).present(body)
    assert (masked.body["customer"]["phone"], masked.fields) == ("****0101", "masked")
    shown = reader(CALLER, roles=(), actions=("read", "personal")).present(body)
    assert (shown.body, shown.fields) == (body, "personal")


def test_whoever_calls_a_customer_sees_the_phone_while_the_call_is_theirs() -> None:
    body = being_called("li")
    shown = reader(CALLER).present(body)
    assert (shown.body["customer"]["phone"], shown.fields) == ("+8613800000101", "personal")
    later = replace(reader(CALLER), now=MORNING + CALL_LEASE + timedelta(seconds=1))
    for other in (reader(CALLER, "wang"), reader(CALLER, None), reader(CALLER, roles=()), later):
        presented = other.present(body)
        assert (presented.body["customer"]["phone"], presented.fields) == ("****0101", "masked")
    assert reader(CALLER, None).present(being_called("li") | {"calling": None}).fields == "masked"


def test_the_pack_says_as_well_who_calls_customers() -> None:
    pack = replace(
        PACKS["carrier"], persons={"li": NamedPerson(name="li", units=(CENTRE,), roles=("callback",), ours="test")}
    )
    shown = reader(CALLER, roles=(), packs={"carrier": pack}).present(being_called("li"))
    assert shown.fields == "personal"


def test_a_call_that_is_due_shows_its_phone_to_whoever_has_taken_it() -> None:
    listed = reader(CALLER).present_call(CALL)
    assert (listed.body["phone"], listed.body["name"], listed.body["subject"]) == ("****0101", "李**", "李**说慢")
    taken = reader(CALLER).present_call(CALL, taken=True)
    assert (taken.body["phone"], taken.body["name"], taken.fields) == ("+8613800000101", "李女士", "personal")
    assert taken.body.keys() == CALL.keys()
    assert reader(CALLER, roles=()).present_call(CALL, taken=True).fields == "masked"


def test_a_record_holds_who_what_and_why_but_nothing_of_the_person() -> None:
    who = replace(reader(CALLER), claim=ReadingClaim("li", "customer asks"))
    body = being_called("wang")
    record = who.record("ticket", "number", [who.present(body)])
    assert (record.key, record.person, record.tickets, record.fields) == ("callers", "li", (body["number"],), "masked")
    assert "138" not in str(record)


@pytest.mark.parametrize(
    ("header", "parameter", "person"),
    [
        (quote("李明"), None, "李明"),
        ("李明".encode().decode("latin-1"), None, "李明"),
        ("li", "wang", "li"),
        (None, " 王 ", "王"),
        (None, None, None),
        ("", "", None),
        ("Andr%C3%A9", None, "André"),
    ],
)
def test_a_person_is_named_by_header_or_parameter(
    header: str | None, parameter: str | None, person: str | None
) -> None:
    assert declare(header, parameter, "  ") == ReadingClaim(person, None)


@pytest.mark.parametrize("header", ["a%00", "a%0Ab", "a" * 201])
def test_what_is_no_name_is_refused(header: str) -> None:
    with pytest.raises(Problem) as raised:
        declare(header, None, None)
    assert raised.value.status == 400
