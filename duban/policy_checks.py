"""What `duban policy check` and `duban policy apply` look at beyond the loading of a pack: letters and stages."""

from collections.abc import Iterator
from pathlib import Path

from services.domain.policy import stages
from services.domain.policy.pack import Pack
from services.notifier.domain import template_validation
from services.notifier.domain.letters import TemplateLibrary


def problems(pack: Pack, folder: Path) -> Iterator[str]:
    """Yield why a pack must not come in force, although it can be loaded.

    Args:
        pack: the pack.
        folder: of the packs; its letters are rendered.

    """
    yield from template_validation.problems(TemplateLibrary(folder / "letters"), pack)
    for problem in (*stages.missing_promises(pack), *stages.misfits(pack)):
        yield f"{pack.header.name}: {problem}"
