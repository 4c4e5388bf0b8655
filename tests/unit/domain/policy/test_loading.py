"""Loading of policy packs: an invalid file is reported with its name and key."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import FORM_VERSION

POLICIES = PROJECT / "policies"


def test_every_pack_loads() -> None:
    assert "carrier" in loading.load(POLICIES)


def copied(folder: Path) -> Path:
    """Return a folder with the carrier's pack and what packs share, but for the texts of letters."""
    for name in ("carrier", "calendars"):
        shutil.copytree(POLICIES / name, folder / name)
    (folder / "letters").mkdir()
    shutil.copyfile(POLICIES / "letters" / "notices.toml", folder / "letters" / "notices.toml")
    return folder


EARLIER = """name = "mobile first"
when = { group = ["mobile", "fixed", "value_added", "etc", "channel_service"] }
unit = "billing"
ours = "a test"

[[department]]
"""


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("carrier/limits.toml", 'value = "24h"', 'value = "24 hours"', "no length of time"),
        ("carrier/limits.toml", 'value = "24h"', 'valeu = "24h"', "valeu"),
        ("carrier/limits.toml", 'from = "002-1 §2.4.1', '# "', "exactly one of `from`"),
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
            "can never apply, because 'mobile first' before it always does",
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
            "notice answer, event: there is no 'answred': did you mean 'answered'",
        ),
        (
            "letters/notices.toml",
            'readers = ["holder"]',
            'readers = ["holdr"]',
            "letters/notices.toml: notice assistance_result, readers: there is no 'holdr': did you mean 'holder'",
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
def test_a_mistake_in_a_pack_is_reported_with_file_and_key(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    folder = copied(tmp_path)
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PolicyError, match=message):
        loading.load_one(folder, "carrier")


@pytest.mark.parametrize("key", ["starts_on", "stops_on", "restarts"])
def test_a_pack_in_the_form_of_before_is_refused_with_what_to_write(tmp_path: Path, key: str) -> None:
    folder = copied(tmp_path)
    limits = folder / "carrier" / "limits.toml"
    text = limits.read_text(encoding="utf-8")
    limits.write_text(text.replace("while =", f'{key} = ["accepted"]\nwhile =', 1), encoding="utf-8")
    with pytest.raises(PolicyError) as raised:
        loading.load_one(folder, "carrier")
    message = str(raised.value)
    assert message.startswith(f"{limits}: clock promise: {key}")
    assert "write `while`" in message
    assert "\n" not in message


UNKNOWN_KEYS = (
    ("pack.toml", "[calendar]", 'newer = 1\n[calendar]\nnewer = { a = "b" }'),
    ("limits.toml", "while =", "newer = true\nwhile ="),
    ("calendars/cn.toml", "[hours]", "[newer]\na = 1\n\n[hours]"),
    ("units.toml", "kind =", "newer = []\nkind ="),
    ("letters/notices.toml", "event =", "newer = 2\nevent ="),
)


@pytest.mark.parametrize(("file", "old", "new"), UNKNOWN_KEYS)
def test_a_key_of_a_newer_version_is_ignored_in_the_database_only(file: str, old: str, new: str) -> None:
    """Services read what a newer minor version has written, `policy check` refuses it by name (DECISIONS 39)."""
    files = loading.read_files(POLICIES, "bus")
    changed = files | {file: files[file].replace(old, new, 1)}
    assert changed != files
    pack = loading.from_version("bus", changed, FORM_VERSION)
    assert replace(pack, revision="") == replace(loading.from_version("bus", files, FORM_VERSION), revision="")
    with pytest.raises(PolicyError, match=f"{file}: .*newer: there is no such key: leave it out"):
        loading.from_files("bus", changed)


def test_a_mistake_in_a_version_of_the_database_is_still_refused() -> None:
    files = loading.read_files(POLICIES, "bus")
    wrong = files | {"limits.toml": files["limits.toml"].replace('calendar = "', 'calendar = "x', 1)}
    with pytest.raises(PolicyError, match="there is no 'x"):
        loading.from_version("bus", wrong, FORM_VERSION)


def test_a_version_of_a_newer_form_is_refused_by_its_pack_s_name() -> None:
    files = loading.read_files(POLICIES, "bus")
    with pytest.raises(PolicyError, match=f"^bus: .*form {FORM_VERSION + 1}"):
        loading.from_version("bus", files, FORM_VERSION + 1)


def test_a_folder_without_packs_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="DUBAN_POLICIES"):
        loading.load(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "carrier" / "outcome.toml").unlink()
    with pytest.raises(PolicyError, match=r"outcome\.toml is missing"):
        loading.load_one(folder, "carrier")
