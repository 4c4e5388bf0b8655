"""Reads what is rehearsed: contacts as a door takes them, actions and times; each error in words with its field."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from schemas import validation_errors
from schemas.command import MODELS, Action
from schemas.contact import Contact
from schemas.validation_errors import FieldError
from services.domain.events import suggest
from services.domain.policy.pack import Pack
from services.intake.domain.contact_builder import TIME_ADVICE, describe_error
from services.intake.domain.envelope import Envelope
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.submission import parse_contact
from services.intake.domain.times import EARLIEST, LATEST
from services.shared.runtime.errors import DubanError

SENDER = "simulation"
SET_HERE = frozenset({"id", "sender", "policy", "received_at", "raw", "at"})
"""Fields of a contact that a rehearsal sets, whatever a file says; its time is read apart."""
DEFAULT_CHANNEL = "web"
DEFAULT_PHONE = "+8613800000000"
REACHED_BY = frozenset({"phone", "email", "identity", "address"})
"""Fields of a customer by which somebody can be reached; without any, a rehearsal assumes a phone."""


class RehearsalError(DubanError):
    """What is to be rehearsed cannot be read; the message names the field and says what to write."""


def build_contact(fields: Mapping[str, Any], pack: str, number: object) -> Contact:
    """Build a contact as a door would take it, with plain defaults for what a file leaves out.

    Args:
        fields: of a contact; `at` may stand for `received_at`, and `contacted_at` for both.
        pack: name of the policy pack.
        number: the message id, unless the fields hold one.

    Raises:
        RehearsalError: a field is missing or has a wrong value; names every such field.

    """
    table(fields, "contact")
    at = received_at(fields)
    if at is None:
        raise RehearsalError(f"received_at: this field is missing: {TIME_ADVICE}")
    kept = {name: _plain(value) for name, value in fields.items() if name not in SET_HERE}
    channel = kept.setdefault("channel", DEFAULT_CHANNEL)
    if not isinstance(channel, str):
        raise RehearsalError(f"channel: write the name of a channel, such as web, not {channel!r}")
    envelope = Envelope(
        sender=SENDER, channel=channel, policy=pack, received_at=at, media_type="application/json", body=b""
    )
    kept.setdefault("message_id", str(number))
    customer = table(kept.get("customer", {}), "customer")
    if not any(customer.get(name) for name in REACHED_BY):
        kept["customer"] = {**customer, "phone": DEFAULT_PHONE}
    try:
        return parse_contact(kept, envelope).replace(raw=None)
    except InvalidPayload as error:
        faults = (
            f"{fault.field}: {fault.message.removesuffix('; see /docs for the fields')}" for fault in error.errors
        )
        raise RehearsalError("; ".join(dict.fromkeys(faults))) from error


def received_at(fields: Mapping[str, Any], zone: str = "UTC") -> datetime | None:
    """Return when a contact was received: as it says, else when the customer contacted us; None if it says neither.

    Args:
        fields: of a contact.
        zone: in which a day alone (`contacted_on`) begins.

    Raises:
        RehearsalError: a time cannot be read.

    """
    for name in ("received_at", "at", "contacted_at"):
        if fields.get(name) not in (None, ""):
            return instant(fields[name], name)
    day = fields.get("contacted_on")
    if day is None or day == "":
        return None
    try:
        found = day if isinstance(day, date) else date.fromisoformat(str(day))
    except ValueError:
        raise RehearsalError(f"contacted_on: {day!r} is no day: write it as 2026-03-12") from None
    return datetime.combine(found, time(), ZoneInfo(zone))


def instant(value: object, field: str) -> datetime:
    """Return a point in time, in UTC.

    Raises:
        RehearsalError: it is none, or has no offset from UTC; names the field.

    """
    found: object = value
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value.strip())
        except ValueError:
            found = None
    if not isinstance(found, datetime) or found.tzinfo is None:
        shown = value.isoformat() if isinstance(value, date | time) else repr(value)
        raise RehearsalError(f"{field}: {shown[:60]} is no time with an offset: {TIME_ADVICE}")
    if not EARLIEST.year <= found.year < LATEST:
        raise RehearsalError(f"{field}: {value} is no plausible time: write one from {EARLIEST.year} to {LATEST - 1}")
    return found.astimezone(UTC)


def build_action(fields: object, field: str = "do") -> Action:
    """Return an action.

    Args:
        fields: its `type` and what else it has; the type alone, as text, for one that has nothing else.
        field: name of the whole in error messages.

    Raises:
        RehearsalError: there is no such action, or one of its fields has a wrong value; names every such field.

    """
    given = (
        {"type": fields}
        if isinstance(fields, str)
        else {name: _plain(each) for name, each in table(fields, field).items()}
    )
    kind = given.pop("type", None)
    model = MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        advice = suggest(kind, MODELS) if isinstance(kind, str) else f"choose one of {', '.join(sorted(MODELS))}"
        raise RehearsalError(f"{field}.type: there is no action {kind!r}: {advice}")
    faults = [in_words(fault) for fault in validation_errors.find_errors(model, given, field)]
    if faults:
        raise RehearsalError("; ".join(faults))
    try:
        action: Action = msgspec.convert({"type": kind, **given}, Action)
    except msgspec.ValidationError as error:
        raise RehearsalError(in_words(validation_errors.to_field_error(error, Action, field))) from error
    return action


def in_words(fault: FieldError) -> str:
    """Return what is wrong with a field, and what to write instead."""
    return f"{fault.field}: {describe_error(fault.message)}"


def table(value: object, field: str) -> Mapping[str, Any]:
    """Return a value that has to be a table (an object of JSON).

    Raises:
        RehearsalError: it is none.

    """
    if not isinstance(value, Mapping):
        raise RehearsalError(f"{field}: write a table of names and values, not {value!r}"[:300])
    return value


def list_of_tables(value: object, field: str) -> Iterator[Mapping[str, Any]]:
    """Return the tables of a list.

    Raises:
        RehearsalError: it is no list, or something in it is no table.

    """
    if not isinstance(value, list | tuple):
        raise RehearsalError(f"{field}: write a list of tables, not {value!r}"[:300])
    yield from (table(each, f"{field}.{number}") for number, each in enumerate(value, start=1))


def check_names(given: Iterable[str], known: Iterable[str], what: str) -> None:
    """Check that every name is known.

    Raises:
        RehearsalError: names the first that is not, and the known one that is closest to it.

    """
    known = frozenset(known)
    for name in given:
        if name not in known:
            raise RehearsalError(f"there is no {what} {name!r}: {suggest(name, known)}")


def check_actor(pack: Pack, unit: object, level: object) -> None:
    """Check that the pack knows the unit that acts, and the level of authority to compensate.

    Raises:
        RehearsalError: it does not; says what there is.

    """
    if unit is not None:
        check_names([str(unit)], pack.units, "unit")
    if level is not None:
        compensation = pack.outcome.compensation
        known = [rule.level for rule in compensation.levels] if compensation is not None else []
        check_names([str(level)], known, "level of authority")


def _plain(value: Any) -> Any:
    """Return a value with times as text, as JSON has them."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
