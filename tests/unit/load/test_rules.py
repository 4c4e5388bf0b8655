"""The benchmark of the rules runs, and its pydantic twins read the messages that the rules read."""

import json

import pytest

from schemas.command import Command
from schemas.contact import Contact
from tests.builders import contact
from tests.load import rules


@pytest.fixture(autouse=True)
def one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure each call once."""
    monkeypatch.setattr(rules, "REPEATS", 1)
    monkeypatch.setattr(rules, "ROUNDS", 1)


def test_every_cost_is_printed_as_json_for_bench_against(capsys: pytest.CaptureFixture[str]) -> None:
    rules.main(["--json"])
    costs = json.loads(capsys.readouterr().out)
    assert [cost["name"].partition(",")[0] for cost in costs] == ["decide + evolve", "decide + evolve", "route"]
    assert all(cost["rule"] > 0 and cost["parsing"] > 0 and cost["messages"] > 0 for cost in costs)


def test_a_twin_reads_what_its_model_writes_and_refuses_unknown_fields() -> None:
    twin = rules.pydantic_twin(Contact)
    assert twin.model_validate(contact().to_plain()).model_dump()["message_id"] == "m1"
    with pytest.raises(ValueError, match="colour"):
        twin.model_validate(contact().to_plain() | {"colour": "red"})
    assert set(rules.pydantic_twin(Command).model_fields) >= {"id", "ticket_id", "at", "actor", "action"}
