"""What `duban policy check` and `duban policy apply` look at beyond the loading of a pack: letters, stages, sources."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

from services.domain.policy import loading, sources, stages, validation
from services.domain.policy.base import PolicyError
from services.domain.policy.pack import Pack
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary

SOURCES = "sources.toml"
"""The file of a folder of packs that lists the customer's documents."""


def problems(pack: Pack, folder: Path) -> Iterator[str]:
    """Yield why a pack must not come in force, although it can be loaded.

    Args:
        pack: the pack.
        folder: of the packs; its letters are rendered, and its sources.toml says what may be cited.

    Raises:
        PolicyError: sources.toml is missing or cannot be read.

    """
    yield from template_validation.problems(TemplateLibrary(folder / "letters"), pack)
    for problem in (*stages.missing_promises(pack), *stages.misfits(pack)):
        yield f"{pack.header.name}: {problem}"
    documents = _documents(folder)
    for part in validation.parts(pack):
        yield from (f"{pack.header.name}: {problem}" for problem in sources.untrue(part, documents))
    yield from sources.untrue(validation.Part(loading.SHARED_NOTICES, pack.notices), documents)


def _documents(folder: Path) -> sources.Documents:
    path = folder / SOURCES
    try:
        return sources.Documents.of(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise PolicyError(
            f"{path} is missing: list the documents that `from` cites, each with its sections, as the one that comes "
            "with Duban does"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
