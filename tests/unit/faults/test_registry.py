"""The list of faults."""

from tests.faults.delivery.registry import FAMILIES, FAULTS


def test_there_are_enough_faults_and_no_name_is_used_twice() -> None:
    assert len(FAULTS) == sum(len(family.FAULTS) for family in FAMILIES) >= 25
