"""What docs/subscribe.md tells a CRM's developer, run as it stands there."""

import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.tools.checkout import PROJECT
from tests.system import System

PAGE = PROJECT / "docs" / "subscribe.md"
SHORT = 15
"""Lines that the first example may have."""


def examples(language: str = "python") -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@contextmanager
def run(code: str, system: System, group: str) -> Iterator[subprocess.Popen[bytes]]:
    code = code.replace("127.0.0.1:9092", system.stack.bootstrap_servers).replace("my-crm", group)
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def printed(program: subprocess.Popen[bytes]) -> str:
    """Return what was printed since the last look."""
    assert program.stdout is not None
    os.set_blocking(program.stdout.fileno(), False)
    return (program.stdout.read() or b"").decode()


def until(program: subprocess.Popen[bytes], wanted: str, *, within: float = 60) -> str:
    text, deadline = "", time.monotonic() + within
    assert program.stdout is not None
    with selectors.DefaultSelector() as waiting:
        waiting.register(program.stdout, selectors.EVENT_READ)
        while wanted not in text:
            assert time.monotonic() < deadline, f"{wanted} was not printed within {within:.0f} s: {text[-500:]!r}"
            if waiting.select(timeout=1):
                text += printed(program)
    return text


@pytest.mark.requirement("R7.3")
def test_a_crm_subscribes_with_what_the_page_says(system: System) -> None:
    number = system.open_ticket()
    with run(examples()[0], system, f"crm-{number}") as program:
        text = until(program, f"tickets.events {number} form_completed")
        # Between the two topics there is no order; the state may come first, or in the next fetch.
        if f"tickets.state {number}" not in text:
            text += until(program, f"tickets.state {number} stands accepted")
    lines = [each.split() for each in text.splitlines() if number in each]
    events = [each[2] for each in lines if each[0] == "tickets.events"]
    assert events[:2] == ["accepted", "form_completed"]
    assert ["tickets.state", number, "stands", "accepted"] in lines


@pytest.mark.requirement("R7.3")
@pytest.mark.parametrize("language", ["python", "java"])
def test_the_first_example_is_short_and_reads_both_topics(language: str) -> None:
    code = examples(language)[0]
    assert len([each for each in code.splitlines() if each.strip()]) <= SHORT
    assert all(f'"{topic}"' in code for topic in ("tickets.events", "tickets.state"))


@pytest.mark.requirement("R7.3")
def test_a_crm_begins_without_a_gap_with_what_the_page_says(system: System) -> None:
    before = system.open_ticket()
    with run(examples()[1], system, "unused") as program:
        # Something happens all the while; the first that is printed shows that the state has been read.
        while not (text := printed(program)):
            system.send_command(before, "note", text="while the state is read")
        after = system.open_ticket()
        text += until(program, f"{after} form_completed")
        system.send_command(after, "note", text="later")
        text += until(program, f"{after} noted")
    told = [each.rpartition(" ")[0] for each in text.splitlines() if after in each]
    assert told == [f"{after} accepted", f"{after} form_completed", f"{after} noted"]
    assert f"{before} accepted" not in text
