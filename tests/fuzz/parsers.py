"""Damaged and hostile messages for every channel's adapter: each is heard, or refused with a reason, and soon."""

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
LONGEST = 2.0
"""Seconds of processor time that one message may take; more is a way to hang a service."""
TURN = 100
"""Damaged messages that are played before it is the turn of hostile ones, which are dearer to make."""
HOSTILE = 25
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


def damaged(body: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return a message with some damage: cut, spliced, repeated, with bytes changed or odd ones put in."""
    told = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(told) + 1)
        end = min(len(told), at + chance.choice((1, 2, 4, 16, 256)))
        what = chance.randrange(6)
        if what == 0:
            told[at:end] = b""
        elif what == 1:
            told[at:at] = chance.choice(TOKENS)
        elif what == 2:
            told[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
        elif what == 3:
            told[at:at] = told[at:end] * chance.choice((1, 2, 50))
        elif what == 4 and other:
            begin = chance.randrange(len(other))
            told[at:end] = other[begin : begin + 64]
        else:
            del told[at:]
    return bytes(told)


def play(seed: int, *, seconds: float) -> int:
    """Play the samples, then damaged and hostile ones for some seconds; returns how many.

    Raises:
        AssertionError: one was not as it should be; names seed and number, which play it again.

    """
    told = json.loads(SAMPLES.read_text(encoding="utf-8"))["files"]
    samples = [build_envelope(SAMPLES.parent / Path(name), each) for name, each in told.items()]
    table = channels()
    for each in samples:
        hear(table[each.channel], each)
    until, number = time.monotonic() + seconds, len(samples)
    while time.monotonic() < until:
        _damaged(f"{seed}/{number}", table, samples)
        _hostile(f"{seed}/{number}", table, samples)
        number += TURN + HOSTILE
    return number


def _damaged(seed: str, table: Mapping[str, ChannelAdapter], samples: list[Envelope]) -> None:
    for number in range(TURN):
        chance = random.Random(f"{seed}/{number}")
        whole = chance.choice(samples)
        other = chance.choice(samples).body
        media_type = whole.media_type if chance.random() < 0.9 else chance.choice(samples).media_type
        damage = replace(whole, body=damaged(whole.body, other, chance), media_type=media_type)
        try:
            hear(table[whole.channel], damage)
        except Exception as error:
            error.add_note(f"damaged message {number} of {seed}, channel {whole.channel}, {media_type}")
            raise


def _hostile(seed: str, table: Mapping[str, ChannelAdapter], samples: list[Envelope]) -> None:
    name = random.Random(seed).choice(sorted({each.channel for each in samples}))

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=HOSTILE,
        database=None,
        deadline=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(hostile.messages([each for each in samples if each.channel == name]))
    def each_is_heard(message: Envelope) -> None:
        hear(table[name], message)

    try:
        each_is_heard()
    except Exception as error:
        error.add_note(f"hostile messages of {seed}, channel {name}")
        raise


def hear(channel: ChannelAdapter, told: Envelope) -> None:
    """Hear a message and look at what came of it."""
    told = replace(told, attachments=AttachmentBuffer(read_stored=told.attachments.read_stored))
    began = time.process_time()
    try:
        heard = channel.parse(told)
    except InvalidPayload as error:
        _reasoned(error.errors)
    else:
        for each in heard:
            if isinstance(each.content, RejectedItem):
                _reasoned(list(each.content.errors))
            else:
                _whole(each.content)
    assert time.process_time() - began < LONGEST, "this message takes too long"


def _whole(what: Contact | CallRecord | NonTicket) -> None:
    """Look at a record: it can be read again, and no mark is in it that was to be taken out."""
    assert type(what).from_json(what.to_json()) == what
    told = json.loads(what.to_json())
    assert clean(told) == told, "a mark was to be taken out"


def _reasoned(faults: list[InputError]) -> None:
    assert faults
    for each in faults:
        assert each.field
        assert each.message
        assert each.reason in REASONS, each.reason
