"""The plumbing's own promises, without a broker or a database."""

import io
import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from prometheus_client import CollectorRegistry

from schemas.base import Model
from schemas.delivery import Delivery
from services.shared.kafka import topics
from services.shared.kafka.dead_letter_admin import StoredDeadLetter
from services.shared.kafka.dead_letters import DeadLetterCandidate, letter, letter_id
from services.shared.kafka.records import Incoming, outgoing, read
from services.shared.observability import logs
from services.shared.observability.health_server import Health, HealthServer
from services.shared.postgres.database import Queries
from services.shared.runtime import crash_points
from services.shared.runtime.clock import ScaledClock, SystemClock
from services.shared.runtime.errors import InvalidMessage, LostRace, Retryable


class Small(Model):
    """A model for tests."""

    number: int


def record(value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Incoming:
    return Incoming("contacts", 3, 17, b"key", value, headers or [])


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (None, "empty", None),
        (b"", "empty", None),
        (b"{", "bad_syntax", None),
        (b'{"number": "x"}', "bad_schema", "number"),
    ],
)
def test_a_record_that_cannot_be_read_says_why(value: bytes | None, reason: str, field: str | None) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read(Small, value)
    assert (caught.value.reason, caught.value.field) == (reason, field)


@pytest.mark.requirement("R2.5")
def test_a_dead_letter_is_the_original_bytes_with_the_reason_beside_it() -> None:
    original = record(b"\xff\x00broken", [("ce_id", b"7")])
    made = letter(DeadLetterCandidate(original, "bad_syntax", "no JSON", "body", "store"), "intake")
    back = StoredDeadLetter.of(Incoming(made.topic, 0, 0, made.key, made.value, made.headers))
    assert back.value == b"\xff\x00broken"
    assert (back.key, back.headers) == (b"key", [("ce_id", b"7")])
    assert {name: back.told[name] for name in ("topic", "partition", "offset", "reason", "field", "sender")} == {
        "topic": "contacts",
        "partition": "3",
        "offset": "17",
        "reason": "bad_syntax",
        "field": "body",
        "sender": "store",
    }
    assert back.told["id"] == str(letter_id("contacts", 3, 17))


@pytest.mark.requirement("R7.3")
def test_records_are_cloudevents_in_binary_mode() -> None:
    id_, subject = uuid4(), uuid4()
    at = datetime(2026, 3, 12, 1, 0, tzinfo=UTC)
    told = Delivery(
        id=id_,
        event_id=uuid4(),
        ticket_id=subject,
        template="answer",
        language="zh",
        audience="customer",
        means="sms",
        state="sent",
        attempts=1,
        at=at,
    )
    made = outgoing(told, "notifier")
    assert dict(made.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": str(id_).encode(),
        "ce_source": b"/duban/notifier",
        "ce_type": b"duban.notice.sent",
        "ce_time": b"2026-03-12T01:00:00+00:00",
        "ce_subject": str(subject).encode(),
        "content-type": b"application/json",
    }
    assert (made.topic, made.key) == ("deliveries", str(subject).encode())
    assert outgoing(told, "notifier", key=b"another").key == b"another"


def test_statements_have_names_of_their_own() -> None:
    found = Queries("-- name: one\nselect 1;\n\n-- name: two\n-- why\nselect 2;\n")
    assert (found["one"], list(found)) == ("select 1", ["one", "two"])
    with pytest.raises(ValueError, match="two statements"):
        Queries("-- name: one\nselect 1;\n-- name: one\nselect 2;\n")


def test_a_scaled_clock_lets_a_day_pass_in_a_minute_and_a_half() -> None:
    begin = datetime(2026, 3, 12, tzinfo=UTC)
    clock = ScaledClock(scale=1000, real_origin=datetime.now(UTC) - timedelta(seconds=86.4), business_origin=begin)
    assert timedelta(0) <= clock.now() - (begin + timedelta(days=1)) < timedelta(hours=1)
    assert clock.real_seconds(timedelta(hours=1)) == 3.6
    assert clock.business(3.6) == timedelta(hours=1)
    assert SystemClock().business(2.0) == timedelta(seconds=2)


def test_an_error_without_words_of_its_own_says_what_it_is() -> None:
    assert str(LostRace()) == "Another owner changed the same rows first: read again and decide again."
    assert str(Retryable("away")) == "away"


@pytest.mark.requirement("R7.2")
def test_health_pages_say_what_is_missing() -> None:
    moment = [0.0]
    health = Health(lambda: moment[0])
    with HealthServer(health, "127.0.0.1", 0, CollectorRegistry()) as pages:
        page = f"http://127.0.0.1:{pages.port}"
        assert httpx.get(f"{page}/readyz").status_code == 503
        health.lack("kafka", "the broker is away")
        health.have("start")
        assert httpx.get(f"{page}/readyz").text == "kafka: the broker is away\n"
        health.have("kafka")
        assert httpx.get(f"{page}/readyz").status_code == 200
        assert httpx.get(f"{page}/livez").status_code == 200
        moment[0] = 61.0
        assert httpx.get(f"{page}/livez").status_code == 503
        assert httpx.get(f"{page}/metrics").status_code == 200
        assert httpx.get(f"{page}/").status_code == 404


def test_a_log_line_is_one_json_object_and_an_error_is_its_frames_without_its_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        logs.configure("ledger", "info")
        stream = io.StringIO()
        logging.getLogger().handlers[0].setStream(stream)  # type: ignore[attr-defined]
        logs.get("test").info("event", ticket="t1")
        logging.getLogger("library").warning("from a library")
        for tell in (logs.get("test").exception, logging.getLogger("library").exception):
            try:
                raise ValueError("13800000101 said it is slow") from KeyError("李女士")
            except ValueError:
                tell("failed")
        first, second, *failures = [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    assert (first["event"], first["ticket"], first["service"], first["level"]) == ("event", "t1", "ledger", "info")
    assert second["event"] == "from a library"
    assert [(each["event"], each["trace"][0], each["trace"][-1]) for each in failures] == [
        ("failed", "ValueError", "KeyError")
    ] * 2
    assert "13800000101" not in stream.getvalue()
    assert "李女士" not in stream.getvalue()
    assert capsys.readouterr().err == ""


def test_a_fault_that_nobody_armed_does_nothing(tmp_path: Path) -> None:
    points = crash_points.CrashPoints(tmp_path, "ledger")
    (tmp_path / "ledger").write_text("after_save")
    points.reach("before_save")
    assert points.ending("before_save") is None
    assert points.ending("after_save") is not None
    assert (tmp_path / "ledger").exists()
    crash_points.CrashPoints(None, "ledger").reach("before_save")


def test_the_list_of_topics_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    (tmp_path / "topics.toml").write_text('[x]\ntitle = "x"\nkeyy = "x"\n')
    with pytest.raises(ValueError, match="keyy"):
        topics.load(tmp_path / "topics.toml")
