"""The work list of those who call customers (R5.3): what is due, take the next call, and how it ended.

How a call ended is a command like any other: POST /v1/tickets/{number}/commands with record_callback.
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
"""Seconds to wait for the ledger's word that a call is taken."""
MAX_CANDIDATES = 20
"""Calls that are tried before an agent is told that there is none, each once: none stands in the others' way."""

PackFilter = Annotated[str | None, Query(max_length=64, description="only calls of this policy pack")]
CentreFilter = Annotated[
    str | None,
    Query(max_length=64, description="only calls of this centre: headquarters calls escalated cases and appeals"),
]


def install(app: FastAPI, door: HttpContext) -> None:
    """Add the doors to the application."""

    @app.get("/v1/callbacks", tags=["callbacks"])
    async def get_callbacks(
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """List calls that are due in their customers' hours, the most urgent first, without those that are taken."""
        door.senders.authenticate(authorization).require_action("read")
        now = door.require_clock().now()
        found = await door.query(lambda: outcomes.due_calls(door.database, now, limit, pack=pack, centre=centre))
        return JSONResponse({"callbacks": found})

    @app.post("/v1/callbacks/next", tags=["callbacks"])
    async def take_next(
        agent: Annotated[str, Query(min_length=1, max_length=100, description="who calls")],
        pack: PackFilter = None,
        centre: CentreFilter = None,
        authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> JSONResponse:
        """Take the next call that is due: nobody else gets it for half an hour. 404: none is due."""
        who = door.senders.authenticate(authorization)
        who.require_action("commands")
        door.check_rate(who)
        now = door.require_clock().now()
        found = await door.query(
            lambda: outcomes.due_calls(door.database, now, MAX_CANDIDATES, pack=pack, centre=centre)
        )
        for due in found:
            if await _try_take(door, due, agent):
                return JSONResponse(due)
        raise Problem(404, "No call is due", "ask again later; GET /v1/callbacks lists what is due")


async def _try_take(door: HttpContext, due: dict[str, Any], agent: str) -> bool:
    """Ask the ledger for a call; False when somebody else was first, or the ticket is not to be asked about any more.

    Raises:
        Problem: 503 when the ledger does not say in time, so that nobody ends up with two calls.

    """
    clock, ticket = door.require_clock(), UUID(due["ticket_id"])
    command = Command(
        id=command_id(ticket, "start_callback", due["version"], agent),
        ticket_id=ticket,
        at=clock.now(),
        actor=Actor(kind="agent", name=agent),
        expected_version=due["version"],
        action=StartCallback(),
    )
    await door.publish([outgoing(command, "intake")])
    decided = await door.wait_for(
        DECISION_WAIT_SECONDS, lambda: outcomes.command_outcome(door.database, command.id), bool
    )
    if decided is None:
        raise problems.unavailable("it is not decided yet whose call this is: ask again")
    return bool(decided["outcome"] == "done")
