"""Everything that is wrong with a document is found at once, each with the path of its field."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from schemas import validation_errors
from schemas.action import Claim, Close
from schemas.base import Model
from schemas.contact import Contact
from schemas.receipt import Receipt
from schemas.ticket import Status
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


class _Parcel(Model):
    """A model with choices in every place where they can stand."""

    state: Literal["open", "closed"] | None = None
    status: Status = Status.ACCEPTED
    marks: tuple[Literal["red", "green"], ...] = ()
    counts: dict[Literal["in", "out"], int] | None = None
    parts: tuple[Receipt, ...] = ()
    action: Close | Claim | None = None
    language: Annotated[str, Meta(pattern="^(zh|en)$")] = "zh"


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    ("document", "field", "choices"),
    [
        ({"state": "ajar"}, "state", "closed, open"),
        ({"state": 3}, "state", "closed, open"),
        ({"status": "gone"}, "status", ", ".join(sorted(Status))),
        ({"marks": ["red", "blue"]}, "marks.1", "green, red"),
        ({"counts": {"up": 1}}, "counts", "in, out"),
        ({"parts": [{"state": "lost"}]}, "parts.0.state", "delivered, failed"),
        ({"action": {"type": "shout"}}, "action.type", "claim, close"),
        ({"language": "fr"}, "language", "en, zh"),
    ],
)
def test_a_value_that_is_none_of_the_choices_is_answered_with_them(
    document: dict[str, object], field: str, choices: str
) -> None:
    expected = FieldError(field, f"choose one of {choices}")
    assert list(validation_errors.find_errors(_Parcel, document)) == [expected]
    with pytest.raises(msgspec.ValidationError) as raised:
        _Parcel.from_plain(document)
    assert validation_errors.to_field_error(raised.value, _Parcel) == expected
