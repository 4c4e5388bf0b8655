"""Policy packs are data: complete, marked with their sources, and checked with file and key."""

import shutil
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from duban.policy_values import cited_values
from services.domain.policy import loading, validation
from services.domain.policy.limits import LimitRule
from services.domain.policy.loading import PolicyError
from tests.builders import PACK

POLICIES = PROJECT / "policies"


def test_every_pack_loads() -> None:
    assert "carrier" in loading.load(POLICIES)


def longest(row: LimitRule) -> timedelta:
    limit = row.value or row.upper
    assert limit is not None
    return limit.length


@pytest.mark.requirement("R4.2", "R8.1")
def test_the_stages_of_the_carrier_fit_into_its_promise() -> None:
    """The stages' limits add up to no more than the promise (DECISIONS 1)."""
    limits = {rule.name: rule for rule in PACK.limits.clocks}
    stages = sum((longest(limits[name].limits[0]) for name in ("form", "review", "answer")), timedelta(0))
    for tier, promise in (("provincial", timedelta(hours=48)), ("national", timedelta(hours=72))):
        for row in limits["handling"].limits:
            if not row.when.tier or tier in row.when.tier:
                national = "national" in row.name
                if national == (tier == "national"):
                    assert stages + longest(row) <= promise, row.name


@pytest.mark.requirement("R7.5")
def test_units_have_a_next_level_up_to_headquarters() -> None:
    for unit in PACK.units.values():
        seen = {unit.code}
        level = unit
        while level.parent is not None:
            level = PACK.units[level.parent]
            assert level.code not in seen
            seen.add(level.code)
        assert level.code == "hq_service"


def copied(folder: Path) -> Path:
    return Path(shutil.copytree(POLICIES, folder / "policies"))


EARLIER = """name = "mobile first"
when = { group = ["mobile", "fixed", "value_added", "etc", "channel_service"] }
unit = "billing"
ours = "a test"

[[department]]
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("carrier/limits.toml", 'value = "24h"', 'value = "24 hours"', "no length of time"),
        ("carrier/limits.toml", 'value = "24h"', 'valeu = "24h"', "valeu"),
        ("carrier/limits.toml", 'from = "002-1 §2.4.1"', "", "exactly one of `from`"),
        ("carrier/routing.toml", 'unit = "billing"', 'unit = "biling"', "there is no 'biling'"),
        ("carrier/units.toml", 'parent = "hq_service"', 'parent = "moon"', "there is no 'moon'"),
        ("carrier/limits.toml", 'calendar = "elapsed"', 'calendar = "lunar"', "there is no 'lunar'"),
        ("carrier/pack.toml", 'name = "carrier"', 'name = "other"', "but the folder is carrier"),
        (
            "carrier/limits.toml",
            'name = "general"\nwhen = { tier = ["general"] }',
            'name = "general"\nwhen = { tier = ["national"] }',
            "clock promise has no limit for some tickets",
        ),
        (
            "carrier/routing.toml",
            'name = "type precise: charging"\nwhen = {',
            EARLIER + 'name = "type precise: charging"\nwhen = {',
            "can never decide, 'mobile first' before it always does",
        ),
        ("carrier/types.toml", 'groups = ["mobile", "value_added"]', 'groups = ["mobil"]', "there is no 'mobil'"),
        ("calendars/cn.toml", "[hours]", "[hours", "cn.toml"),
        (
            "calendars/cn.toml",
            "[counting]",
            "[counting]\nroll = true",
            r"cn\.toml: counting: .*write \[calendar\] roll = true or false in pack\.toml",
        ),
        ("carrier/pack.toml", "[calendar]", "[calender]", r"\[calendar\] is missing: write roll = true where"),
        (
            "carrier/limits.toml",
            'value = "7d"',
            'value = "7wd"',
            r"clock callback counts working days \(7wd\) by elapsed, which has none: name a working calendar",
        ),
        (
            "letters/notices.toml",
            'event = "answered"',
            'event = "answred"',
            "event of the letter answer: there is no 'answred': did you mean 'answered'",
        ),
        (
            "letters/notices.toml",
            'readers = ["centre"]',
            'readers = ["center"]',
            "letters/notices.toml: readers of extension_requested: there is no 'center': did you mean 'centre'",
        ),
        (
            "letters/notices.toml",
            'event = "called_back"',
            'event = "answered"',
            r"notices\.toml: notice: .*two rules notify customer of answered",
        ),
        (
            "letters/notices.toml",
            'event = "answered"\nto = "customer"',
            'event = "hot_issue_opened"\nto = "customer"',
            "none of whom is notified",
        ),
        (
            "letters/notices.toml",
            'letter = "apology_goods"',
            'letter = "apology_service"',
            "two letters of apology are named apology_service",
        ),
    ],
)
def test_a_mistake_in_a_pack_is_told_with_file_and_key(
    tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    folder = copied(tmp_path)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyError, match=told):
        loading.load(folder)


def test_a_folder_without_packs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="DUBAN_POLICIES"):
        loading.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "carrier" / "outcome.toml").unlink()
    with pytest.raises(PolicyError, match=r"outcome\.toml is missing"):
        loading.load(folder)


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


@pytest.mark.requirement("R8.1")
def test_every_value_of_a_pack_can_be_printed_with_where_it_is_from() -> None:
    told = list(cited_values(PACK))
    assert all(value and source for _, value, source in told)
    written = "\n".join(f"{where}: {value} [{source}]" for where, value, source in told)
    assert "limits / clocks / promise / limits / general: when {tier: general}, value 24h [002-1 §2.4.1]" in written
    assert "DECISIONS 19" in written
