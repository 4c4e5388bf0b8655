"""The form of policy texts: which keys the files have, and what they mean (docs/versions.md). Pure.

The texts of a version stay in the database as they were written, with the number of their form. A change that today's
texts would not survive (a key that goes, or means something else) makes a new form, and a step that leads to it from
the form before. A new optional key needs none: earlier versions ignore it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from services.domain.policy.base import PolicyError

FORM_VERSION = 1
"""The form that this version of Duban writes."""

Documents = Mapping[str, Mapping[str, Any]]
"""The parsed files of a pack, by name."""

STEPS: Mapping[int, Callable[[Documents], Documents]] = {}
"""What turns texts of a form into those of the next, by the form that it starts from."""


def upgrade(
    documents: Documents,
    form_version: int,
    *,
    steps: Mapping[int, Callable[[Documents], Documents]] = STEPS,
    present: int = FORM_VERSION,
) -> Documents:
    """Return the files of a pack in today's form.

    Args:
        documents: the files as they were written.
        form_version: the form in which they were written.
        steps: what turns a form into the next.
        present: today's form.

    Raises:
        PolicyError: this version of Duban does not know the form, or does not read it any more.

    """
    if form_version > present:
        raise PolicyError(
            f"it is written in form {form_version}, and this version of Duban reads up to form {present}: "
            "upgrade Duban here as well"
        )
    for number in range(form_version, present):
        if number not in steps:
            raise PolicyError(
                f"it is written in form {form_version}, which this version of Duban does not read any more: write the "
                "pack's files in today's form and put them in force with `duban policy apply`"
            )
        documents = steps[number](documents)
    return documents
