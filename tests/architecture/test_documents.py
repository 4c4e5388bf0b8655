"""Documents are true: paths, commands, targets, settings and names that they mention exist, and lines are readable."""

import ast
import re
import shlex
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any

import pytest
import typer

from deploy.local.plan import SERVICES
from deploy.tools.checkout import PROJECT
from deploy.tools.reference import settings_page
from duban.application import application
from duban.commands import explain
from schemas.command import MODELS
from schemas.ticket import Status
from services.domain.events import EVENTS
from services.domain.policy import loading
from services.shared.kafka import topics
from tests.architecture import documents
from tests.architecture.source_tree import text_of, tracked, tree_of

LONGEST_LINE = 110
"""Columns of a line of prose."""
DECISION_WORDS = 150
SETTING = re.compile(r"\bDUBAN_(?!TUNE_)[A-Z0-9_]*[A-Z0-9]\b")
EXAMPLE = "DUBAN_X"
"""A setting in a message that speaks of settings in general."""
_PLACEHOLDER = re.compile(r"[<>*{}\[\]]|\.\.\.|…")


def pages() -> tuple[str, ...]:
    return tracked("*.md")


def prose_pages() -> list[str]:
    """Return the documents that people write: the generated ones have no examples to check."""
    return [name for name in pages() if not name.startswith("docs/reference/") and name != "docs/requirements.md"]


@cache
def tree() -> frozenset[str]:
    """Return every tracked file and every folder above one."""
    files = tracked("*")
    return frozenset(files) | {str(folder) for name in files for folder in PurePosixPath(name).parents}


@pytest.mark.parametrize("page", pages())
def test_links_lead_to_files_of_the_tree(page: str) -> None:
    folder = (PROJECT / page).parent
    assert [link for link in documents.links(text_of(page)) if not (folder / link.split("#")[0]).exists()] == []


@pytest.mark.parametrize("page", prose_pages())
def test_paths_in_documents_exist(page: str) -> None:
    named = (span.rstrip("/").split("::")[0] for span in documents.code_spans(text_of(page)))
    folder = PurePosixPath(page).parent
    missing = [
        path
        for path in named
        if is_path(path) and not {path, str(folder / path)} & tree() and path not in policy_files()
    ]
    assert missing == []


def is_path(text: str) -> bool:
    """Return whether a code span names a file or folder of the tree, without a place to fill in."""
    if _PLACEHOLDER.search(text) or " " in text or text.startswith(("/", "--", ".", "http")):
        return False
    folder, slash, _ = text.partition("/")
    return folder in tree() if slash else text.endswith((".md", ".toml", ".py"))


@cache
def policy_files() -> frozenset[str]:
    """Return the names of a policy pack's files, which documents name without their folder."""
    return frozenset(PurePosixPath(name).name for name in tracked("policies/*.toml"))


@pytest.mark.parametrize("page", prose_pages())
def test_commands_of_duban_in_documents_exist(page: str) -> None:
    wrong = [f"{command}: {fault}" for command in duban_commands(text_of(page)) for fault in command_faults(command)]
    assert wrong == []


def duban_commands(text: str) -> Iterator[str]:
    """Return every command of `duban` in a document: code spans and lines of code blocks that begin with it."""
    for code in (*documents.code_spans(text), *documents.code_lines(text)):
        found = re.match(r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?duban (?=[a-z-])(.*)", code)
        if found:
            yield found.group(1)


def command_faults(command: str) -> Iterator[str]:
    """Return what is wrong with the words after `duban`: a command, or an option of it, that does not exist."""
    tokens = list(takewhile(lambda token: token not in {"|", ">", "&&"}, shlex.split(command, comments=True)))
    found: Any = duban()
    while hasattr(found, "commands"):
        if not tokens or tokens[0].startswith("-"):
            break
        name = tokens.pop(0)
        if name not in found.commands:
            yield f"there is no {name!r}"
            return
        found = found.commands[name]
    given = {token.partition("=")[0] for token in tokens if re.match(r"--?[a-z]", token)}
    yield from (f"there is no {name!r}" for name in sorted(given - options(found)))


def options(command: Any) -> set[str]:
    """Return the options of a command; `explain` is read by argparse, because it has to start at once."""
    found = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    if command.name == "explain":
        found |= set(re.findall(r"--[a-z-]+", explain._parser().format_help()))
    return found


@cache
def duban() -> Any:
    return typer.main.get_command(application())


@pytest.mark.parametrize("page", prose_pages())
def test_targets_of_make_in_documents_exist(page: str) -> None:
    makefile = text_of("Makefile")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    text = text_of(page)
    named = [
        match
        for code in (*documents.code_spans(text), *documents.code_lines(text))
        if (match := re.match(r"make ([a-z-]+)((?: [A-Z]+=)?)", code))
    ]
    assert [match.group(1) for match in named if match.group(1) not in targets] == []
    variables = {match.group(2).strip(" =") for match in named} - {""}
    assert {name for name in variables if f"$({name})" not in makefile and f"$(or $({name})" not in makefile} == set()


@pytest.mark.parametrize("page", pages())
def test_settings_in_documents_exist(page: str) -> None:
    assert set(SETTING.findall(text_of(page))) - settings_page.names() == set()


def test_every_setting_of_the_code_is_on_the_page_of_settings() -> None:
    code = (name for name in tracked("*.py") if name.startswith(("services/", "duban/", "deploy/local/")))
    named = {setting for name in code for setting in SETTING.findall(text_of(name))}
    assert named - settings_page.names() - {EXAMPLE} == set()


def test_every_metric_of_the_code_is_on_the_page_of_metrics() -> None:
    made = re.compile(r'\b(?:Counter|Gauge|Histogram|Summary|Info)\(\s*"(duban_\w+)"')
    named = {metric for name in tracked("services/*.py") for metric in made.findall(text_of(name))}
    page = text_of("docs/reference/metrics.md")
    assert named != set()
    assert {metric for metric in named if f"`{metric}`" not in page} == set()


@pytest.mark.parametrize("page", pages())
def test_lines_of_prose_are_short_enough_to_read(page: str) -> None:
    long = [
        f"{line.number}: {documents.columns(line.text)} columns"
        for line in documents.lines(text_of(page))
        if line.kind == "prose" and documents.columns(line.text) > LONGEST_LINE and not is_one_link(line.text)
    ]
    assert long == []


def is_one_link(line: str) -> bool:
    """Return whether a line holds nothing but a link or a name, which cannot be broken."""
    return len(re.sub(r"\[[^\]]*\]\([^)]*\)|`[^`]*`", "x", line).split()) <= 2


def test_names_in_the_glossary_exist() -> None:
    rows = [line.text for line in documents.lines(text_of("docs/glossary.md")) if line.kind == "table"]
    named = {span for row in rows for span in re.findall(r"`([^`]+)`", row.rsplit("|", 2)[0])}
    assert len(named) > 60
    assert {name for name in named if not is_name(name)} == set()


def is_name(name: str) -> bool:
    """Return whether a name stands for something: a class or its field, an action, an event, a word of a policy."""
    class_name, _, field = name.partition(".")
    if field and class_name in classes():
        return field in classes()[class_name]
    return name in {*classes(), *policy_words(), *policy_files(), *tree(), *MODELS, *EVENTS, *Status, *topics.load()}


@cache
def classes() -> dict[str, frozenset[str]]:
    """Return every class of the code with the names of its fields and methods."""
    return {
        node.name: frozenset(
            child.target.id
            for child in node.body
            if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name)
        )
        for name in tracked("*.py")
        if name.startswith(("services/", "schemas/"))
        for node in ast.walk(tree_of(name))
        if isinstance(node, ast.ClassDef)
    }


