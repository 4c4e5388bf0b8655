"""A paper or a link is on a ticket once, however many it has had: beyond its marks, the ledger asks the events."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from schemas.action import Attach, LinkTo, Remind
from schemas.contact import Evidence
from schemas.ticket import Link
from services.domain.classify import classify
from services.domain.whole_ticket import whole_lists
from services.ledger.domain.bounded_ticket import MARK_LENGTH, MAX_MARKS
from tests.builders import CENTRE, PACK, contact
from tests.database_ledger import DatabaseLedger
from tests.postgres import PostgresServer

PAPERS = 10_000
AT_ONCE = 500
LINKS = MAX_MARKS + 20


@pytest.fixture
def ledger(postgres: PostgresServer) -> Iterator[DatabaseLedger]:
    with postgres.database() as url, psycopg.connect(url, autocommit=True) as connection:
        yield DatabaseLedger(connection)


def scans(*numbers: int) -> Attach:
    return Attach(evidence=tuple(Evidence(kind="scan", reference=f"s3://papers/{number}") for number in numbers))


def link(other: UUID, kind: str = "repeat") -> LinkTo:
    return LinkTo(link=Link(ticket_id=other, kind=kind, reason="the same fault"))


def events(ledger: DatabaseLedger, ticket: UUID) -> list[dict[str, object]]:
    query = "select body from ledger.event where ticket_id = %s order by version"
    return [body for (body,) in ledger.connection.execute(query, [ticket]).fetchall()]


@pytest.mark.requirement("R2.7")
def test_none_of_ten_thousand_papers_is_added_twice(ledger: DatabaseLedger) -> None:
    ticket = ledger.open(contact())
    for first in range(0, PAPERS, AT_ONCE):
        ledger.do(ticket, scans(*range(first, first + AT_ONCE)), unit=CENTRE)
    version = ledger.ticket(ticket).version
    ledger.do(ticket, scans(0, 17, PAPERS - 1), unit=CENTRE)
    assert ledger.ticket(ticket).version == version
    ledger.do(ticket, scans(3, PAPERS, 4, PAPERS), unit=CENTRE)
    stored = ledger.ticket(ticket)
    assert (stored.evidence_count, stored.evidence[-1].reference) == (PAPERS + 1, f"s3://papers/{PAPERS}")
    assert len(stored.evidence_marks) == MAX_MARKS * MARK_LENGTH
    references = [paper["reference"] for paper in whole_lists(events(ledger, ticket))["evidence"]]
    assert len(set(references)) == len(references) == PAPERS + 1


@pytest.mark.requirement("R2.4")
def test_a_link_of_long_ago_is_refused_and_another_kind_of_it_is_not(ledger: DatabaseLedger) -> None:
    ticket = ledger.open(contact())
    others = [ledger.open(contact(f"other {number}")) for number in range(LINKS)]
    for other in others:
        ledger.do(ticket, link(other), unit=CENTRE)
    ledger.do(ticket, link(others[0]), unit=CENTRE)
    ledger.do(ticket, link(others[0], "hot_issue"), unit=CENTRE)
    stored = ledger.ticket(ticket)
    assert stored.links_count == LINKS + 1
    first = contact("again")
    ledger.do(ticket, Remind(contact=first, classification=classify(first, PACK), reason="again"))
    assert ledger.ticket(ticket).link_marks == stored.link_marks
