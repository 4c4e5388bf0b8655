"""The examples of docs/subscribe.md work as they are printed."""

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
MAX_LINES = 15
"""Lines that the first example may have."""


def examples(language: str = "python") -> list[str]:
    """Return the page's code blocks in a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@contextmanager
def running_example(code: str, system: System, group: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run an example against the system, with a consumer group of its own, while the block runs."""
    code = code.replace("127.0.0.1:9092", system.stack.bootstrap_servers).replace("my-crm", group)
    program = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def new_output(program: subprocess.Popen[bytes]) -> str:
    """Return what was printed since the last call."""
    assert program.stdout is not None
    os.set_blocking(program.stdout.fileno(), False)
    return (program.stdout.read() or b"").decode()


def wait_for_output(program: subprocess.Popen[bytes], wanted: str, *, within: float = 60) -> str:
    """Wait until a text is printed; returns the output since the last call."""
    text, deadline = "", time.monotonic() + within
    assert program.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(program.stdout, selectors.EVENT_READ)
        while wanted not in text:
            assert time.monotonic() < deadline, f"{wanted} was not printed within {within:.0f} s: {text[-500:]!r}"
            if selector.select(timeout=1):
                text += new_output(program)
    return text


@pytest.mark.requirement("R7.3")
def test_the_first_example_reads_events_and_state(system: System) -> None:
    number = system.open_ticket()
    with running_example(examples()[0], system, f"crm-{number}") as program:
        text = wait_for_output(program, f"tickets.events {number} form_completed")
        # There is no order between two topics.
        if f"tickets.state {number}" not in text:
            text += wait_for_output(program, f"tickets.state {number} stands accepted")
    lines = [line.split() for line in text.splitlines() if number in line]
    events = [words[2] for words in lines if words[0] == "tickets.events"]
    assert events[:2] == ["accepted", "form_completed"]
    assert ["tickets.state", number, "stands", "accepted"] in lines


@pytest.mark.requirement("R7.3")
@pytest.mark.parametrize("language", ["python", "java"])
def test_the_first_example_is_short_and_names_both_topics(language: str) -> None:
    code = examples(language)[0]
    assert len([line for line in code.splitlines() if line.strip()]) <= MAX_LINES
    assert all(f'"{topic}"' in code for topic in ("tickets.events", "tickets.state"))


@pytest.mark.requirement("R7.3")
def test_the_second_example_continues_after_the_state_without_a_gap(system: System) -> None:
    before = system.open_ticket()
    with running_example(examples()[1], system, "unused") as program:
        # The first output shows that the state has been read; events go on all the time.
        while not (text := new_output(program)):
            system.send_command(before, "note", text="while the state is read")
        after = system.open_ticket()
        text += wait_for_output(program, f"{after} form_completed")
        system.send_command(after, "note", text="later")
        text += wait_for_output(program, f"{after} noted")
    events = [line.rpartition(" ")[0] for line in text.splitlines() if after in line]
    assert events == [f"{after} accepted", f"{after} form_completed", f"{after} noted"]
    assert f"{before} accepted" not in text
