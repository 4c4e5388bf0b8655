"""What the ledger counts on a real database before a ticket joins a hot issue (R3.7, DESIGN 4)."""

from datetime import timedelta

import psycopg
import pytest

from schemas.action import JoinHotIssue
from schemas.contact import Customer
from services.domain.ids import hot_issue_id
from services.ledger.domain.reclassification import HOT_ISSUE_TICKETS, issue_key
from tests.builders import MINUTE, contact
from tests.database_ledger import DatabaseLedger
from tests.postgres import PostgresServer


@pytest.mark.requirement("R3.7")
def test_tickets_join_a_hot_issue_once_the_ledger_has_enough_of_its_kind(postgres: PostgresServer) -> None:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        ledger = DatabaseLedger(connection)

        def open_ticket(number: int, city: str = "长沙") -> None:
            customer = Customer(phone=f"+86138{number:08}", city=city)
            opened.append(ledger.open(contact(f"m{number}", at=ledger.clock.now(), customer=customer)))

        opened: list[object] = []
        open_ticket(0)
        ledger.clock.time += timedelta(hours=5)
        for number in range(1, HOT_ISSUE_TICKETS):
            open_ticket(number)
            open_ticket(100 + number, "岳阳")
        last = ledger.ticket(opened[-2])  # type: ignore[arg-type]
        key, opened_at = issue_key(last), ledger.clock.now()
        assert key is not None
        joining = JoinHotIssue(issue=hot_issue_id(key, opened_at), tickets=12, opened_at=opened_at)
        # The one of five hours ago, and those of another city, do not count.
        ledger.do(last.id, joining)
        assert ledger.ticket(last.id).hot_issue is None
        refused = connection.execute("select refusal ->> 'code' from ledger.command where outcome = 'refused'")
        assert refused.fetchall() == [("not_confirmed",)]
        ledger.clock.time += MINUTE
        open_ticket(200)
        ledger.do(last.id, joining)
        assert ledger.ticket(last.id).hot_issue == joining.issue
