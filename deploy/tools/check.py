"""Checks policies, topics, examples, generated files and the tree itself; part of `make lint`."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.tools import asyncapi, compatibility, generate
from deploy.tools.checkout import PROJECT
from deploy.tools.reference import settings_page
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.intake.channel_registry import MappingError, channels
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of

STRAY = re.compile(
    r"\b(TODO|FIXME|XXX)\b|(?<![\w.])/(?:work|root|home|opt)/|https?://(?:[\w.-]*)(?:pypi|mirror|artifact)"
)
"""What no tracked file may contain: open work belongs in issues, paths and registry hosts belong to one machine."""
TEXT_SUFFIXES = {".py", ".toml", ".md", ".sql", ".yaml", ".yml", ".txt", ".lock", ".json", ""}


def problems() -> Iterator[str]:
    """Return a message for every problem found."""
    yield from _policies()
    yield from _letter_templates()
    yield from _examples()
    yield from _generated()
    yield from compatibility.problems()
    yield from _channel_mappings()
    yield from _requirements()
    yield from _tracked_files()


def _policies() -> Iterator[str]:
    try:
        loading.load(PROJECT / "policies")
    except PolicyError as error:
        yield str(error)


def _letter_templates() -> Iterator[str]:
    """Every letter exists in every language and renders even if optional fields of its event are missing."""
    letters = TemplateLibrary(PROJECT / "policies" / "letters")
    for pack in loading.load(PROJECT / "policies").values():
        yield from (
            f"policies/{problem} ({pack.header.name})" for problem in template_validation.problems(letters, pack)
        )


def _examples() -> Iterator[str]:
    """Every topic with a model has an example, and each example is valid."""
    for name, topic in topics.load().items():
        files = sorted((asyncapi.EXAMPLES / name).glob("*.json"))
        if not files and topic.model is not None:
            yield f"schemas/examples/{name}: the topic has no example: add one"
        for file in files:
            try:
                model_of(topic).from_json(file.read_bytes())
            except ValueError as error:
                yield f"{file.relative_to(PROJECT)}: {error}"


def _generated() -> Iterator[str]:
    for file, text in generate.outputs().items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            yield f"{file.relative_to(PROJECT)} is not up to date: run `make docs`"
    yield from (f"{name} has no text below its field that says what it means" for name in settings_page.undocumented())


def _channel_mappings() -> Iterator[str]:
    try:
        channels()
    except MappingError as error:
        yield str(error)


def _requirements() -> Iterator[str]:
    known = generate.requirement_titles()
    for id_, tests in generate.requirement_tests().items():
        if id_ not in known:
            yield f"{tests[0]} names {id_}, which is not in docs/requirements.toml: correct the id or add it there"


def _tracked_files() -> Iterator[str]:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=PROJECT)  # noqa: S607
    for name in tracked.stdout.splitlines():
        file = PROJECT / name
        if file == Path(__file__).resolve() or file.suffix not in TEXT_SUFFIXES or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            stray = STRAY.search(line)
            if stray is not None:
                yield f"{name}:{number}: {stray.group(0)!r} must not stand in a tracked file: remove it"


def contract_status(released: Path = compatibility.RELEASED) -> str:
    """Return one line saying with which frozen versions today's contract was compared."""
    versions = compatibility.frozen_versions(released)
    if not versions:
        return "contract: no version is frozen yet, any change is allowed"
    return f"contract: compatible with {', '.join(versions)}"


def main() -> int:
    """Print the problems found; returns the exit code."""
    found = list(problems())
    print(json.dumps({"problems": found}, ensure_ascii=False, indent=1) if found else f"{contract_status()}\ndata: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
