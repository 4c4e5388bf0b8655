"""HTTP routes for commands (R2.7): send one to a ticket, and ask what the ledger has decided on it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, Query, Request
from fastapi.responses import JSONResponse

from schemas.command import Command
from schemas.ticket import Ticket
from services.domain.ids import command_digest
from services.intake import actors, commands, openapi, outcomes, problems
from services.intake.actors import CustomerClaim
from services.intake.domain.envelope import MAX_CONTACT_BYTES, parse_json_object
from services.intake.domain.partial_actions import is_partial
from services.intake.http_context import HttpContext, read_body
from services.intake.outcomes import DecidedCommand, StoredTicket
from services.intake.reading import Reader, ReadingClaim, identify_reader
from services.intake.senders import Sender
from services.shared.kafka.records import outgoing
from services.shared.observability import logs, tracing
from services.shared.runtime.errors import Problem, Retryable

MAX_WAIT_SECONDS = 30.0
"""Real seconds that a request may wait for a decision."""

Wait = Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS, description="seconds to wait for the outcome")]

log = logs.get(__name__)


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application."""

    @app.post("/v1/tickets/{number}/commands", status_code=202, tags=["tickets"], openapi_extra=openapi.COMMAND)
    async def post_command(
        number: str,
        request: Request,
        wait: Wait = 0,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """Send a command to a ticket. 202: it will be decided; ask for the decision by the command's id."""
        sender = context.senders.authenticate(authorization)
        sender.require_action("commands")
        context.check_rate(sender)
        clock = context.require_clock()
        if not idempotency_key:
            raise problems.invalid_field(
                "Idempotency-Key", "missing_id", "send the header, so that a repeated request is not executed twice"
            )
        body = await read_body(request, MAX_CONTACT_BYTES)
        stored = await context.query(lambda: outcomes.ticket_by_number(context.database, number))
        if stored is None or not sender.reaches_pack(stored.pack):
            raise no_such_ticket(number, sender)
        command, identified = commands.parse_command(body, sender, stored.id, clock, idempotency_key, stored.ticket)
        decided = await context.query(lambda: outcomes.decided_digest(context.database, command.id))
        if decided is None:
            await context.query(lambda: _require_right(context, command, stored, identified.claim, sender))
        elif decided != command_digest(command):
            if is_partial(parse_json_object(body)):
                # It was completed from an earlier state, so the first one cannot be compared: its outcome counts.
                return await _accepted(context, command, wait)
            raise Problem.about(
                409,
                "Another command was sent with this Idempotency-Key",
                field="Idempotency-Key",
                reason="conflict",
                what_to_do="send a changed command with a key of its own; GET /v1/commands/<id> returns the outcome of "
                "the first",
            )
        trace = tracing.accept_or_start(request.headers.get(tracing.HEADER))
        await context.publish([outgoing(command, "intake", trace=trace)])
        context.accepted.add(stored.id, command.id)
        return await _accepted(context, command, wait)

    @app.get("/v1/commands/{command}", tags=["tickets"])
    async def get_command(
        command: UUID, wait: Wait = 0, authorization: Annotated[str | None, Header(include_in_schema=False)] = None
    ) -> JSONResponse:
        """Get the ledger's decision on a command of this key, or on a ticket that it may read; says what is missing."""
        sender = context.senders.authenticate(authorization)
        if "read" not in sender.actions:
            sender.require_action("commands")
        context.check_reading_rate(sender)
        reader = identify_reader(context, sender, ReadingClaim(None, None), shows_person=False)
        found = await context.wait_for(wait, lambda: _visible_decision(context, reader, command), bool)
        if found is None:
            raise Problem(
                404,
                "No command with this id",
                "if it was accepted a moment ago, ask again; a key sees its own commands, and those on tickets that it "
                "may read",
                headers={"Retry-After": "1"},
            )
        return JSONResponse(found.outcome)


async def _accepted(context: HttpContext, command: Command, wait: float) -> JSONResponse:
    """Return the response to a command that will be decided, or was, with its outcome if the caller waits for it."""
    response: dict[str, Any] = {"command": str(command.id), "state": "accepted"}
    if wait:
        found = await context.wait_for(wait, lambda: outcomes.command_outcome(context.database, command.id), bool)
        response |= found or {}
    return JSONResponse(response, 202, {"Location": f"/v1/commands/{command.id}"})


def no_such_ticket(number: str, sender: Sender) -> Problem:
    """Return 404 for a number that no ticket within reach of the key has, whether another pack has one or not."""
    return Problem(
        404,
        "No such ticket",
        f"no ticket {number} is within reach of this key, which is for {', '.join(sender.packs)}: look at the number, "
        "or find the ticket with GET /v1/tickets",
    )


def _visible_decision(context: HttpContext, reader: Reader, command: UUID) -> DecidedCommand | None:
    """Return the decision on a command of the key itself, or on a ticket that it may read; None if there is none.

    Raises:
        Retryable: the database is unavailable.

    """
    decided, sender = outcomes.decided_command(context.database, command), reader.sender
    if decided is None or ("commands" in sender.actions and decided.sender == sender.name):
        return decided
    if "read" not in sender.actions or not sender.reaches_pack(decided.pack):
        return None
    stored = outcomes.ticket_by_id(context.database, UUID(decided.outcome["ticket"]["id"]))
    readable = stored is not None and stored.ticket is not None and reader.may_read(stored.ticket)
    return decided if readable else None


def _require_right(
    context: HttpContext, command: Command, stored: StoredTicket, claim: CustomerClaim | None, sender: Sender
) -> None:
    """Check that a new command is allowed on its ticket as it stands; where that cannot be seen, the ledger judges.

    Raises:
        Problem: 403; names who may. 503 when a customer cannot be compared with the ticket.
        Retryable: the database is unavailable.

    """
    ticket = stored.ticket
    if claim is not None:
        if ticket is None:
            raise problems.unavailable("the ticket cannot be read now, so nobody can be proved to be its customer")
        actors.require_own_customer(claim, ticket, sender)
    last = context.accepted.last(stored.id)
    if last is not None and outcomes.decided_digest(context.database, last) is None:
        # What was accepted before and is not decided yet may give the right, so the ledger judges, in their order.
        return
    _judge(context, command, ticket, sender)


def _judge(context: HttpContext, command: Command, ticket: Ticket | None, sender: Sender) -> None:
    try:
        pack = context.packs[ticket.policy.pack] if ticket is not None else None
    except (KeyError, Retryable) as error:
        log.warning("not_judged", ticket=str(command.ticket_id), error=str(error))
        return
    if ticket is None or pack is None:
        return
    try:
        commands.require_right(command, ticket, pack)
    except Problem:
        log.info(
            "not_allowed",
            sender=sender.name,
            unit=command.actor.unit,
            action=command.action.type,
            ticket=str(command.ticket_id),
        )
        raise
