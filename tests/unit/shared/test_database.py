"""Named statements of a queries.sql."""

import pytest

from services.shared.postgres.database import Queries


def test_every_statement_has_a_name_of_its_own() -> None:
    queries = Queries("-- name: one\nselect 1;\n\n-- name: two\n-- why\nselect 2;\n")
    assert (queries["one"], list(queries)) == ("select 1", ["one", "two"])
    with pytest.raises(ValueError, match="two statements"):
        Queries("-- name: one\nselect 1;\n-- name: one\nselect 2;\n")
