"""Customers say how it was: by SMS in figures or Chinese, or on a page that any phone shows."""

import base64
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from schemas.command import Actor, Command
from schemas.customer_actions import CallBack
from services.domain import survey_link
from services.domain.survey_link import SurveyInvitation
from services.shared.kafka.publisher import Publisher
from services.shared.kafka.records import outgoing
from tests.builders import eventually
from tests.system import System

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _asked(system: System, **customer: str) -> tuple[str, str]:
    """Bring a ticket to where its customer is asked; returns its number and the customer's phone."""
    phone = system.unique_ids()[1]
    number = system.open_ticket(customer={"phone": phone, "name": "王女士"} | customer)
    for told in (
        system.dispatch(number, "network"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复", agreement="agreed"),
    ):
        assert told["outcome"] == "done", told
    ticket, _ = system.ticket_and_events(number)
    command = Command(
        id=uuid4(),
        ticket_id=ticket.id,
        at=system.clock.now(),
        actor=Actor(kind="service", name="callback"),
        action=CallBack(attempt=1, means="sms"),
    )
    publisher = Publisher(system.kafka, "tests")
    publisher.publish([outgoing(command, "tests")])
    publisher.close()
    system.wait_for_event(number, "called_back")
    return number, phone


def _link(system: System, number: str) -> str:
    """Return the link that the customer got by SMS."""

    def look() -> str | None:
        texts = [
            each["text"] for each in system.received_messages("sms") if number in each["text"] and "/s/" in each["text"]
        ]
        return texts[0].partition("http")[2].partition(" ")[0] if texts else None

    # The night of this clock, in which nobody gets an SMS, takes longer than half a minute.
    found = eventually(look, within=150, why=f"no link for {number}")
    assert found is not None
    return "http" + found


def _write(system: System, phone: str, text: str) -> dict[str, Any]:
    body = {"channel": "sms", "message_id": system.unique_ids()[0], "customer": {"phone": phone}, "text": text}
    return system.submit(body)


@pytest.mark.requirement("R5.4")
def test_an_sms_with_three_figures_is_the_answer_and_no_new_complaint(system: System) -> None:
    number, phone = _asked(system)
    told = system.submit(
        {"channel": "sms", "message_id": system.unique_ids()[0], "customer": {"phone": phone}, "text": "5 4 5 谢谢"}
    )
    assert told["disposition"] == "survey"
    event = system.wait_for_event(number, "survey_answered")
    survey = event.ticket.survey
    assert survey is not None
    assert (survey.process, survey.result, survey.staff, survey.comment) == (5, 4, 5, "谢谢")
    assert event.actor.kind == "customer"


def test_who_was_not_asked_is_a_contact_like_any_other(system: System) -> None:
    told = system.submit(
        {
            "channel": "sms",
            "message_id": system.unique_ids()[0],
            "customer": {"phone": system.unique_ids()[1]},
            "text": "5 4 5",
        }
    )
    assert told["disposition"] == "open"


@pytest.mark.requirement("R5.3")
def test_who_wants_no_question_is_not_asked_again(system: System) -> None:
    number, phone = _asked(system)
    _write(system, phone, "TD")
    assert system.wait_for_event(number, "callback_ended").details["reason"] == "opted_out"


@pytest.mark.requirement("R5.4")
def test_the_page_takes_one_answer_and_says_what_is_missing(system: System) -> None:
    number, _ = _asked(system)
    link = _link(system, number)
    page = httpx.get(link)
    assert page.status_code == 200
    assert number in page.text
    assert page.text.count('type="radio"') == 15
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]

    short = httpx.post(link, data={"process": "2", "comment": "<b>慢</b>"})
    assert short.status_code == 400
    assert short.text.count("请选择分数") == 2
    assert "&lt;b&gt;慢&lt;/b&gt;" in short.text
    assert "提交的内容无法识别" in httpx.post(link, content="a=1&" * 30).text
    assert 'value="2" checked' in short.text

    done = httpx.post(link, data={"process": "2", "result": "1", "staff": "4", "comment": "还是慢"})
    assert "感谢您的评价" in done.text
    event = system.wait_for_event(number, "survey_answered")
    assert event.details["verdict"] == "dissatisfied"
    assert event.ticket.survey is not None
    assert event.ticket.survey.comment == "还是慢"
    again = httpx.post(link, data={"process": "5", "result": "5", "staff": "5"})
    assert again.status_code == 409
    assert "已经评价过" in again.text
    assert "have answered already" in httpx.get(link, headers={"Accept-Language": "en-GB"}).text


def test_links_that_are_over_or_not_ours_are_pages_too(system: System) -> None:
    number, _ = _asked(system)
    ticket, _ = system.ticket_and_events(number)
    secret = system.stack.folder.secret("contact_key")
    old = survey_link.make_token(
        SurveyInvitation(ticket.id, ticket.run, system.clock.now() - timedelta(days=1)), secret
    )
    base = system.stack.intake_url
    assert httpx.get(f"{base}/s/{old}").status_code == 410
    assert "链接已过期" in httpx.get(f"{base}/s/{old}").text
    assert httpx.get(f"{base}/s/nonsense").status_code == 404
    another = survey_link.make_token(SurveyInvitation(ticket.id, 9, system.clock.now() + timedelta(days=1)), secret)
    assert httpx.get(f"{base}/s/{another}").status_code == 410


@pytest.mark.requirement("R5.4")
def test_a_sample_stays_the_same_whatever_is_answered_later(system: System) -> None:
    _asked(system)

    def duban(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "duban", "survey", *words, "--data", str(system.stack.folder.root)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def drawn(*more: str) -> subprocess.CompletedProcess[str]:
        return duban("sample", "--from=2026-03-01", "--until=2030-01-01", "--name=study", "--by=channel", *more)

    first = drawn()
    assert first.returncode == 0, first.stderr
    number, phone = _asked(system)
    again = drawn()
    assert again.stdout == first.stdout
    assert number not in again.stdout
    assert duban("export", "study").stdout == first.stdout
    assert phone not in duban("export", "study", "--contacts").stdout
    assert "study" in duban("list").stdout
    other = drawn("--seed=2")
    assert other.returncode != 0
    assert "another plan" in other.stderr
    assert "survey list" in duban("export", "nothing").stderr


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="there is no chromium here")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_browser_shows_the_page(system: System, tmp_path: Path, language: str) -> None:
    number, _ = _asked(system)
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    picture = tmp_path / "page.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
    subprocess.run(
        [
            browser,
            *options,
            "--window-size=390,1000",
            f"--screenshot={picture}",
            f"{_link(system, number)}?language={language}",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    content = picture.read_bytes()
    assert content.startswith(base64.b64decode("iVBORw0KGgo="))
    assert len(content) > 10_000
