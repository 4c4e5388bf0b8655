"""Policy packs, loaded and cross-checked: `policies/<pack>/*.toml` with the calendars they name (DESIGN 2)."""

import hashlib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from schemas.ticket import Classification, PolicyVersion, ThresholdState, Ticket
from services.domain import soundness
from services.domain.calendar import Calendar
from services.domain.care import Care, EntryRule
from services.domain.clock import BREACH
from services.domain.policy import Facts, Head, Unit, Units
from services.domain.routing import Business, Problem, Routing, Types
from services.domain.telling import OwnTelling, Telling
from services.domain.timing import Timing
from services.domain.words import Lexicon, fold

M = TypeVar("M", bound=BaseModel)


class PolicyError(ValueError):
    """A policy file that cannot be used; names the file, the key and what to do."""


@dataclass(frozen=True)
class Pack:
    """Everything that one pack decides by."""

    head: Head
    units: Mapping[str, Unit]
    types: Types
    timing: Timing
    routing: Routing
    care: Care
    telling: Telling
    calendars: Mapping[str, Calendar]
    revision: str = ""
    """Tells this state of the files from every other."""

    @cached_property
    def reference(self) -> PolicyVersion:
        """What a ticket keeps of the policy that decided."""
        return PolicyVersion(pack=self.head.name, version=f"{self.head.version}+{self.revision}")

    def calendar(self, name: str) -> Calendar:
        """Return a calendar that the pack uses; provisional where a year's holidays are not known yet.

        A contact must not be lost because a notice is late: its clocks are marked and derived anew when it is there.
        """
        return self.calendars[name].provisionally

    @cached_property
    def entries(self) -> Mapping[str, EntryRule]:
        """Kinds of entries by their code."""
        return {each.kind: each for each in self.care.entries}

    @cached_property
    def tiers(self) -> frozenset[str]:
        """Every tier that a rule may give."""
        raised = {each.breach.regrade for each in self.timing.clocks if each.breach.regrade is not None}
        return frozenset({each.tier for each in self.routing.tiers} | raised)

    def facts(
        self, told: Classification, *, channel: str, unit: str | None = None, late: bool = False, settled: bool = False
    ) -> Facts:
        """Return what the conditions of rules look at, once a ticket is classified."""
        return Facts(
            kind=told.kind,
            channel=channel,
            vip=told.vip,
            tier=told.tier,
            business=told.business_type,
            group=self.group_of(told.business_type),
            problem=told.problem_type,
            origin=told.origin,
            validity=told.validity,
            signals=frozenset(told.signals),
            unit=unit,
            late=late,
            settled=settled,
            founded=told.founded,
            liability=told.liability,
        )

    def facts_of(self, ticket: Ticket, told: Classification | None = None) -> Facts:
        """Return what the conditions of rules look at for a ticket, or for the ticket as it would be classified."""
        return self.facts(
            told or ticket.classification,
            channel=ticket.channel,
            unit=ticket.unit,
            late=self.late(ticket),
            settled=ticket.settlement is not None,
        )

    def late(self, ticket: Ticket) -> bool:
        """Whether a promise to the customer was exceeded."""
        return ticket.breaches > 0 and any(
            point.name == BREACH and point.state is ThresholdState.FIRED
            for each in ticket.clocks
            if each.name in self.timing.outer
            for point in each.thresholds
        )

    def group_of(self, business_type: str | None) -> str | None:
        """Return the business group of a business type, if it is known."""
        return self._groups.get(business_type or "")

    @cached_property
    def _groups(self) -> Mapping[str, str]:
        return {each.code: each.group for each in self.types.business}

    def business_of(self, kind: str) -> Sequence[Business]:
        """Return the business types of a kind's own tree (R3.8)."""
        return self._business_of.get(kind, self._business_of[""])

    @cached_property
    def _business_of(self) -> Mapping[str, Sequence[Business]]:
        kinds = {each.code: each.kinds for each in self.types.groups}
        own = {kind for each in self.types.groups for kind in each.kinds}
        return {
            kind: [
                each for each in self.types.business if (kind in kinds[each.group] if kind else not kinds[each.group])
            ]
            for kind in ("", *own)
        }

    def problems_of(self, group: str) -> Sequence[Problem]:
        """Return the problem types that a business group knows."""
        return self._problems_of.get(group, ())

    @cached_property
    def _problems_of(self) -> Mapping[str, Sequence[Problem]]:
        groups = {group for each in self.types.problem for group in each.groups}
        return {group: [each for each in self.types.problem if group in each.groups] for group in groups}

    @cached_property
    def problems(self) -> frozenset[str]:
        """Codes of every problem type."""
        return frozenset(each.code for each in self.types.problem)

    @cached_property
    def vip_levels(self) -> frozenset[str]:
        """Names of the levels that are VIP, as texts are compared."""
        return frozenset(fold(each) for each in self.routing.vip.levels)

    @cached_property
    def words(self) -> Lexicon:
        """Every word by which the pack's rules know something, found in one pass."""
        return Lexicon(
            [
                *((each, each.words) for each in self.types.business),
                *((each, each.words) for each in self.types.problem),
                *((each, each.words) for each in self.routing.kind),
                *((each, each.words) for each in self.routing.follow_up),
                *((each, each.words) for each in self.routing.signals),
                *((each, each.words) for each in self.routing.validity),
                *((each, each.words) for each in self.routing.opening),
                (self.care.repeat, self.care.repeat.dispute_words),
            ]
        )


