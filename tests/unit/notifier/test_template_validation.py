"""Faults of letters are found by `duban policy check` and `apply`, not by customers."""

import re
import shutil
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from deploy.tools.checkout import PROJECT
from duban.commands import policy_change
from services.domain.policy import loading
from services.notifier.domain.letters import TemplateLibrary
from services.notifier.domain.notices import plan_notices
from services.notifier.domain.template_validation import LANGUAGES, problems, samples
from services.shared.runtime.errors import DubanError
from tests.builders import HOUR, PACK, PACKS, TicketScenario

POLICIES = PROJECT / "policies"
TEMPLATES = TemplateLibrary(POLICIES / "letters")


@pytest.mark.requirement("R5.7")
def test_every_letter_of_every_pack_can_be_rendered_whatever_an_event_lacks() -> None:
    for pack in PACKS.values():
        assert list(problems(TEMPLATES, pack)) == []


@pytest.mark.requirement("R5.7")
def test_every_rule_and_every_apology_has_a_sample() -> None:
    templates = {sample.template for sample in samples(PACK)}
    assert templates >= {rule.letter for rule in PACK.notices.notices}
    assert templates >= {rule.letter for rule in PACK.notices.apologies}
    assert {path.stem for path in (POLICIES / "letters" / "zh").glob("*.txt")} == templates


def folder_with(folder: Path, file: str, text: str) -> Path:
    """Return a folder whose only letter in both languages is a given one; its text in one language is replaced."""
    name = Path(file).name
    for language in LANGUAGES:
        (folder / language).mkdir()
        shutil.copyfile(POLICIES / "letters" / language / name, folder / language / name)
    (folder / file).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.requirement("R5.7")
@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("zh/warning.txt", "预警\n{{ name }}", "zh/warning.txt: there is no name, sent for warned, to units"),
        ("zh/acceptance.txt", "受理\n{{ reader }}", "zh/acceptance.txt: there is no reader, sent for accepted"),
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
            "an expression has no value: it would read None, sent for accepted without name",
        ),
        (
            "zh/acceptance.txt",
            "受理\n{{ promised_at | local }}",
            "there is no such time .* without promised_at, to customer",
        ),
        ("zh/answer.txt", "答复\n{{ result }}", "zh/answer.txt:2: .* sent for answered without result"),
        ("zh/supervision.txt", "督办\n{{ clock }}", "zh/supervision.txt:2: .* sent for supervised, to units"),
        ("zh/survey.txt", "评价\n{{ link }}", "zh/survey.txt:2: .* sent for called_back without link"),
        ("zh/hot_issue.txt", "热点\n{{ usual }}", "zh/hot_issue.txt:2: .* sent for hot_issue_opened without usual"),
        ("zh/digest.txt", "通知\n{{ clock }}", "zh/digest.txt:2: .* in a digest"),
        ("zh/apology_goods.txt", "致歉\n{{ facts.colour }}", "zh/apology_goods.txt:2: .*facts.goods"),
        ("zh/acceptance.txt", "受理\n{% if number == 'x' %}{{ numbre }}{% endif %}好", "there is no numbre"),
        ("zh/acceptance.txt", "{{ number }}", "zh/acceptance.txt: it has no text"),
        ("zh/acceptance.txt", "\n{{ number }}", "zh/acceptance.txt: it has no subject"),
        ("en/survey.txt", "Survey\n{{ number ", "en/survey.txt:2: unexpected end of template"),
    ],
)
def test_a_problem_names_file_line_reason_and_what_to_do(tmp_path: Path, file: str, text: str, message: str) -> None:
    found = problems(TemplateLibrary(folder_with(tmp_path, file, text)), PACK)
    (problem,) = (problem for problem in found if " is missing" not in problem)
    assert re.search(message, problem)


def test_a_missing_letter_is_reported_with_the_event_that_sends_it(tmp_path: Path) -> None:
    found = problems(TemplateLibrary(folder_with(tmp_path, "zh/answer.txt", "答复\n正文")), PACK)
    assert "letters/en/survey.txt is missing, sent for called_back" in " ".join(found)


def test_apply_refuses_a_letter_that_cannot_be_rendered(tmp_path: Path) -> None:
    shutil.copytree(POLICIES, tmp_path / "policies")
    (tmp_path / "policies" / "letters" / "zh" / "acceptance.txt").write_text("受理\n{{ text }}", encoding="utf-8")
    with pytest.raises(DubanError, match=r"letters/zh/acceptance\.txt:2"):
        policy_change.apply("carrier", tmp_path / "policies", yes=True, data=tmp_path)


def test_a_missing_language_is_reported(tmp_path: Path) -> None:
    shutil.copytree(POLICIES / "letters" / "zh", tmp_path / "zh")
    found = list(problems(TemplateLibrary(tmp_path), PACK))
    assert all(problem.startswith("letters/en/") and "is missing" in problem for problem in found)
    assert len(found) == len(list((tmp_path / "zh").glob("*.txt")))


OWN = """[[notice]]
event = "fed_back"
to = "customer"
letter = "progress"
means = ["sms"]
ours = "a test"
"""


def test_a_letter_of_a_pack_s_own_rule_is_validated_too() -> None:
    pack = loading.from_files("carrier", loading.read_files(POLICIES, "carrier") | {"notices.toml": OWN})
    (zh, en) = problems(TEMPLATES, pack)
    assert "zh/progress.txt:2: an expression has no value" in zh
    assert "sent for fed_back, to customer" in en


@pytest.mark.requirement("R4.9")
def test_a_warning_names_the_deadline_and_not_the_time_of_the_warning() -> None:
    scenario = TicketScenario.dispatched().advance(24 * HOUR).tick()
    warning = next(event for event in scenario.events if event.type == "warned")
    assert warning.threshold is not None
    deadline = scenario.timer(warning.threshold.clock).due_at.astimezone(ZoneInfo(PACK.header.zone))
    assert deadline > warning.at
    for notice in plan_notices(warning, PACK):
        letter = TEMPLATES.render(notice.template, "zh", notice.context)
        assert f"将于 {deadline:%Y-%m-%d %H:%M} 到期" in letter.body
