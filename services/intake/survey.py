"""The survey page: three questions and a comment, without scripts, for any phone; one answer per link (R5.4)."""

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
"""Bytes of a submitted form."""
MAX_FORM_FIELDS = 20
"""Fields of a submitted form."""
MAX_COMMENT_LENGTH = 500
"""Characters of a comment; the rest is cut."""
QUESTIONS = ("process", "result", "staff")
LANGUAGES = ("zh", "en")
PAGES = {400: "unreadable", 404: "unknown", 409: "answered", 410: "expired", 413: "unreadable"}
"""Page by HTTP status; any other status shows the page `later`."""
DECISION_WAIT_SECONDS = 5.0
"""Real seconds to wait for the ledger's decision on an answer."""
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


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application; errors are pages, too, because a browser asks."""

    @app.get("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def ask(token: str, request: Request) -> HTMLResponse:
        try:
            ticket = await _find_invited_ticket(context, token)
        except Problem as error:
            return _problem_page(error, request)
        return _render("ask", _language(request, ticket), number=ticket["number"], missing=(), answers={})

    @app.post("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
    async def answer(token: str, request: Request) -> HTMLResponse:
        try:
            ticket = await _find_invited_ticket(context, token)
            answers = _parse_form(await read_body(request, MAX_FORM_BYTES))
            language = _language(request, ticket)
            scores = {question: answers.get(question, "") for question in QUESTIONS}
            missing = [question for question, score in scores.items() if score not in {"1", "2", "3", "4", "5"}]
            if missing:
                return _render("ask", language, 400, number=ticket["number"], missing=missing, answers=answers)
            comment = answers.get("comment", "").strip()[:MAX_COMMENT_LENGTH] or None
            given: dict[str, Any] = {question: int(score) for question, score in scores.items()}
            survey = Survey(**given, comment=comment)
            command = _command(ticket["invitation"], survey, context)
            await context.publish([outgoing(command, "intake")])
            decision = await context.wait_for(
                DECISION_WAIT_SECONDS, lambda: outcomes.command_outcome(context.database, command.id), bool
            )
        except Problem as error:
            return _problem_page(error, request)
        repeated = decision is not None and decision["outcome"] == "refused"
        return _render("answered" if repeated else "thanks", language, number=ticket["number"])


async def _find_invited_ticket(context: HttpContext, token: str) -> dict[str, Any]:
    """Return the ticket of a link, with its invitation.

    Raises:
        Problem: 404 when the link is invalid, 410 when it has expired, 409 when it has been answered.

    """
    invitation = survey_link.read_token(token, context.settings.contact_key_secret.get_secret_value())
    if invitation is None:
        raise Problem(404, "unknown")
    if context.require_clock().now() > invitation.until:
        raise Problem(410, "expired")
    ticket = await context.query(lambda: outcomes.survey_ticket(context.database, invitation.ticket_id))
    if ticket is None or ticket["run"] != invitation.run:
        raise Problem(410, "expired")
    if ticket["answered"]:
        raise Problem(409, "answered")
    return ticket | {"invitation": invitation}


def _command(invitation: SurveyInvitation, survey: Survey, context: HttpContext) -> Command:
    """Build the command with the answer; its id is derived from the link, so that only the first answer counts."""
    return Command(
        id=command_id(invitation.ticket_id, "survey link", invitation.run),
        ticket_id=invitation.ticket_id,
        at=context.require_clock().now(),
        actor=Actor(kind="customer", name="customer", proof="survey_link"),
        action=AnswerSurvey(survey=survey),
    )


def _parse_form(body: bytes) -> dict[str, str]:
    """Parse a submitted form.

    Raises:
        Problem: 400 when it has more fields than the page.

    """
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), max_num_fields=MAX_FORM_FIELDS))
    except ValueError as error:
        raise Problem(400, "unreadable") from error


def _language(request: Request, ticket: dict[str, Any]) -> str:
    """Return the language that the visitor chose, else the customer's."""
    chosen = request.query_params.get("language")
    return chosen if chosen in LANGUAGES else str(ticket["language"]) if ticket["language"] in LANGUAGES else "zh"


def _problem_page(error: Problem, request: Request) -> HTMLResponse:
    """Render the page for an error, in the language of the request."""
    chosen = request.query_params.get("language") or request.headers.get("accept-language", "")
    page = PAGES.get(error.status, "later")
    return _render(page, "en" if chosen.lower().startswith("en") else "zh", error.status, number="")


def _render(name: str, language: str, status: int = 200, **values: Any) -> HTMLResponse:
    text = pages.get_template("survey.html").render(page=name, language=language, questions=QUESTIONS, **values)
    return HTMLResponse(text, status, headers=HEADERS)
