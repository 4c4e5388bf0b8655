"""A complaint's whole life. A day of it is spent waiting for the clock, so it is led while other tests run."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import Future

from tests.builders import eventually
from tests.system import System


class Meanwhile:
    """A job in a thread of its own."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._ended: Future[None] = Future()
        # Nobody waits for it when the run is over before it is.
        threading.Thread(target=self._run, args=(job,), name="meanwhile", daemon=True).start()

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is told
            self._ended.set_exception(error)
        else:
            self._ended.set_result(None)

    def end(self, within: float) -> None:
        """Wait for its end.

        Raises:
            TimeoutError: it takes longer; else whatever went wrong in it.

        """
        self._ended.result(within)


def sms_to(system: System, number: str, words: str) -> str:
    """Wait for an SMS about a ticket and return its text."""

    def look() -> str | None:
        texts = (each["text"] for each in system.received_messages("sms"))
        return next((each for each in texts if number in each and re.search(words, each)), None)

    found = eventually(look, within=150, why=f"nobody got an SMS about {number} with {words!r}")
    assert found is not None
    return found


def whole_life(system: System) -> None:
    """Lead a complaint from the first contact to a case that is handled again.

    Raises:
        AssertionError: something on the way is not as it should be.

    """
    body = system.contact_body(customer={"phone": system.unique_ids()[1], "name": "王女士"})
    number = system.submit(body)["ticket"]["number"]
    sms_to(system, number, "已受理")
    for told in (
        system.dispatch(number, "network"),
        system.send_command(number, "claim", unit="network", person="王工"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复，请您重新测速", agreement="agreed"),
    ):
        assert told["outcome"] == "done", told
    assert "线路已修复" in sms_to(system, number, "线路已修复")

    def dispatched() -> bool:
        # A department that gets many at once gets them in one letter, which names them in its text.
        mails = (each for each in system.received_messages("mail") if "network@carrier.example" in each["to"])
        return any(number in each["subject"] + each["text"] for each in mails)

    assert eventually(dispatched, within=90)

    # The customer is asked a day after the answer, in the pack's hours: nobody but the clock starts that.
    system.wait_for_event(number, "called_back", within=200)
    assert re.search("1-5", sms_to(system, number, "1-5"))
    survey = {"process": 2, "result": 1, "staff": 4, "comment": "还是慢"}
    assert system.send_command(number, "answer_survey", unit=None, survey=survey)["outcome"] == "done"
    assert system.send_command(number, "screen", wrong_handling=True, reason="线路没有复测")["outcome"] == "done"
    assert system.send_command(number, "close")["outcome"] == "done"

    link = system.wait_for_event(number, "linked").ticket.links[0]
    assert link.kind == "rehandled_by"

    def rehandled() -> str | None:
        with system.database() as connection:
            row = connection.execute("select number from ledger.ticket where id = %s", (link.ticket_id,)).fetchone()
        return row[0] if row is not None else None

    again = eventually(rehandled)
    assert again is not None
    ticket, _ = system.ticket_and_events(again)
    assert (ticket.channel, ticket.classification.department) == ("callback", "network")
    assert ticket.links[0].kind == "rehandle"
    _, events = system.ticket_and_events(number)
    assert [each.type for each in events if each.type in {"accepted", "answered", "survey_answered", "closed"}] == [
        "accepted",
        "answered",
        "survey_answered",
        "closed",
    ]
    assert all(each.rule.rule and each.rule.source and each.actor.name for each in events)
