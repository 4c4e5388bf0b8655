"""What `duban policy check` and `duban policy apply` look at beyond the loading of a pack: letters, stages, sources."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.domain.policy import loading, sources, stages, validation
from services.domain.policy.base import PolicyError
from services.domain.policy.pack import Pack
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary

SOURCES = "sources.toml"
"""The file of a folder of packs that lists the customer's documents."""


def problems(packs: Iterable[Pack], folder: Path) -> Iterator[str]:
    """Yield why packs must not come in force, although they can be loaded.

    Args:
        packs: the packs.
        folder: in which they are; its letters are rendered, and its sources.toml says what may be cited.

    Raises:
        PolicyError: sources.toml is missing or cannot be read.

    """
    templates, documents = TemplateLibrary(folder / "letters"), _documents(folder)
    for pack in packs:
        yield from template_validation.problems(templates, pack)
        yield from sources.untrue(validation.Part(loading.SHARED_NOTICES, pack.notices), documents)
        of_pack = (
            *stages.missing_promises(pack),
            *stages.misfits(pack),
            *(problem for part in validation.parts(pack) for problem in sources.untrue(part, documents)),
        )
        yield from (f"{pack.header.name}: {problem}" for problem in of_pack)


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
