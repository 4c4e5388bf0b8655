"""HTTP routes for agents who call customers back (R5.3): list the calls that are due, and take the next one.

How a call ended is reported by a command: POST /v1/tickets/{number}/commands with record_callback.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import FastAPI, Header, Query
from fastapi.responses import JSONResponse

from schemas.command import Actor, Command
from schemas.customer_actions import StartCallback
from services.domain.ids import command_id
from services.intake import outcomes, problems
from services.intake.http_context import HttpContext
from services.shared.kafka.records import outgoing
from services.shared.runtime.errors import Problem

DECISION_WAIT_SECONDS = 5.0
"""Real seconds to wait for the ledger's decision that a call is taken."""
MAX_CANDIDATES = 20
"""Due calls that are tried in order before the answer is that none is due, so that a refused one blocks no other."""

PackFilter = Annotated[str | None, Query(max_length=64, description="only calls of this policy pack")]
CentreFilter = Annotated[
    str | None,
    Query(max_length=64, description="only calls of this centre: headquarters calls escalated cases and appeals"),
]


def install(app: FastAPI, context: HttpContext) -> None:
    """Add the routes to the application."""

    @app.get("/v1/callbacks", tags=["callbacks"])
    async def get_callbacks(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """List the calls that are due and not taken, within the customers' calling hours, the most urgent first."""
        context.senders.authenticate(authorization).require_action("read")
        now = context.require_clock().now()
        calls = await context.query(lambda: outcomes.due_calls(context.database, now, limit, pack=pack, centre=centre))
        return JSONResponse({"callbacks": calls})

    @app.post("/v1/callbacks/next", tags=["callbacks"])
    async def take_next(
        agent: Annotated[str, Query(min_length=1, max_length=100, description="the agent who calls")],
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """Take the next call that is due; no other agent gets it for half an hour. 404: no call is due."""
        sender = context.senders.authenticate(authorization)
        sender.require_action("commands")
        context.check_rate(sender)
        now = context.require_clock().now()
        calls = await context.query(
            lambda: outcomes.due_calls(context.database, now, MAX_CANDIDATES, pack=pack, centre=centre)
        )
        for call in calls:
            if await _try_take(context, call, agent):
                return JSONResponse(call)
        raise Problem(404, "No call is due", "ask again later; GET /v1/callbacks lists what is due")


async def _try_take(context: HttpContext, call: dict[str, Any], agent: str) -> bool:
    """Ask the ledger for a call; False when another agent was first or the call is no longer wanted.

    Raises:
        Problem: 503 when the ledger does not decide in time, so that no agent ends up with two calls.

    """
    clock, ticket = context.require_clock(), UUID(call["ticket_id"])
    command = Command(
        id=command_id(ticket, "start_callback", call["version"], agent),
        ticket_id=ticket,
        at=clock.now(),
        actor=Actor(kind="agent", name=agent),
        expected_version=call["version"],
        action=StartCallback(),
    )
    await context.publish([outgoing(command, "intake")])
    decision = await context.wait_for(
        DECISION_WAIT_SECONDS, lambda: outcomes.command_outcome(context.database, command.id), bool
    )
    if decision is None:
        raise problems.unavailable("the call has not been assigned yet: ask again")
    return bool(decision["outcome"] == "done")
