"""The survey page: three questions and a word, on any phone, without a script; one answer for each link (R5.4)."""

from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from schemas.command import Actor, Command
from schemas.customer_actions import AnswerSurvey
from schemas.ticket import Survey
from services.domain import survey_link
from services.domain.ids import command_id
from services.domain.survey_link import SurveyInvitation
from services.intake import outcomes
from services.intake.http_context import HttpContext, read_body
from services.shared.kafka.records import outgoing
from services.shared.runtime.errors import Problem

MAX_FORM_BYTES = 16 * 1024
MAX_FORM_FIELDS = 20
MAX_COMMENT_LENGTH = 500
QUESTIONS = ("process", "result", "staff")
LANGUAGES = ("zh", "en")
PAGES = {400: "unreadable", 404: "unknown", 409: "answered", 410: "over", 413: "unreadable"}
"""What is shown for a problem; any other is of a moment."""
DECISION_WAIT_SECONDS = 5.0
CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}

pages = Environment(
    loader=PackageLoader("services.intake", "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
)


def install(app: FastAPI, door: HttpContext) -> None:
    """Add the page to the application; a browser gets pages, whatever happens."""

    @app.get("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def ask(token: str, request: Request) -> HTMLResponse:
        try:
            found = await _find_invited_ticket(door, token)
        except Problem as error:
            return _problem_page(error, request)
        return _render("ask", _language(request, found), number=found["number"], missing=(), given={})

    @app.post("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def answer(token: str, request: Request) -> HTMLResponse:
        try:
            found = await _find_invited_ticket(door, token)
            given = _parse_form(await read_body(request, MAX_FORM_BYTES))
            language = _language(request, found)
            scores = {each: given.get(each, "") for each in QUESTIONS}
            missing = [each for each, score in scores.items() if score not in {"1", "2", "3", "4", "5"}]
            if missing:
                return _render("ask", language, 400, number=found["number"], missing=missing, given=given)
            comment = given.get("comment", "").strip()[:MAX_COMMENT_LENGTH] or None
            survey = Survey(**{each: int(score) for each, score in scores.items()}, comment=comment)
            command = _command(found["invitation"], survey, door)
            await door.publish([outgoing(command, "intake")])
            decided = await door.wait_for(
                DECISION_WAIT_SECONDS, lambda: outcomes.command_outcome(door.database, command.id), bool
            )
        except Problem as error:
            return _problem_page(error, request)
        again = decided is not None and decided["outcome"] == "refused"
        return _render("answered" if again else "thanks", language, number=found["number"])


async def _find_invited_ticket(door: HttpContext, token: str) -> dict[str, Any]:
    """Return the ticket that a link is for.

    Raises:
        Problem: 404 no link of ours, 410 over, 409 answered before.

    """
    invitation = survey_link.read_token(token, door.settings.contact_key_secret.get_secret_value())
    if invitation is None:
        raise Problem(404, "unknown")
    if door.require_clock().now() > invitation.until:
        raise Problem(410, "over")
    ticket = await door.query(lambda: outcomes.survey_ticket(door.database, invitation.ticket_id))
    if ticket is None or ticket["run"] != invitation.run:
        raise Problem(410, "over")
    if ticket["answered"]:
        raise Problem(409, "answered")
    return ticket | {"invitation": invitation}


def _command(invitation: SurveyInvitation, survey: Survey, door: HttpContext) -> Command:
    """Return the answer; its id is the link's, so the first answer counts and no other."""
    return Command(
        id=command_id(invitation.ticket_id, "survey link", invitation.run),
        ticket_id=invitation.ticket_id,
        at=door.require_clock().now(),
        actor=Actor(kind="customer", name="customer"),
        action=AnswerSurvey(survey=survey),
    )


def _parse_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        Problem: 400, no form of ours has as many.

    """
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_FORM_FIELDS))
    except ValueError as error:
        raise Problem(400, "unreadable") from error


def _language(request: Request, found: dict[str, Any]) -> str:
    """Return the language that the visitor chose, or else the customer's."""
    chosen = request.query_params.get("language")
    return chosen if chosen in LANGUAGES else str(found["language"]) if found["language"] in LANGUAGES else "zh"


def _problem_page(error: Problem, request: Request) -> HTMLResponse:
    chosen = request.query_params.get("language") or request.headers.get("accept-language", "")
    page = PAGES.get(error.status, "later")
    return _render(page, "en" if chosen.lower().startswith("en") else "zh", error.status, number="")


def _render(name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    text = pages.get_template("survey.html").render(page=name, language=language, questions=QUESTIONS, **values)
    return HTMLResponse(text, status, headers=HEADERS)
