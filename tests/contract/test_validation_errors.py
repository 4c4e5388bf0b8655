"""Everything that is wrong with a value is told at once, each with the path of its field."""

import pytest

from schemas import validation_errors
from schemas.contact import Contact
from schemas.validation_errors import FieldError
from tests.builders import contact


@pytest.mark.requirement("R2.5")
def test_every_fault_is_told_with_its_path() -> None:
    told = contact().to_plain() | {
        "received_at": "2026-03-12T09:00:00",
        "customer": {"phone": "12", "language": "fr", "colour": "red"},
        "evidence": [{"kind": "scan"}],
        "labels": "many",
        "shape": "round",
    }
    del told["channel"]
    found = {each.field for each in validation_errors.find_errors(Contact, told)}
    assert found == {
        "received_at",
        "customer.phone",
        "customer.language",
        "customer.colour",
        "evidence.0.reference",
        "labels",
        "shape",
        "channel",
    }


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert list(validation_errors.find_errors(Contact, contact().to_plain())) == []


def test_a_fault_says_what_to_do() -> None:
    told = contact().to_plain() | {"shape": "round"}
    assert FieldError("shape", "there is no such field: leave it out") in validation_errors.find_errors(Contact, told)
