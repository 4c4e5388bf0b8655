"""Copies one policy pack out of the installed package, so that it can be edited; DUBAN_POLICIES then names the copy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from services.domain.policy import loading
from services.shared.runtime.errors import DubanError

ALWAYS = "elapsed"
"""The calendar that every pack needs."""


def export(source: Path, name: str, target: Path) -> list[Path]:
    """Copy a pack with all calendars and letters, and return the files that were written.

    The copy is the same revision of the pack, so `duban policy diff` shows what was edited and nothing else. Calendars
    and letters that the target has already are kept: another pack may use them, and they may be edited.

    Raises:
        PolicyError: the source has no such pack, or it cannot be used.
        DubanError: the target has a pack of that name, or cannot be written.

    """
    loading.load_one(source, name)
    if (target / name).exists():
        raise DubanError(f"{target / name} exists: choose another folder, or remove it first")
    written = []
    try:
        for file in _files(source, name):
            copy = target / file.relative_to(source)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
                written.append(copy)
    except OSError as error:
        raise DubanError(f"{target} cannot be written ({error.strerror}): choose another folder") from error
    return written


def _files(source: Path, name: str) -> Iterator[Path]:
    yield from sorted((source / name).rglob("*.toml"))
    yield from sorted((source / "calendars").glob("*.toml"))
    # How people write, and what its rules cite.
    yield from sorted((*source.glob("phrases.toml"), *source.glob("sources.toml")))
    # Every pack tells what letters/notices.toml says, so it needs all of them.
    yield from (file for file in sorted((source / "letters").rglob("*")) if file.is_file())
