"""Reads and plays the cases of a `day.toml`: contacts, steps, and what each has to come to.

A case is a contact with what is expected of its ticket, and steps. In a step, at a given time, somebody takes an action
(`do`; `duban.step_actor` says who); or the customer writes again (`contact`), which the router joins to a ticket or
opens one for; or time passes (`do = { type = "tick" }`). A step acts on the case's first ticket, unless `ticket` says
which one, from 1. After each step `duban.expectations` compares the ticket with what is expected.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from duban.expectations import differences
from duban.policy_simulation import PolicySimulation
from duban.rehearsal_input import (
    RehearsalError,
    build_action,
    build_contact,
    check_names,
    instant,
    list_of_tables,
    table,
)
from duban.step_actor import WHO_KEYS, actor_of
from schemas.contact import Contact
from services.domain.channels import CHANNELS
from services.domain.contact_codes import unknown_codes
from services.domain.policy.pack import Pack

DAY = "day.toml"
DAYS = "days"
"""Folder of a pack for further days."""
CASE_KEYS = ("name", "from", "ours", "contact", "expect", "step")
STEP_KEYS = ("at", *WHO_KEYS, "do", "contact", "ticket", "expect")


def play(file: Path, pack: Pack) -> Iterator[tuple[str, list[str]]]:
    """Play the cases of a day and return the name of each with what was not as expected, or cannot be read.

    Raises:
        RehearsalError: the file is missing, or it is no day; says what to write.

    """
    yield from play_cases(read_cases(file), pack)


def days_of(folder: Path) -> list[Path]:
    """Return the files of a pack's days: `day.toml`, and what stands in its folder `days`, by name."""
    return [folder / DAY, *sorted((folder / DAYS).glob("*.toml"))]


def play_cases(cases: Iterable[Mapping[str, Any]], pack: Pack) -> Iterator[tuple[str, list[str]]]:
    """Play cases and return the name of each with what was not as expected, or cannot be read."""
    for number, case in enumerate(cases, start=1):
        name = str(case.get("name", f"case {number}"))
        found: list[str] = []
        try:
            found += _play_case(case, pack, number)
        except RehearsalError as error:
            found.append(str(error))
        yield name, found


def read_cases(file: Path) -> list[Mapping[str, Any]]:
    """Return the cases of a day file.

    Raises:
        RehearsalError: the file is missing, or it is no day; says what to write.

    """
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
        check_names(document, ["case"], "table")
        cases = list(list_of_tables(document.get("case", []), "case"))
    except OSError as error:
        raise RehearsalError(f"{file} cannot be read ({error.strerror}): name a day.toml with --day") from error
    except UnicodeDecodeError as error:
        raise RehearsalError(f"{file} is not UTF-8: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RehearsalError(f"{file} is not TOML: {error}") from error
    except RehearsalError as error:
        raise RehearsalError(f"{file}: {error}") from error
    if not cases:
        raise RehearsalError(f"{file} has no case: write [[case]] with name, contact and expect")
    return cases


def _play_case(case: Mapping[str, Any], pack: Pack, number: int) -> Iterator[str]:
    check_names(case, CASE_KEYS, "key of a case")
    for key in ("name", "contact"):
        if key not in case:
            raise RehearsalError(f"{key} is missing: a case has name, contact, and what it expects")
    simulation = PolicySimulation(pack)
    expected = table(case.get("expect", {}), "expect")
    simulation.receive(_contact(table(case["contact"], "contact"), pack, number, expected))
    yield from _within("opened", simulation, expected)
    for position, step in enumerate(list_of_tables(case.get("step", []), "step"), start=1):
        place = f"step {position}"
        try:
            check_names(step, STEP_KEYS, "key of a step")
            place += _take(simulation, step, f"{number}/{position}")
        except RehearsalError as error:
            raise RehearsalError(f"{place}: {error}") from error
        yield from _within(place, simulation, {"refused": "", **table(step.get("expect", {}), f"{place}, expect")})


def _contact(fields: Mapping[str, Any], pack: Pack, number: object, expected: Mapping[str, Any]) -> Contact:
    """Build a contact; a code that the pack does not have is a mistake, unless its flag is expected."""
    contact = build_contact(fields, pack.header.name, number)
    check_names([contact.channel], CHANNELS | {*pack.routing.channels}, "channel")
    flags = expected.get("flags") or ()
    for code in unknown_codes(contact, pack):
        if not isinstance(flags, list) or code.flag not in flags:
            raise RehearsalError(f"contact.{code.field}: the pack has no {code.value!r}: {code.advice}")
    return contact


def _within(place: str, simulation: PolicySimulation, expected: Mapping[str, Any]) -> Iterator[str]:
    """Return the differences of one step; one that cannot be compared does not keep the others back."""
    for name, wanted in expected.items():
        try:
            yield from (f"{place}: {difference}" for difference in differences(simulation, {name: wanted}))
        except RehearsalError as error:
            yield f"{place}: {error}"


def _take(simulation: PolicySimulation, step: Mapping[str, Any], number: str) -> str:
    """Take one step, and return what it was."""
    at = instant(step.get("at"), "at")
    if ("do" in step) == ("contact" in step):
        raise RehearsalError("write either `do` with an action, or `contact` with what the customer writes")
    if "contact" in step:
        if unwanted := sorted({*WHO_KEYS, "ticket"} & step.keys()):
            raise RehearsalError(f"{unwanted[0]}: a contact is the customer's, and the router finds its ticket")
        fields = {**table(step["contact"], "contact"), "at": at}
        simulation.receive(_contact(fields, simulation.pack, number, table(step.get("expect", {}), "expect")))
        return " (contact)"
    simulation.choose(step.get("ticket", 1))
    action = build_action(step["do"])
    who = actor_of(step, action, simulation)
    if who.refusal is None:
        simulation.issue(action, at, who.actor, who.authority)
    else:
        simulation.turn_away(at, who.refusal.reason, who.refusal.detail)
    return f" ({action.type})"
