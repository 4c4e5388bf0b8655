"""Tests of the problem documents that doors answer with."""

import pytest

from services.intake import problems
from services.shared.kafka.records import Outgoing
from services.shared.kafka.rejected_records import RejectedRecord


@pytest.mark.requirement("R2.5")
def test_a_record_that_is_too_large_has_its_size_the_limit_and_advice() -> None:
    record = Outgoing("contacts", b"k", bytes(800_000), [])
    problem = problems.unpublishable(RejectedRecord(record, "too_large", "contacts: the record is too large"))
    assert problem.status == 413
    assert problem.detail == (
        "it becomes a record of 800000 bytes, and topic contacts takes at most 786432: "
        "shorten the text, send attachments by reference"
    )
