"""Damaged samples through every channel's adapter: whatever comes in is heard, or refused with a reason, and soon."""

import json
import random
import time
from dataclasses import replace
from pathlib import Path

from duban.against import envelope
from schemas.contact import Contact
from schemas.dead_letter import DeadLetterReason
from services.intake.channel_table import Channel, channels
from services.intake.domain.envelope import Envelope, Refusal
from services.intake.domain.fields import Fault, Unusable
from services.shared.settings import PROJECT

SAMPLES = PROJECT / "tests" / "samples" / "manifest.json"
REASONS = frozenset(DeadLetterReason)
LONGEST = 5.0
"""Seconds that one message may take; more is a way to hang a service."""
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


def play(seed: int, *, seconds: float = 0, messages: int = 0) -> int:
    """Play damaged messages for some seconds, or so many of them; returns how many.

    Raises:
        AssertionError: one was not as it should be; names seed and number, which play it again.

    """
    told = json.loads(SAMPLES.read_text(encoding="utf-8"))["files"]
    table = channels()
    samples = [(table[each["channel"]], envelope(SAMPLES.parent / Path(name), each)) for name, each in told.items()]
    until, number = time.monotonic() + seconds, 0
    while number < messages or time.monotonic() < until:
        chance = random.Random(f"{seed}/{number}")
        channel, whole = chance.choice(samples)
        other = chance.choice(samples)[1].body
        media_type = whole.media_type if chance.random() < 0.9 else chance.choice(samples)[1].media_type
        damage = replace(whole, body=damaged(whole.body, other, chance), media_type=media_type)
        try:
            hear(channel, damage)
        except Exception as error:
            error.add_note(f"damaged message {number} of seed {seed}, channel {channel.name}, {media_type}")
            raise
        number += 1
    return number


def hear(channel: Channel, told: Envelope) -> None:
    """Hear a message and look at what came of it."""
    began = time.monotonic()
    try:
        heard = channel.listen(told)
    except Unusable as error:
        _reasoned(error.faults)
    else:
        for each in heard:
            if isinstance(each.what, Refusal):
                _reasoned(list(each.what.faults))
            else:
                again = type(each.what).from_json(each.what.to_json())
                assert again == each.what
            if isinstance(each.what, Contact):
                assert "\x00" not in each.what.text
    assert time.monotonic() - began < LONGEST, "this message takes too long"


def _reasoned(faults: list[Fault]) -> None:
    assert faults
    for each in faults:
        assert each.field
        assert each.message
        assert each.reason in REASONS, each.reason
