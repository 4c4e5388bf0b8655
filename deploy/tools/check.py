"""The checks of data, part of `make lint`: policies, topics, examples, generated files, and the tree itself."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.tools import asyncapi, compatibility, generate
from services.domain.policy import loading
from services.intake.channel_registry import MappingError, channels
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary
from services.shared.kafka import topics
from services.shared.kafka.topic_models import model_of
from services.shared.runtime.settings import PROJECT

STRAY = re.compile(
    r"\b(TODO|FIXME|XXX)\b|(?<![\w.])/(?:work|root|home|opt)/|https?://(?:[\w.-]*)(?:pypi|mirror|artifact)"
)
"""Open work lives in issues; a path of one machine or a registry's host name has no place in the tree."""
TEXT = {".py", ".toml", ".md", ".sql", ".yaml", ".yml", ".txt", ".lock", ".json", ""}


def problems() -> Iterator[str]:
    """Return everything that is wrong."""
    yield from _policies()
    yield from _letters()
    yield from _examples()
    yield from _generated()
    yield from compatibility.problems()
    yield from _mappings()
    yield from _requirements()
    yield from _tree()


def _policies() -> Iterator[str]:
    try:
        loading.load(PROJECT / "policies")
    except loading.PolicyError as error:
        yield str(error)


def _letters() -> Iterator[str]:
    """Every letter is there in every language and can be written whatever an event leaves out."""
    letters = TemplateLibrary(PROJECT / "policies" / "letters")
    for pack in loading.load(PROJECT / "policies").values():
        yield from (f"policies/{each} ({pack.header.name})" for each in template_validation.problems(letters, pack))


def _examples() -> Iterator[str]:
    """Every topic of ours has an example, and each is of the topic's model."""
    for name, topic in topics.load().items():
        files = sorted((asyncapi.EXAMPLES / name).glob("*.json"))
        if not files and topic.model is not None:
            yield f"schemas/examples/{name}: there is no example"
        for file in files:
            try:
                model_of(topic).from_json(file.read_bytes())
            except ValueError as error:
                yield f"{file.relative_to(PROJECT)}: {error}"


def _generated() -> Iterator[str]:
    for file, text in generate.outputs().items():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            yield f"{file.relative_to(PROJECT)} is not up to date: run `make docs`"


def _mappings() -> Iterator[str]:
    try:
        channels()
    except MappingError as error:
        yield str(error)


def _requirements() -> Iterator[str]:
    known = generate.titles()
    for id_, names in generate.marks().items():
        if id_ not in known:
            yield f"{names[0]} names {id_}, which docs/requirements.toml does not have"


def _tree() -> Iterator[str]:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=PROJECT)  # noqa: S607
    for name in listed.stdout.splitlines():
        file = PROJECT / name
        if file == Path(__file__).resolve() or file.suffix not in TEXT or not file.is_file():
            continue
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            stray = STRAY.search(line)
            if stray is not None:
                yield f"{name}:{number}: {stray.group(0)!r} has no place in the tree"


def main() -> int:
    """Print what is wrong; returns the exit code."""
    found = list(problems())
    print(json.dumps({"problems": found}, ensure_ascii=False, indent=1) if found else "data: ok")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
