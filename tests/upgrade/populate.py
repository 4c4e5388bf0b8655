"""Fills an empty database with tickets in every state, by the code of the commit in which this file stands.

`python -m tests.upgrade.populate URL STATES`: STATES is the file to which the last record of each ticket on
tickets.state is written, a line of JSON each. The last line printed is JSON: how many tickets there are, and the
business time at which all that is due has been decided. The test of a later commit runs this file as it stands in an
earlier one, so its arguments and what it prints stay as they are.
"""

import argparse
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg
import structlog
from pydantic import SecretStr

from deploy.tools.checkout import PROJECT
from schemas.action import Answer, Claim, Close, Dispatch, FeedBack, Tick
from schemas.command import Action, Command
from schemas.contact import Contact, Settlement
from schemas.ticket import Status, Ticket
from services.domain.ids import contact_id
from services.policies import versions
from services.shared.postgres.migrations import migrate
from tests.builders import PACKS
from tests.database_ledger import DatabaseLedger
from tests.fuzz.decisions import RandomTicket

NOW = datetime(2026, 11, 30, 4, 0, tzinfo=UTC)
"""Business time at the end."""
TICKETS = 25
"""Tickets of each pack."""
AGES = ((0.6, timedelta(days=2)), (0.8, timedelta(days=30)), (0.9, timedelta(days=500)), (1.0, timedelta(days=2200)))
"""How long ago a ticket was opened at most, by its share of all tickets: most clocks of the youngest run, the oldest
are in the archive."""

NEXT: dict[Status, Action] = {
    Status.ACCEPTED: Dispatch(unit="-"),
    Status.DISPATCHED: Claim(person="王工"),
    Status.HANDLING: FeedBack(result="已修复", cause="线路"),
    Status.FED_BACK: Answer(explanation="已修复", result="已修复", cause="线路", agreement="agreed"),
    Status.ANSWERED: Close(cause="线路"),
}
"""The next step of a ticket in each status."""


def populate(url: str, tickets: int = TICKETS, *, seed: int = 1) -> DatabaseLedger:
    """Make the tables of this commit and fill them; returns the ledger, whose connection is open.

    Args:
        url: of an empty database that belongs to its owner.
        tickets: how many each pack gets.
        seed: of everything that is random.

    """
    migrate(SecretStr(url))
    connection = psycopg.connect(url, autocommit=True)
    versions.seed(connection, PROJECT / "policies")
    # What a crash of the server would lose is made again.
    connection.execute("set synchronous_commit = off")
    ledger = DatabaseLedger(connection)
    rng = Random(seed)
    for name in sorted(ledger.packs):
        for number in range(tickets):
            _tell(ledger, name, number, rng)
    ledger.clock.time = NOW
    for (ticket,) in connection.execute("select id from ledger.ticket order by id").fetchall():
        ledger.tick(ticket)
    return ledger


def _tell(ledger: DatabaseLedger, pack: str, number: int, rng: Random) -> None:
    """Open a ticket at some time and let people do this and that, until now at the latest."""
    share = rng.random()
    age = next(age for limit, age in AGES if share <= limit)
    story = RandomTicket(PACKS[pack], rng, NOW - age * rng.uniform(0.05, 1))
    ledger.clock.time = story.now
    ticket = ledger.open(_contact(story, number))
    for _ in range(rng.randint(0, 25)):
        story.now += timedelta(minutes=rng.choice((5, 60, 600, 4000)) * rng.random())
        if story.now >= NOW:
            return
        ledger.clock.time = story.now
        ledger.decide(_command(story, ledger.ticket(ticket)))


def _contact(story: RandomTicket, number: int) -> Contact:
    contact = story.contact()
    if number % 5:
        return contact
    settled = Settlement(outcome="已解决", explanation="已说明", cause="系统原因", owner=story.pack.header.centre)
    return contact.replace(id=contact_id("fuzz", "fuzz", contact.message_id), settlement=settled)


def _command(story: RandomTicket, ticket: Ticket) -> Command:
    """Return what somebody asks for: the next step, or anything, mostly of one who may."""
    rng = story.rng
    action: Action = Tick() if rng.random() < 0.1 else story.action()
    if ticket.status in NEXT and rng.random() < 0.5:
        action = NEXT[ticket.status]
        if isinstance(action, Dispatch):
            action = Dispatch(unit=rng.choice(list(story.pack.units)))
    return story.command(action, story.now, ticket)


def last_states(ledger: DatabaseLedger) -> dict[str, bytes]:
    """Return the last record of each ticket on tickets.state, by its key."""
    return {(record.key or b"").decode(): record.value or b"" for record in ledger.states()}


def main() -> None:
    """Fill the database, write the states, and print what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("states", type=Path)
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    ledger = populate(options.url)
    states = last_states(ledger)
    with options.states.open("w", encoding="utf-8") as file:
        for key, value in states.items():
            file.write(json.dumps({"key": key, "value": json.loads(value)}) + "\n")
    print(json.dumps({"tickets": len(states), "now": NOW.isoformat()}))
    ledger.connection.close()


if __name__ == "__main__":
    main()