FILES = ("pack.toml", "units.toml", "types.toml", "limits.toml", "routing.toml", "outcome.toml")
CALENDARS = "calendars/"
SHARED_NOTICES = "letters/notices.toml"
OWN_NOTICES = "notices.toml"
"""A pack may have it: what it tells otherwise than the rest."""


def names(folder: Path) -> list[str]:
    """Return the names of the packs below a folder."""
    return [path.parent.name for path in sorted(folder.glob("*/pack.toml"))]


def load(folder: Path) -> dict[str, Pack]:
    """Load every pack below a folder, by name.

    Raises:
        PolicyError: a file is missing, is no TOML, has an unknown key or a wrong value, or names what is not there.

    """
    found = {name: load_one(folder, name) for name in names(folder)}
    if not found:
        raise PolicyError(
            f"{folder} holds no policy pack: point DUBAN_POLICIES at the folder that holds <pack>/pack.toml"
        )
    return found


def load_one(folder: Path, name: str) -> Pack:
    """Load a single pack; raises as `load`, and when there is none of that name."""
    if name not in names(folder):
        raise PolicyError(f"there is no pack {name!r} in {folder}: choose of {', '.join(names(folder)) or 'none'}")
    return from_files(name, files_of(folder, name), str(folder))


def files_of(folder: Path, name: str) -> dict[str, str]:
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
    shared = read(SHARED_NOTICES, Telling)
    own = read(OWN_NOTICES, OwnTelling) if OWN_NOTICES in files else OwnTelling()
    pack = Pack(
        head=read("pack.toml", Head),
        units={each.code: each for each in read("units.toml", Units).units},
        types=read("types.toml", Types),
        timing=read("limits.toml", Timing),
        routing=read("routing.toml", Routing),
        care=read("outcome.toml", Care),
        telling=shared.with_own(own),
        calendars=calendars,
        revision=revision(files),
    )
    faults = soundness.faults(pack, name)
    faults += soundness.rule_faults(shared.notices, pack, SHARED_NOTICES)
    faults += soundness.rule_faults(own.notices, pack, OWN_NOTICES)
    if faults:
        raise PolicyError(f"{where}/{name}: {'; '.join(faults)}")
    return pack


def unknown(name: str | None) -> str:
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
