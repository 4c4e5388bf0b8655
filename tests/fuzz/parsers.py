"""Damaged and hostile messages for every channel adapter: each is parsed, or rejected with a reason, and quickly."""

import json
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import hypothesis

from deploy.tools.checkout import PROJECT
from duban.sample_check import build_envelope
from schemas.call import CallRecord
from schemas.contact import Contact
from schemas.dead_letter import DeadLetterReason
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import ChannelAdapter, channels
from services.intake.domain.envelope import AttachmentBuffer, Envelope, RejectedItem
from services.intake.domain.fields import InputError, InvalidPayload, clean
from tests.fuzz import hostile

SAMPLES = PROJECT / "tests" / "samples" / "manifest.json"
REASONS = frozenset(DeadLetterReason)
MAX_SECONDS = 2.0
"""Processor time that one message may take; more would be a way to hang a service."""
DAMAGED_PER_ROUND = 100
HOSTILE_PER_ROUND = 25
"""Fewer than damaged ones, because they take longer to generate."""
TOKENS = (
    *(
        b"\x00",
        b"\xff\xfe",
        b"\r\n",
        b'"',
        b"'",
        b"<",
        b">",
        b"]]>",
        b"<!DOCTYPE x>",
        b"%",
        b"%ZZ",
        b"&",
        b"|",
        b",",
        b"\t",
    ),
    *(
        b"{}",
        b"[]",
        b"[[",
        b"{",
        b"null",
        b"true",
        b"NaN",
        b"-1",
        b"1e999",
        b"99999999999999999999",
        b"0001-01-01T00:00:00Z",
    ),
    *(
        b"2026-02-30",
        b"=1+1",
        "１３８".encode(),
        "转802".encode(),
        b"\xed\xa0\x80",
        "\u202e".encode(),
        b"From ",
        b"--b1",
        b"=?gbk?B?",
    ),
    *("²".encode(), "①".encode(), "\u2028".encode(), "\x85".encode(), b"%00", b"%E2%80%AE", b"\x0b", b"\x1c"),
    *(b"<a " * 20_000, b"<b> </b>" * 5000, b"=?utf-8?q?a?= " * 20_000, b"(" * 5000, b"charset=undefined"),
    *(b"Content-Type: ", b"charset=", b"../", b"${x}", b"{{x}}", b"PK\x03\x04"),
)


def damage(body: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return a message with random damage: cut, spliced, repeated, with bytes changed or odd tokens inserted."""
    damaged = bytearray(body)
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        begin = rng.randrange(len(damaged) + 1)
        end = min(len(damaged), begin + rng.choice((1, 2, 4, 16, 256)))
        operation = rng.randrange(6)
        if operation == 0:
            damaged[begin:end] = b""
        elif operation == 1:
            damaged[begin:begin] = rng.choice(TOKENS)
        elif operation == 2:
            damaged[begin:end] = bytes(rng.randrange(256) for _ in range(end - begin))
        elif operation == 3:
            damaged[begin:begin] = damaged[begin:end] * rng.choice((1, 2, 50))
        elif operation == 4 and other:
            at = rng.randrange(len(other))
            damaged[begin:end] = other[at : at + 64]
        else:
            del damaged[begin:]
    return bytes(damaged)


def run(seed: int, *, seconds: float) -> int:
    """Parse the samples, then damaged and hostile messages for some seconds; returns how many.

    Raises:
        AssertionError: a message was not handled as it should be; the note names seed and number to run it again.

    """
    listed = json.loads(SAMPLES.read_text(encoding="utf-8"))["files"]
    samples = [build_envelope(SAMPLES.parent / Path(name), sample) for name, sample in listed.items()]
    adapters = channels()
    for sample in samples:
        check(adapters[sample.channel], sample)
    until, number = time.monotonic() + seconds, len(samples)
    while time.monotonic() < until:
        _run_damaged(f"{seed}/{number}", adapters, samples)
        _run_hostile(f"{seed}/{number}", adapters, samples)
        number += DAMAGED_PER_ROUND + HOSTILE_PER_ROUND
    return number


def _run_damaged(seed: str, adapters: Mapping[str, ChannelAdapter], samples: list[Envelope]) -> None:
    for number in range(DAMAGED_PER_ROUND):
        rng = random.Random(f"{seed}/{number}")
        sample = rng.choice(samples)
        other = rng.choice(samples).body
        media_type = sample.media_type if rng.random() < 0.9 else rng.choice(samples).media_type
        damaged = replace(sample, body=damage(sample.body, other, rng), media_type=media_type)
        try:
            check(adapters[sample.channel], damaged)
        except Exception as error:
            error.add_note(f"damaged message {number} of {seed}, channel {sample.channel}, {media_type}")
            raise


def _run_hostile(seed: str, adapters: Mapping[str, ChannelAdapter], samples: list[Envelope]) -> None:
    channel = random.Random(seed).choice(sorted({sample.channel for sample in samples}))

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=HOSTILE_PER_ROUND,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(hostile.messages([sample for sample in samples if sample.channel == channel]))
    def check_message(message: Envelope) -> None:
        check(adapters[channel], message)

    try:
        check_message()
    except Exception as error:
        error.add_note(f"hostile messages of {seed}, channel {channel}")
        raise


def check(adapter: ChannelAdapter, envelope: Envelope) -> None:
    """Parse a message and check the result.

    Raises:
        AssertionError: it took too long, was rejected without a reason, or a record is not as it should be.

    """
    envelope = replace(envelope, attachments=AttachmentBuffer(read_stored=envelope.attachments.read_stored))
    started = time.process_time()
    try:
        items = adapter.parse(envelope)
    except InvalidPayload as error:
        _check_errors(error.errors)
    else:
        for item in items:
            if isinstance(item.content, RejectedItem):
                _check_errors(list(item.content.errors))
            else:
                _check_record(item.content)
    assert time.process_time() - started < MAX_SECONDS, "this message takes too long"


def _check_record(record: Contact | CallRecord | NonTicket) -> None:
    """Check that a record can be read again, and that invisible characters were removed from it."""
    assert type(record).from_json(record.to_json()) == record
    document = json.loads(record.to_json())
    assert clean(document) == document, "a character that has to be removed is in the record"


def _check_errors(errors: list[InputError]) -> None:
    assert errors
    for error in errors:
        assert error.field
        assert error.message
        assert error.reason in REASONS, error.reason
