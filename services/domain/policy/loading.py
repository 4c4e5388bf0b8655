"""Policy packs, loaded and cross-checked: `policies/<pack>/*.toml` with the calendars they name (DESIGN 2)."""

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.domain.policy import validation
from services.domain.policy.limits import LimitPolicy
from services.domain.policy.notices import NoticePolicy, PackNoticePolicy
from services.domain.policy.outcome import OutcomePolicy
from services.domain.policy.pack import Pack, PackHeader
from services.domain.policy.routing import RoutingPolicy
from services.domain.policy.types import TypeCatalogue
from services.domain.policy.units import Units
from services.domain.sla.calendar import Calendar

M = TypeVar("M", bound=BaseModel)


class PolicyError(ValueError):
    """A policy file that cannot be used; names the file, the key and what to do."""


FILES = ("pack.toml", "units.toml", "types.toml", "limits.toml", "routing.toml", "outcome.toml")
CALENDARS = "calendars/"
SHARED_NOTICES = "letters/notices.toml"
OWN_NOTICES = "notices.toml"
"""A pack may have it: what it tells otherwise than the rest."""


def pack_names(folder: Path) -> list[str]:
    """Return the names of the packs below a folder."""
    return [path.parent.name for path in sorted(folder.glob("*/pack.toml"))]


def load(folder: Path) -> dict[str, Pack]:
    """Load every pack below a folder, by name.

    Raises:
        PolicyError: a file is missing, is no TOML, has an unknown key or a wrong value, or names what is not there.

    """
    found = {name: load_one(folder, name) for name in pack_names(folder)}
    if not found:
        raise PolicyError(no_packs_message(folder))
    return found


def load_one(folder: Path, name: str) -> Pack:
    """Load a single pack; raises as `load`, and when there is none of that name."""
    if name not in pack_names(folder):
        raise PolicyError(f"there is no pack {name!r} in {folder}: choose of {', '.join(pack_names(folder)) or 'none'}")
    return from_files(name, read_files(folder, name), str(folder))


def read_files(folder: Path, name: str) -> dict[str, str]:
    """Return the texts of a pack's files, with every calendar, by name.

    Raises:
        PolicyError: a file is missing, or is no UTF-8.

    """
    paths = {file: folder / name / file for file in FILES}
    paths |= {f"{CALENDARS}{path.name}": path for path in sorted((folder / "calendars").glob("*.toml"))}
    paths[SHARED_NOTICES] = folder / SHARED_NOTICES
    if (own := folder / name / OWN_NOTICES).exists():
        paths[OWN_NOTICES] = own
    found: dict[str, str] = {}
    for file, path in paths.items():
        try:
            found[file] = path.read_text(encoding="utf-8")
        except FileNotFoundError as error:
            raise PolicyError(f"{path} is missing: a pack needs it") from error
        except UnicodeDecodeError as error:
            raise PolicyError(f"{path}: {error}") from error
    return found


def revision(files: Mapping[str, str]) -> str:
    """Return what tells one state of a pack's files from another."""
    whole = "\0".join(f"{name}\0{files[name]}" for name in sorted(files))
    return hashlib.sha256(whole.encode()).hexdigest()[:8]


def from_files(name: str, files: Mapping[str, str], where: str = "policies") -> Pack:
    """Make a pack of the texts of its files; raises as `load`."""

    def read(file: str, model: type[M]) -> M:
        shared = file.startswith((CALENDARS, SHARED_NOTICES))
        return _read(f"{where}/{file if shared else f'{name}/{file}'}", files[file], model)

    calendars = {
        file.removeprefix(CALENDARS).removesuffix(".toml"): read(file, Calendar)
        for file in files
        if file.startswith(CALENDARS)
    }
    shared = read(SHARED_NOTICES, NoticePolicy)
    own = read(OWN_NOTICES, PackNoticePolicy) if OWN_NOTICES in files else PackNoticePolicy()
    pack = Pack(
        header=read("pack.toml", PackHeader),
        units={each.code: each for each in read("units.toml", Units).units},
        types=read("types.toml", TypeCatalogue),
        limits=read("limits.toml", LimitPolicy),
        routing=read("routing.toml", RoutingPolicy),
        outcome=read("outcome.toml", OutcomePolicy),
        notices=shared.with_own(own),
        calendars=calendars,
        revision=revision(files),
    )
    problems = validation.find_problems(pack, name)
    problems += validation.find_notice_problems(shared.notices, pack, SHARED_NOTICES)
    problems += validation.find_notice_problems(own.notices, pack, OWN_NOTICES)
    if problems:
        raise PolicyError(f"{where}/{name}: {'; '.join(problems)}")
    return pack


def no_packs_message(folder: Path) -> str:
    """Return the message about a folder without policy packs."""
    return f"{folder} holds no policy pack: point DUBAN_POLICIES at the folder that holds <pack>/pack.toml"


def unknown_pack_message(name: str | None) -> str:
    """Return what to tell somebody who names a pack that is not there."""
    return f"policy: there is no pack {name!r}; `duban policy check` lists those that are"


def _read(where: str, text: str, model: type[M]) -> M:
    try:
        return model.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{where}: {error}") from error
    except ValidationError as error:
        told = "; ".join(
            f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors(include_url=False)
        )
        raise PolicyError(f"{where}: {told}") from error
