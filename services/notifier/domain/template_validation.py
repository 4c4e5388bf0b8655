"""Validates letters: renders every template with sample data before a policy that uses it is applied (R5.7). Pure."""

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
from services.notifier.domain.notices import Notice, SurveyPage, plan_hot_issue_notices, plan_notices

LANGUAGES = ("zh", "en")
"""Languages in which a customer may be written to."""
APOLOGISED = "apologised"
AT = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
PAGE = SurveyPage("https://complaints.example", "samples")
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
"""Sample values of event details; any other detail is filled with its own name."""
PROMISE, NAME, LINK, CLOCK = "promised_at", "name", "link", "clock"
TICKET_VARIABLES = (PROMISE, NAME, LINK)
"""Variables that any ticket may lack, whatever the event."""

_NONE = re.compile(r"\bNone\b")


@dataclass(frozen=True, slots=True)
class TemplateSample:
    """A template with sample data to render it with.

    Attributes:
        template: name of the letter.
        description: event, missing details and recipient of the sample, for messages.
        context: variables of the template.

    """

    template: str
    description: str
    context: Mapping[str, Any]


def problems(templates: TemplateLibrary, pack: Pack) -> Iterator[str]:
    """Return the first problem of each letter in each language, as file, line, reason and what to do."""
    reported: set[tuple[str, str]] = set()
    for sample in samples(pack):
        for language in LANGUAGES:
            if (language, sample.template) in reported:
                continue
            file = f"letters/{language}/{sample.template}.txt"
            problem = _problem(templates, sample, language, file)
            if problem is not None:
                reported.add((language, sample.template))
                yield problem


def samples(pack: Pack) -> Iterator[TemplateSample]:
    """Return samples of every notice that a pack sends: first with all optional details, then without each of them."""
    for type_ in pack.notices.by_event:
        if type_ == HOT_ISSUE_OPENED:
            yield from _hot_issue_samples(pack)
            continue
        for event, page, without in _events(type_, pack):
            for notice in plan_notices(event, pack, page):
                yield from _notice_samples(notice, f"sent for {type_}{without}")


def _notice_samples(notice: Notice, description: str) -> Iterator[TemplateSample]:
    recipient = CUSTOMER if notice.audience == CUSTOMER else "units"
    yield TemplateSample(notice.template, f"{description}, to {recipient}", notice.context)
    if recipient != CUSTOMER:
        digest = {"count": 2, "subjects": ["预警", "催办"], "number": notice.ticket_number}
        yield TemplateSample(DIGEST, f"{description}, in a digest, to {recipient}", notice.context | digest)


def _hot_issue_samples(pack: Pack) -> Iterator[TemplateSample]:
    business = next((type_.code for type_ in pack.types.business), "business")
    problem = next((type_.code for type_ in pack.types.problem), "problem")
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
        for notice in plan_hot_issue_notices(issue, pack):
            without = "" if usual is not None else " without usual"
            yield TemplateSample(notice.template, f"sent for {HOT_ISSUE_OPENED}{without}, to units", notice.context)


def _events(type_: str, pack: Pack) -> Iterator[tuple[TicketEvent, SurveyPage | None, str]]:
    """Return sample events of a type, each with the survey page, if there is one, and a note of what it lacks."""
    fields = EVENTS.get(type_, ENTRY)
    optional = [*TICKET_VARIABLES, *sorted(fields.sometimes - {"on_the_spot"})]
    if fields.threshold == "sometimes":
        optional.append(CLOCK)
    variants = [frozenset[str](), *(frozenset({name}) for name in optional), frozenset(optional)]
    extras = [{}] if type_ != APOLOGISED else [_apology(rule.letter, rule.needs) for rule in pack.notices.apologies]
    for extra in extras:
        for missing in variants:
            without = f" without {', '.join(sorted(missing))}" if missing else ""
            yield _event(type_, fields, extra, missing, pack), None if LINK in missing else PAGE, without


def _apology(letter: str, needs: tuple[str, ...]) -> dict[str, Any]:
    return {"letter": letter, "facts": {name: f"<{name}>" for name in needs}}


def _event(
    type_: str, fields: EventDetails, extra: Mapping[str, Any], missing: frozenset[str], pack: Pack
) -> TicketEvent:
    """Return a sample event without the details named in `missing`."""
    present = (fields.always | fields.sometimes) - missing - {"on_the_spot"}
    values = {**VALUES, "unit": _unit(pack), "clock": pack.limits.clocks[0].name}
    details = {**{name: values.get(name, f"<{name}>") for name in sorted(present)}, **extra}
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
        actor=Actor(kind="service", name="samples"),
        command_id=UUID(int=3),
        rule=Reason(subject="sample", value="sample", rule="sample", source="sample"),
        threshold=None if fields.threshold == "never" or CLOCK in missing else _breach(pack),
        details=details,
        ticket=ticket,
    )


def _breach(pack: Pack) -> Fired:
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


def _problem(templates: TemplateLibrary, sample: TemplateSample, language: str, file: str) -> str | None:
    """Return what is wrong with a letter: file and line, the reason, and what to do; None when nothing is."""
    available = sorted(name for name, value in sample.context.items() if value not in (None, "", {}))
    available += [f"facts.{name}" for name in sample.context.get("facts") or ()]
    advice = f"use one of {', '.join(available)}, and put `{{% if ... %}}` around the rest"
    try:
        unknown = sorted(templates.variables(sample.template, language) - sample.context.keys())
        letter = templates.render(sample.template, language, sample.context) if not unknown else None
    except TemplateError as error:
        return _template_error(error, sample, file, advice)
    if letter is None:
        return f"{file}: there is no {', '.join(unknown)}, {sample.description}: {advice}"
    if not letter.subject or not letter.body:
        part = "text" if letter.subject else "subject"
        return f"{file}: it has no {part}, {sample.description}: write the subject in line 1 and the text below"
    if _NONE.search(f"{letter.subject}\n{letter.body}"):
        return f"{file}: it reads None, {sample.description}: {advice}"
    return None


def _template_error(error: TemplateError, sample: TemplateSample, file: str, advice: str) -> str:
    if isinstance(error, TemplateNotFound):
        if error.name == file.removeprefix("letters/"):
            return f"{file} is missing, {sample.description}: write it, or name another letter in notices.toml"
        return f"{file}:{_line(error, file)}: there is no {error.name} to include: write its text here"
    if isinstance(error, TemplateSyntaxError):
        return (
            f"{file}:{error.lineno}: {error.message}: write {{{{ name }}}}, {{% if name %}} and {{% endif %}} in full"
        )
    return f"{file}:{_line(error, file)}: {error.message}, {sample.description}: {advice}"


def _line(error: TemplateError, file: str) -> int:
    """Return the line of a template at which an expression failed."""
    traceback, line = (error.__cause__ or error).__traceback__, 1
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename.endswith(file.removeprefix("letters/")):
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
