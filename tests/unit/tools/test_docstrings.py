"""Texts below fields and constants are found in the source."""

from deploy.tools.reference import docstrings
from tests.unit.tools import documented


def test_fields_have_the_text_below_them() -> None:
    assert docstrings.of_fields(documented.Example) == {"first": "The first.", "third": "Over\ntwo lines."}


def test_constants_have_the_text_below_them() -> None:
    assert docstrings.of_constants(documented) == {"LIMIT": "How many."}
