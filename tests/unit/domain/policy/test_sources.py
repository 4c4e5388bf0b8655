"""What a pack cites stands in the customer's documents, and it says what for (R8.1)."""

import ast
import tomllib
from pathlib import Path

import pytest

from deploy.tools.checkout import PROJECT
from duban import policy_checks
from services.domain.policy import loading, sources, validation
from services.domain.policy.base import Cited, PolicyError
from services.domain.policy.notices import NoticeRule
from services.domain.policy.sources import CITED, Documents
from services.domain.policy.types import ProblemType
from tests.builders import PACK, PACKS

POLICIES = PROJECT / "policies"
DOCUMENTS = Documents.of(tomllib.loads((POLICIES / "sources.toml").read_text(encoding="utf-8")))


@pytest.mark.requirement("R8.1")
@pytest.mark.parametrize("name", sorted(PACKS))
def test_every_pack_cites_only_what_there_is(name: str) -> None:
    parts = [*validation.parts(PACKS[name]), validation.Part("notices.toml", PACKS[name].notices)]
    assert [problem for part in parts for problem in sources.untrue(part, DOCUMENTS)] == []


@pytest.mark.requirement("R8.1")
@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("002-1 §2.4.1: never longer than a day", ""),
        ("002-1 §2.4.1, §2.4.2; 003 §三: two documents", ""),
        ("001 商业银行的客户投诉管理 二.2: grades", ""),
        ("002-1 §2.4.1", "002-1 §2.4.1 is cited for nothing: write 002-1 §2.4.1: and what it says there"),
        ("002-1 §2.4.11: a limit", "002-1 has no section '§2.4.11': did you mean '§2.4.1'?"),
        ("002-1 §2.4.1, §9.9: a limit", "002-1 has no section '§9.9'"),
        ("002-9 §2.4.1: a limit", "there is no document '002-9': did you mean '002-5'?"),
        ("a letter: a limit", "there is no document 'a'"),
        ("003 §三; 004 §三: two documents", "004 has no section '§三'"),
        ("003 §三: as 002-1 §2.5.9 says", "002-1 has no section '§2.5.9'"),
    ],
)
def test_a_source_names_a_section_and_what_it_is_cited_for(source: str, message: str) -> None:
    found = list(sources.problems(Cited(from_=source), DOCUMENTS))
    assert bool(found) == bool(message)
    assert all(message in each for each in found), found


def test_a_reason_of_ours_cites_only_what_there_is_either() -> None:
    true = Cited(ours="002-1 §2.4.7 gives 90 %, 002-2 第四条2 and 002-3 五.5 are silent")
    assert list(sources.problems(true, DOCUMENTS)) == []
    for wrong in ("002-1 §2.9.7 says it", "002-2 第九条 is silent", "002-3 五.9 names it"):
        assert len(list(sources.problems(Cited(ours=wrong), DOCUMENTS))) == 1, wrong


def test_a_source_says_whose_the_words_are() -> None:
    """The word 微博 is ours and was printed with a section that does not have it."""
    names = {"zh": "乙", "en": "b"}
    known = ProblemType.model_validate({"code": "a", "groups": ["b"], "title": names, "from": "003 §三: names it"})
    assert list(sources.problems(known, DOCUMENTS)) == []
    (found,) = sources.problems(known.model_copy(update={"words": ("微博",)}), DOCUMENTS)
    assert "say whether the words by which it is known are the document's or ours" in found


def notice(event: str, to: str) -> NoticeRule:
    return next(rule for rule in PACK.notices.notices if (rule.event, rule.to) == (event, to))


@pytest.mark.parametrize(
    ("event", "to", "section"),
    [
        ("accepted", "customer", "002-1 §2.4.3: "),
        ("progress_replied", "customer", "002-1 §2.1.5, §2.4.8: "),
        ("dispatched", "units", "002-1 §2.4.4: "),
        ("warned", "units", "002-1 §2.4.7: "),
        ("breached", "units", "002-1 §2.1.7: "),
        ("supervised", "units", "002-1 §1.2.1①: "),
        ("reported", "units", "002-1 §1.2.3②: "),
        ("reminded", "units", "ours: "),
    ],
)
def test_notices_cite_the_section_that_wants_them(event: str, to: str, section: str) -> None:
    assert notice(event, to).source.startswith(section)


def test_rules_cite_the_section_that_wants_them() -> None:
    by_name = {rule.name: rule.source for rule in PACK.routing.departments}
    by_name |= {rule.name: rule.source for rule in PACK.routing.signals}
    assert by_name["interconnection has its own rule"].startswith("002-1 §2.4.4: ")
    assert by_name["harm to the company's name"].startswith("002-1 §2.2.1, §4.2.4: "), "§4.2.3 is about importance"


def texts_of(path: Path) -> list[str]:
    """Return the texts in a module, but for what its docstrings say."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    constants = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return [node.value for node in constants if isinstance(node.value, str)]


@pytest.mark.parametrize("service", ["ledger", "callback", "router", "notifier", "hot_issues"])
def test_what_decides_for_every_pack_cites_no_document_of_one(service: str) -> None:
    """A ticket of a logistics company was answered by a section of the carrier's document."""
    found = {
        (path.name, text)
        for path in (PROJECT / "services" / service).rglob("*.py")
        for text in texts_of(path)
        if any(match["section"] for match in CITED.finditer(text)) and any(code in text for code in DOCUMENTS.sections)
    }
    assert found == set()


def test_a_folder_without_its_documents_is_refused(tmp_path: Path) -> None:
    for folder in ("carrier", "calendars", "letters"):
        (tmp_path / folder).symlink_to(POLICIES / folder)
    pack = loading.load_one(tmp_path, "carrier")
    with pytest.raises(PolicyError, match=r"sources\.toml is missing: list the documents that `from` cites"):
        list(policy_checks.problems([pack], tmp_path))
    (tmp_path / "sources.toml").write_text('["002-1]', encoding="utf-8")
    with pytest.raises(PolicyError, match=r"sources\.toml: "):
        list(policy_checks.problems([pack], tmp_path))
