"""`duban policy prove`: every state that the tickets of a pack can reach, before the pack is applied."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from duban.policy_folder import DEFAULT_POLICIES, PolicyFolder
from duban.proving import exemptions
from duban.proving.prover import prove
from duban.proving.report import ProofReport
from services.domain.events import suggest
from services.domain.policy import loading
from services.domain.policy.pack import Pack
from services.shared.runtime.errors import DubanError


def prove_packs(
    names: Annotated[list[str] | None, typer.Argument(metavar="[PACK]...", help="packs, by default all")] = None,
    folder: PolicyFolder = DEFAULT_POLICIES,
    first: Annotated[bool, typer.Option("--first", help="end with the first violation")] = False,  # noqa: FBT002
    jobs: Annotated[int, typer.Option(min=1, help="packs that are proved at a time")] = 1,
) -> None:
    """Search every state that tickets of a pack can reach; exit code 1 when something can happen that never must.

    No open ticket is forgotten, no limit is exceeded twice, every ticket can be closed by those who may, nobody else
    changes anything, and nothing of the pack is dead. What is found is printed as the shortest story, which `duban
    policy play --day` plays; half a minute for a pack.
    """
    loaded = loading.load(folder)
    for name in names or ():
        if name not in loaded:
            raise DubanError(f"there is no pack {name!r}: {suggest(name, loaded)}")
    chosen = [loaded[name] for name in dict.fromkeys(names or loaded)]
    failed = False
    for report in _reports(chosen, folder, first=first, jobs=jobs):
        for line in report.lines():
            print(line, flush=True)
        failed = failed or not report.holds
    if failed:
        raise typer.Exit(1)


def _reports(packs: Iterable[Pack], folder: Path, *, first: bool, jobs: int) -> Iterator[ProofReport]:
    """Yield the report of each pack, the largest first."""
    largest = sorted(packs, key=lambda pack: -len(pack.routing.kinds) * len(pack.limits.clocks) * len(pack.units))
    tasks = [(folder, pack.header.name, first) for pack in largest]
    if jobs == 1:
        yield from map(_prove, tasks)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(_prove, tasks)


def _prove(task: tuple[Path, str, bool]) -> ProofReport:
    folder, name, first = task
    return prove(loading.load_one(folder, name), exemptions.load(folder, name), first=first)
