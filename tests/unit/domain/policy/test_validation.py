"""Warnings about policy packs that are valid but probably a mistake."""

from dataclasses import replace
from datetime import date

from services.domain.policy import validation
from tests.builders import PACK


def test_what_is_probably_not_meant_is_a_warning() -> None:
    assert validation.find_warnings(PACK, date(2026, 10, 14)) == []
    fewer = tuple(each for each in PACK.routing.departments if each.unit != "interconnection")
    alone = replace(PACK, routing=PACK.routing.model_copy(update={"departments": fewer}))
    assert validation.find_warnings(alone, date(2026, 10, 14)) == [
        "units.toml: no rule of routing.toml sends anything to 'interconnection'"
    ]


def test_missing_holidays_of_the_next_year_are_a_warning_from_15_october_on() -> None:
    (warning,) = validation.find_warnings(PACK, date(2026, 10, 15))
    assert "calendars/cn.toml: the holidays of 2027 are missing" in warning
    assert validation.find_warnings(PACK, date(2026, 12, 31)) == [warning]
    assert [each[:50] for each in validation.find_warnings(PACK, date(2027, 1, 1))] == [warning[:50]]
    assert len(validation.find_warnings(PACK, date(2027, 10, 15))) == 2


def test_a_calendar_of_a_single_limit_or_of_the_callback_is_looked_at_too() -> None:
    elapsed = [each.model_copy(update={"calendar": "elapsed"}) for each in PACK.limits.clocks]
    callback = PACK.outcome.callback.model_copy(update={"holidays": None})
    nowhere = replace(
        PACK,
        limits=PACK.limits.model_copy(update={"clocks": tuple(elapsed)}),
        outcome=PACK.outcome.model_copy(update={"callback": callback}),
    )
    assert validation.find_warnings(nowhere, date(2026, 12, 1)) == []
    (row, *rows) = elapsed[0].limits
    limit = elapsed[0].model_copy(update={"limits": (row.model_copy(update={"calendar": "cn"}), *rows)})
    single = replace(nowhere, limits=nowhere.limits.model_copy(update={"clocks": (limit, *elapsed[1:])}))
    for pack in (single, replace(nowhere, outcome=PACK.outcome)):
        (warning,) = validation.find_warnings(pack, date(2026, 12, 1))
        assert "the holidays of 2027 are missing" in warning
