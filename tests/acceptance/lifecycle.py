"""A ticket's whole lifecycle. It waits for a day of policy time, so it runs in a thread beside the other tests."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future

from schemas.event import TicketEvent
from tests.builders import eventually
from tests.system import System


class BackgroundJob:
    """Runs a function in a daemon thread and keeps its outcome."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._outcome: Future[None] = Future()
        # A daemon: an aborted test run does not wait for it.
        threading.Thread(target=self._run, args=(job,), name="background-job", daemon=True).start()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - raised again in `wait`
            self._outcome.set_exception(error)
        else:
            self._outcome.set_result(None)

    def wait(self, within: float) -> None:
        """Wait until the function has returned, and raise what it raised.

        Raises:
            TimeoutError: it takes longer than `within` real seconds.

        """
        self._outcome.result(within)


def wait_for_sms(system: System, number: str, pattern: str) -> str:
    """Wait for an SMS that holds a ticket's number and matches a pattern; returns its text."""

    def find() -> str | None:
        texts = (message["text"] for message in system.received_messages("sms"))
        return next((text for text in texts if number in text and re.search(pattern, text)), None)

    found = eventually(find, within=150, why=f"no SMS about {number} matches {pattern!r}")
    assert found is not None
    return found


def play_lifecycle(system: System) -> None:
    """Take a ticket from the first contact to a dissatisfied customer and the re-handle ticket.

    Raises:
        AssertionError: a step has another outcome than it should.

    """
    number = _answer_ticket(system)
    _dissatisfy_customer(system, number)
    _check_rehandling(system, number)


def _answer_ticket(system: System) -> str:
    body = system.contact_body(customer={"phone": system.unique_ids()[1], "name": "王女士"})
    number = str(system.submit(body)["ticket"]["number"])
    wait_for_sms(system, number, "已受理")
    for decision in (
        system.dispatch(number, "network"),
        system.send_command(number, "claim", unit="network", person="王工"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复，请您重新测速", agreement="agreed"),
    ):
        assert decision["outcome"] == "done", decision
    assert "线路已修复" in wait_for_sms(system, number, "线路已修复")

    def unit_notified() -> bool:
        # A unit that gets many notices at once gets them as one digest, which has the number in its text.
        mails = (mail for mail in system.received_messages("mail") if "network@carrier.example" in mail["to"])
        return any(number in mail["subject"] + mail["text"] for mail in mails)

    assert eventually(unit_notified, within=90)
    return number


def _dissatisfy_customer(system: System, number: str) -> None:
    # The callback comes a day after the answer, in the pack's calling hours; only the clock causes it.
    system.wait_for_event(number, "called_back", within=200)
    wait_for_sms(system, number, "1-5")
    survey = {"process": 2, "result": 1, "staff": 4, "comment": "还是慢"}
    for decision in (
        system.send_command(number, "answer_survey", unit=None, survey=survey),
        system.send_command(number, "screen", wrong_handling=True, reason="线路没有复测"),
        system.send_command(number, "close"),
    ):
        assert decision["outcome"] == "done", decision


def _check_rehandling(system: System, number: str) -> None:
    link = system.wait_for_event(number, "linked").ticket.links[0]
    assert link.kind == "rehandled_by"

    def rehandle_number() -> str | None:
        with system.database() as connection:
            row = connection.execute("select number from ledger.ticket where id = %s", (link.ticket_id,)).fetchone()
        return row[0] if row is not None else None

    rehandle = eventually(rehandle_number)
    assert rehandle is not None
    ticket, _ = system.ticket_and_events(rehandle)
    assert (ticket.channel, ticket.classification.department) == ("callback", "network")
    assert ticket.links[0].kind == "rehandle"
    _check_events(system.ticket_and_events(number)[1])


def _check_events(events: list[TicketEvent]) -> None:
    milestones = ["accepted", "answered", "survey_answered", "closed"]
    assert [event.type for event in events if event.type in milestones] == milestones
    assert all(event.rule.rule and event.rule.source and event.actor.name for event in events)