@cache
def policy_words() -> frozenset[str]:
    """Return the kinds, tiers and units of the carrier's pack."""
    pack = loading.load_one(PROJECT / "policies", "carrier")
    kinds = tomllib.loads(text_of("policies/carrier/routing.toml"))["kind"]
    return frozenset({*pack.tiers, *(each["kind"] for each in kinds), "complaint", *pack.units})


def test_the_table_of_services_shows_which_tables_of_others_each_reads() -> None:
    rows = [line.text for line in documents.lines(text_of("ARCHITECTURE.md")) if line.kind == "table"]
    shown = {row.split("|")[1].strip(): set(re.findall(r"`([^`]+)`", row.rsplit("|", 2)[1])) for row in rows[2:]}
    assert shown.keys() == set(SERVICES)
    assert shown == {service: tables_of_others(service) for service in SERVICES}


def tables_of_others(service: str) -> set[str]:
    """Return the tables of other services that a service's SQL reads."""
    others = "|".join(name for name in SERVICES if name != service)
    statements = text_of(f"services/{service}/queries.sql")
    return set(re.findall(rf"\b(?:from|join)\s+((?:{others})\.\w+)", statements, re.IGNORECASE))


def decisions() -> list[str]:
    return [name for name in tracked("docs/adr/*.md") if not name.endswith("index.md")]


@pytest.mark.parametrize("page", decisions())
def test_a_decision_has_context_decision_and_consequence_in_few_words(page: str) -> None:
    text = text_of(page)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"]
    assert len(re.sub(r"^#+.*$", "", text, flags=re.MULTILINE).split()) <= DECISION_WORDS


def test_the_index_lists_every_decision_in_order() -> None:
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", text_of("docs/adr/index.md"))
    assert listed == [PurePosixPath(name).name for name in decisions()]
    assert [int(name[:4]) for name in listed] == list(range(1, len(listed) + 1))


@pytest.mark.parametrize(
    ("command", "faults"),
    [
        ("ticket show TS1 # a comment with --nothing", []),
        ("topics read tickets.events | cut --nothing", []),
        ("explain --text 宽带断网 --level 金卡", []),
        ("ticket frob TS1", ["there is no 'frob'"]),
        ("up --sideways", ["there is no '--sideways'"]),
        ("explain --frob", ["there is no '--frob'"]),
    ],
)
def test_a_command_that_does_not_exist_is_found(command: str, faults: list[str]) -> None:
    assert list(command_faults(command)) == faults


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("services/nowhere.py", True),
        ("nowhere.md", True),
        ("services/<name>/app.py", False),
        ("application/json", False),
        ("/v1/contacts", False),
    ],
)
def test_a_code_span_that_names_a_file_is_taken_for_a_path(text: str, path: bool) -> None:  # noqa: FBT001
    assert is_path(text) is path


def test_prose_code_and_tables_are_distinguished() -> None:
    text = "Prose.\n\n    code\n\n- item\n    goes on\n\n```\nfenced\n```\n| a | b |"
    kinds = [line.kind for line in documents.lines(text) if line.text]
    assert kinds == ["prose", "code", "prose", "prose", "code", "code", "code", "table"]
    assert documents.columns("督办") == len("督办") * 2
