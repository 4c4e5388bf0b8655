"""What a customer would find in a letter, `duban policy check` and `apply` find first."""

import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deploy.tools.checkout import PROJECT
from duban.commands import policy_change
from services.domain.policy import loading
from services.notifier.domain.letters import TemplateLibrary
from services.notifier.domain.notices import notices
from services.notifier.domain.template_validation import LANGUAGES, problems, proofs
from services.shared.runtime.errors import DubanError
from tests.builders import HOUR, PACK, TicketScenario

POLICIES = PROJECT / "policies"
LETTERS = TemplateLibrary(POLICIES / "letters")


@pytest.mark.requirement("R5.7")
def test_every_letter_of_every_pack_can_be_written_whatever_an_event_leaves_out() -> None:
    for pack in loading.load(POLICIES).values():
        assert list(problems(LETTERS, pack)) == []


@pytest.mark.requirement("R5.7")
def test_every_rule_and_every_apology_has_a_proof() -> None:
    told = {each.template for each in proofs(PACK)}
    assert told >= {each.letter for each in PACK.notices.notices} | {each.letter for each in PACK.notices.apologies}
    assert {path.stem for path in (POLICIES / "letters" / "zh").glob("*.txt")} == told


def copied(folder: Path) -> Path:
    for language in LANGUAGES:
        shutil.copytree(POLICIES / "letters" / language, folder / language)
    return folder


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("zh/warning.txt", "预警\n{{ name }}", "zh/warning.txt: nobody gives it name, told of warned, to units"),
        ("zh/acceptance.txt", "受理\n{{ reader }}", "zh/acceptance.txt: nobody gives it reader, told of accepted"),
        ("en/acceptance.txt", "Yours\n{{ number + 1 }}", "en/acceptance.txt:2: TypeError"),
        ("en/acceptance.txt", "Yours\n\n{{ number | local }}", "en/acceptance.txt:3: ValueError: Invalid isoformat"),
        ("zh/acceptance.txt", "受理\n{{ number.foo }}", "zh/acceptance.txt:2: 'str object' has no attribute 'foo'"),
        ("zh/acceptance.txt", "受理\n{{ facts['x'] }}", "zh/acceptance.txt:2: 'dict object' has no attribute 'x'"),
        ("zh/acceptance.txt", "受理\n{% include 'foot.txt' %}", "zh/acceptance.txt:2: there is no foot.txt to include"),
        (
            "zh/acceptance.txt",
            "受理\n{{ text }}",
            "zh/acceptance.txt:2: an expression has no value: it would read None",
        ),
        ("zh/acceptance.txt", "受理\n{{ '%s' | format(text) }}", "zh/acceptance.txt: it reads None"),
        (
            "zh/acceptance.txt",
            "受理\n{{ name }}",
            "an expression has no value: it would read None, told of accepted without name",
        ),
        (
            "zh/acceptance.txt",
            "受理\n{{ promised_at | local }}",
            "there is no such time .* without promised_at, to customer",
        ),
        ("zh/answer.txt", "答复\n{{ result }}", "zh/answer.txt:2: .* told of answered without result"),
        ("zh/supervision.txt", "督办\n{{ clock }}", "zh/supervision.txt:2: .* told of supervised, to units"),
        ("zh/survey.txt", "评价\n{{ link }}", "zh/survey.txt:2: .* told of called_back without link"),
        ("zh/hot_issue.txt", "热点\n{{ usual }}", "zh/hot_issue.txt:2: .* told of hot_issue_opened without usual"),
        ("zh/digest.txt", "通知\n{{ clock }}", "zh/digest.txt:2: .* in one letter with others"),
        ("zh/apology_goods.txt", "致歉\n{{ facts.colour }}", "zh/apology_goods.txt:2: .*facts.goods"),
        ("zh/acceptance.txt", "受理\n{% if number == 'x' %}{{ numbre }}{% endif %}好", "nobody gives it numbre"),
        ("zh/acceptance.txt", "{{ number }}", "zh/acceptance.txt: it has no text"),
        ("zh/acceptance.txt", "\n{{ number }}", "zh/acceptance.txt: it has no subject"),
        ("en/survey.txt", "Survey\n{{ number ", "en/survey.txt:2: unexpected end of template"),
        ("en/survey.txt", None, "en/survey.txt is missing, told of called_back"),
    ],
)
def test_what_is_wrong_is_told_with_file_place_reason_and_what_to_do(
    tmp_path: Path, file: str, text: str | None, told: str
) -> None:
    folder = copied(tmp_path)
    if text is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(text, encoding="utf-8")
    (found,) = problems(TemplateLibrary(folder), PACK)
    assert re.search(told, found)


def test_apply_refuses_a_letter_that_cannot_be_written(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    (tmp_path / "policies" / "letters" / "zh" / "acceptance.txt").write_text("受理\n{{ text }}", encoding="utf-8")
    with pytest.raises(DubanError, match=r"letters/zh/acceptance\.txt:2"):
        policy_change.apply("carrier", tmp_path / "policies", yes=True, data=tmp_path)


def test_a_language_that_is_not_there_is_missed(tmp_path: Path) -> None:
    shutil.copytree(POLICIES / "letters" / "zh", tmp_path / "zh")
    found = list(problems(TemplateLibrary(tmp_path), PACK))
    assert all(each.startswith("letters/en/") and "is missing" in each for each in found)
    assert len(found) == len(list((tmp_path / "zh").glob("*.txt")))


OWN = """[[notice]]
event = "fed_back"
to = "customer"
letter = "progress"
means = ["sms"]
ours = "a test"
"""


def test_a_letter_of_a_pack_s_own_rule_is_read_too() -> None:
    pack = loading.from_files("carrier", loading.read_files(POLICIES, "carrier") | {"notices.toml": OWN})
    (zh, en) = problems(LETTERS, pack)
    assert "zh/progress.txt:2: an expression has no value" in zh
    assert "told of fed_back, to customer" in en


@pytest.mark.requirement("R4.9")
def test_a_warning_names_the_deadline_and_not_the_time_of_the_warning() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warning = next(each for each in scenario.events if each.type == "warned")
    assert warning.threshold is not None
    deadline = scenario.timer(warning.threshold.clock).due_at.astimezone(ZoneInfo(PACK.header.zone))
    assert deadline > warning.at
    for notice in notices(warning, PACK):
        letter = LETTERS.write(notice.template, "zh", notice.context)
        assert f"将于 {deadline:%Y-%m-%d %H:%M} 到期" in letter.body
