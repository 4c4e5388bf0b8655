"""Everything that is wrong with a document is found at once, each with the path of its field."""

import pytest

from schemas import validation_errors
from schemas.contact import Contact
from schemas.validation_errors import FieldError
from tests.builders import contact


@pytest.mark.requirement("R2.5")
def test_every_error_is_found_with_its_path() -> None:
    document = contact().to_plain() | {
        "received_at": "2026-03-12T09:00:00",
        "customer": {"phone": "12", "language": "fr", "colour": "red"},
        "evidence": [{"kind": "scan"}],
        "labels": "many",
        "shape": "round",
    }
    del document["channel"]
    found = {error.field for error in validation_errors.find_errors(Contact, document)}
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


def test_a_valid_document_has_no_errors() -> None:
    assert list(validation_errors.find_errors(Contact, contact().to_plain())) == []


def test_an_error_says_what_to_do() -> None:
    document = contact().to_plain() | {"shape": "round"}
    assert FieldError("shape", "there is no such field: leave it out") in validation_errors.find_errors(
        Contact, document
    )
