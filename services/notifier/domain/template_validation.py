"""Proofs of every letter: each is written about examples before an event writes it to a customer (R5.7). Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from schemas.command import Actor
from schemas.contact import Customer
from schemas.event import Fired, TicketEvent
from schemas.hot_issue import HotIssue
from schemas.ticket import Classification, Reason, Status, Ticket
from services.domain.events import ENTRY, EVENTS, EventDetails
from services.domain.policy.notices import CUSTOMER, HOT_ISSUE_OPENED
from services.domain.policy.pack import Pack
from services.notifier.domain.letters import DIGEST, TemplateLibrary
from services.notifier.domain.notices import Notice, SurveyPage, notices, of_hot_issue

LANGUAGES = ("zh", "en")
"""Those that a customer may ask for."""
APOLOGISED = "apologised"
AT = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
PAGE = SurveyPage("https://complaints.example", "proofs")
PERSON = Customer(name="王女士", phone="+8613800000101", email="wang@mail.example")
VALUES: Mapping[str, Any] = {
    "about": "answer",
    "attempt": 1,
    "committed_until": (AT + timedelta(days=3)).isoformat(),
    "due_at": (AT + timedelta(days=1)).isoformat(),
    "explanation": "小区光缆被施工挖断",
    "level": 1,
    "means": "sms",
    "notifies": (),
    "reason": "客户要求尽快处理",
    "result": "光缆已修复，网速已恢复",
    "text": "维修人员已到现场",
}
"""What the examples say; whatever is not here stands there by its own name."""
PROMISE, NAME, LINK, CLOCK = "promised_at", "name", "link", "clock"
OF_THE_TICKET = (PROMISE, NAME, LINK)
"""What a letter may have to do without, whatever the event."""

_NONE = re.compile(r"\bNone\b")


@dataclass(frozen=True, slots=True)
class TemplateSample:
    """An example of what one letter is written about.

    Attributes:
        template: the letter.
        about: event, reader, and what the example has not, for people.
        context: what the letter is given.

    """

    template: str
    about: str
    context: Mapping[str, Any]


def problems(letters: TemplateLibrary, pack: Pack) -> Iterator[str]:
    """Return what a customer would find out otherwise, the first fault of each letter in each language."""
    told: set[tuple[str, str]] = set()
    for proof in proofs(pack):
        for language in LANGUAGES:
            file = f"letters/{language}/{proof.template}.txt"
            if (language, proof.template) in told:
                continue
            fault = _fault(letters, proof, language, file)
            if fault is not None:
                told.add((language, proof.template))
                yield fault


def proofs(pack: Pack) -> Iterator[TemplateSample]:
    """Return examples of everything that a pack tells: with all that there may be, then without this or that."""
    for type_ in pack.notices.by_event:
        if type_ == HOT_ISSUE_OPENED:
            yield from _of_hot_issues(pack)
            continue
        for event, page, without in _events(type_, pack):
            for notice in notices(event, pack, page):
                yield from _of_notice(notice, f"told of {type_}{without}")


def _of_notice(notice: Notice, about: str) -> Iterator[TemplateSample]:
    reader = CUSTOMER if notice.audience == CUSTOMER else "units"
    yield TemplateSample(notice.template, f"{about}, to {reader}", notice.context)
    if reader != CUSTOMER:
        several = {"count": 2, "subjects": ["预警", "催办"], "number": notice.ticket_number}
        yield TemplateSample(DIGEST, f"{about}, in one letter with others, to {reader}", notice.context | several)


def _of_hot_issues(pack: Pack) -> Iterator[TemplateSample]:
    business = next((each.code for each in pack.types.business), "business")
    problem = next((each.code for each in pack.types.problem), "problem")
    for usual in (3.25, None):
        issue = HotIssue(
            id=UUID(int=1),
            version=1,
            policy=pack.header.name,
            business_type=business,
            problem_type=problem,
            region="长沙",
            status="open",
            opened_at=AT,
            updated_at=AT,
            recent=12,
            usual=usual,
            tickets=12,
            peak=12,
        )
        for notice in of_hot_issue(issue, pack):
            without = "" if usual is not None else " without usual"
            yield TemplateSample(notice.template, f"told of {HOT_ISSUE_OPENED}{without}, to units", notice.context)


def _events(type_: str, pack: Pack) -> Iterator[tuple[TicketEvent, SurveyPage | None, str]]:
    """Return examples of events of a type, each with the survey page, if there is one, and what it has not."""
    told = EVENTS.get(type_, ENTRY)
    optional = [*OF_THE_TICKET, *sorted(told.sometimes - {"on_the_spot"})]
    if told.threshold == "sometimes":
        optional.append(CLOCK)
    variants = [frozenset[str](), *(frozenset({each}) for each in optional), frozenset(optional)]
    given = [{}] if type_ != APOLOGISED else [_apology(each.letter, each.needs) for each in pack.notices.apologies]
    for extra in given:
        for missing in variants:
            without = f" without {', '.join(sorted(missing))}" if missing else ""
            yield _event(type_, told, extra, missing, pack), None if LINK in missing else PAGE, without


def _apology(letter: str, needs: tuple[str, ...]) -> dict[str, Any]:
    return {"letter": letter, "facts": {each: f"<{each}>" for each in needs}}


def _event(
    type_: str, told: EventDetails, extra: Mapping[str, Any], missing: frozenset[str], pack: Pack
) -> TicketEvent:
    """Return an example of an event, without what is named as missing."""
    there = (told.always | told.sometimes) - missing - {"on_the_spot"}
    values = {**VALUES, "unit": _unit(pack), "clock": pack.limits.clocks[0].name}
    details = {**{each: values.get(each, f"<{each}>") for each in sorted(there)}, **extra}
    # Only an answer on the spot was explained in person.
    if type_ == "answered" and "explanation" in missing:
        details["on_the_spot"] = True
    ticket = _ticket(pack, missing)
    return TicketEvent(
        id=UUID(int=2),
        ticket_id=ticket.id,
        version=1,
        type=type_,
        at=AT,
        recorded_at=AT,
        actor=Actor(kind="service", name="proofs"),
        command_id=UUID(int=3),
        rule=Reason(subject="proof", value="proof", rule="proof", source="proof"),
        threshold=None if told.threshold == "never" or CLOCK in missing else _fired(pack),
        details=details,
        ticket=ticket,
    )


def _fired(pack: Pack) -> Fired:
    name = pack.limits.clocks[0].name
    return Fired(clock=name, run=1, limit=1, threshold="breach", due_at=AT, outcome="fired")


def _unit(pack: Pack) -> str:
    return next((code for code in pack.units if code != pack.header.centre), pack.header.centre)


def _ticket(pack: Pack, missing: frozenset[str]) -> Ticket:
    return Ticket(
        id=UUID(int=4),
        number="TS20260312000001",
        version=1,
        policy=pack.reference,
        status=Status.DISPATCHED,
        contact_id=UUID(int=5),
        channel="web",
        sender="web",
        accepted_at=AT,
        contacted_at=AT,
        updated_at=AT,
        customer=PERSON.replace(name=None) if NAME in missing else PERSON,
        subject="家里宽带网速很慢",
        classification=Classification(kind=pack.routing.kinds[0], tier=min(pack.tiers), priority=2),
        centre=pack.header.centre,
        unit=_unit(pack),
        promised_at=None if PROMISE in missing else AT + timedelta(days=2),
        reminders=2,
    )


def _fault(letters: TemplateLibrary, proof: TemplateSample, language: str, file: str) -> str | None:
    """Return what is wrong with a letter: file and line, the reason, and what to do."""
    given = sorted(name for name, value in proof.context.items() if value not in (None, "", {}))
    given += [f"facts.{each}" for each in proof.context.get("facts") or ()]
    choose = f"it has {', '.join(given)} then; ask `{{% if ... %}}` about the rest"
    try:
        unknown = sorted(letters.names(proof.template, language) - proof.context.keys())
        letter = letters.write(proof.template, language, proof.context) if not unknown else None
    except TemplateError as error:
        return _broken(error, proof, file, choose)
    if letter is None:
        return f"{file}: nobody gives it {', '.join(unknown)}, {proof.about}: {choose}"
    if not letter.subject or not letter.body:
        return f"{file}: it has no {'text' if letter.subject else 'subject'}, {proof.about}: line 1 is the subject"
    if _NONE.search(f"{letter.subject}\n{letter.body}"):
        return f"{file}: it reads None, {proof.about}: {choose}"
    return None


def _broken(error: TemplateError, proof: TemplateSample, file: str, choose: str) -> str:
    if isinstance(error, TemplateNotFound):
        if error.name == file.removeprefix("letters/"):
            return f"{file} is missing, {proof.about}: write it, or name another letter in notices.toml"
        return f"{file}:{_line(error, file)}: there is no {error.name} to include: write its text here"
    if isinstance(error, TemplateSyntaxError):
        return (
            f"{file}:{error.lineno}: {error.message}: write {{{{ name }}}}, {{% if name %}} and {{% endif %}} in full"
        )
    return f"{file}:{_line(error, file)}: {error.message}, {proof.about}: {choose}"


def _line(error: TemplateError, file: str) -> int:
    """Return the line of a template in which an expression failed."""
    step, line = (error.__cause__ or error).__traceback__, 1
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith(file.removeprefix("letters/")):
            line = step.tb_lineno
        step = step.tb_next
    return line
