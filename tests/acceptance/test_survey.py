"""Surveys: answered by SMS or on a page, opted out of, and sampled for a study."""

import base64
import shutil
import subprocess
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


def _send_survey(system: System, **customer: str) -> tuple[str, str]:
    """Answer a ticket and send its survey by SMS; returns its number and the customer's phone."""
    phone = system.unique_ids()[1]
    number = system.open_ticket(customer={"phone": phone, "name": "王女士"} | customer)
    for decision in (
        system.dispatch(number, "network"),
        system.send_command(number, "feed_back", unit="network", result="已修复", cause="光缆中断"),
        system.send_command(number, "answer", explanation="线路已修复", agreement="agreed"),
    ):
        assert decision["outcome"] == "done", decision
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


def _survey_link(system: System, number: str) -> str:
    """Wait for the SMS with the link to the survey's page and return the link."""

    def find() -> str | None:
        texts = [sms["text"] for sms in system.received_messages("sms")]
        links = [text.partition("http")[2] for text in texts if number in text and "/s/" in text]
        return links[0].partition(" ")[0] if links else None

    # SMS wait for the end of the quiet hours, which take up to half a real minute.
    found = eventually(find, within=150, why=f"no SMS has a link for {number}")
    assert found is not None
    return "http" + found


def _send_sms(system: System, phone: str, text: str) -> dict[str, Any]:
    """Submit an SMS of a customer and return the response."""
    body = {"channel": "sms", "message_id": system.unique_ids()[0], "customer": {"phone": phone}, "text": text}
    return system.submit(body)


@pytest.mark.requirement("R5.4")
def test_an_sms_with_three_digits_answers_the_survey(system: System) -> None:
    number, phone = _send_survey(system)
    assert _send_sms(system, phone, "5 4 5 谢谢")["disposition"] == "survey"
    event = system.wait_for_event(number, "survey_answered")
    survey = event.ticket.survey
    assert survey is not None
    assert (survey.process, survey.result, survey.staff, survey.comment) == (5, 4, 5, "谢谢")
    assert event.actor.kind == "customer"


def test_three_digits_without_a_survey_open_a_ticket(system: System) -> None:
    assert _send_sms(system, system.unique_ids()[1], "5 4 5")["disposition"] == "open"


@pytest.mark.requirement("R5.3")
def test_a_customer_who_opts_out_gets_no_further_survey(system: System) -> None:
    number, phone = _send_survey(system)
    _send_sms(system, phone, "TD")
    assert system.wait_for_event(number, "callback_ended").details["reason"] == "opted_out"


@pytest.mark.requirement("R5.4")
def test_the_page_needs_no_script_and_names_missing_scores(system: System) -> None:
    number, _ = _send_survey(system)
    link = _survey_link(system, number)
    page = httpx.get(link)
    assert page.status_code == 200
    assert number in page.text
    assert page.text.count('type="radio"') == 15
    assert "<script" not in page.text
    assert "script-src" not in page.headers["content-security-policy"]

    incomplete = httpx.post(link, data={"process": "2", "comment": "<b>慢</b>"})
    assert incomplete.status_code == 400
    assert incomplete.text.count("请选择分数") == 2
    assert "&lt;b&gt;慢&lt;/b&gt;" in incomplete.text
    assert 'value="2" checked' in incomplete.text
    assert "提交的内容无法识别" in httpx.post(link, content="a=1&" * 30).text


@pytest.mark.requirement("R5.4")
def test_the_page_accepts_one_answer(system: System) -> None:
    number, _ = _send_survey(system)
    link = _survey_link(system, number)
    response = httpx.post(link, data={"process": "2", "result": "1", "staff": "4", "comment": "还是慢"})
    assert "感谢您的评价" in response.text
    event = system.wait_for_event(number, "survey_answered")
    assert event.details["verdict"] == "dissatisfied"
    assert event.ticket.survey is not None
    assert event.ticket.survey.comment == "还是慢"
    repeated = httpx.post(link, data={"process": "5", "result": "5", "staff": "5"})
    assert repeated.status_code == 409
    assert "已经评价过" in repeated.text
    assert "have answered already" in httpx.get(link, headers={"Accept-Language": "en-GB"}).text


def test_expired_and_unknown_links_show_a_page_that_says_so(system: System) -> None:
    number, _ = _send_survey(system)
    ticket, _ = system.ticket_and_events(number)
    secret = system.stack.folder.secret("contact_key")
    expired = survey_link.make_token(
        SurveyInvitation(ticket.id, ticket.run, system.clock.now() - timedelta(days=1)), secret
    )
    base = system.stack.intake_url
    assert httpx.get(f"{base}/s/{expired}").status_code == 410
    assert "链接已过期" in httpx.get(f"{base}/s/{expired}").text
    assert httpx.get(f"{base}/s/nonsense").status_code == 404
    other_run = survey_link.make_token(SurveyInvitation(ticket.id, 9, system.clock.now() + timedelta(days=1)), secret)
    assert httpx.get(f"{base}/s/{other_run}").status_code == 410


@pytest.mark.requirement("R5.4")
def test_a_sample_is_drawn_once_and_stays_the_same(system: System) -> None:
    _send_survey(system)

    def draw(*options: str) -> subprocess.CompletedProcess[str]:
        period = ("--from=2026-03-01", "--until=2030-01-01")
        return system.duban("survey", "sample", *period, "--name=study", "--by=channel", *options)

    first = draw()
    assert first.returncode == 0, first.stderr
    number, phone = _send_survey(system)
    repeated = draw()
    assert repeated.stdout == first.stdout
    assert number not in repeated.stdout
    assert system.duban("survey", "export", "study").stdout == first.stdout
    assert phone not in system.duban("survey", "export", "study", "--contacts").stdout
    assert "study" in system.duban("survey", "list").stdout
    other = draw("--seed=2")
    assert other.returncode != 0
    assert "drawn with other options" in other.stderr
    assert "survey list" in system.duban("survey", "export", "nothing").stderr


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="needs Chromium")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_renders_in_a_browser_in_both_languages(system: System, tmp_path: Path, language: str) -> None:
    number, _ = _send_survey(system)
    browser = next(filter(None, map(shutil.which, BROWSERS)))
    screenshot = tmp_path / "page.png"
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--hide-scrollbars")
    subprocess.run(
        [
            browser,
            *options,
            "--window-size=390,1000",
            f"--screenshot={screenshot}",
            f"{_survey_link(system, number)}?language={language}",
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    content = screenshot.read_bytes()
    assert content.startswith(base64.b64decode("iVBORw0KGgo="))
    assert len(content) > 10_000
