"""The last accepted command of a ticket is known for a minute, and no longer."""

from uuid import uuid4

from services.intake.accepted_commands import KEPT_SECONDS, AcceptedCommands


def test_the_last_command_of_a_ticket_is_known_for_a_minute() -> None:
    now = 0.0
    accepted = AcceptedCommands(lambda: now)
    ticket, other, first, second = (uuid4() for _ in range(4))
    accepted.add(ticket, first)
    accepted.add(ticket, second)
    assert (accepted.last(ticket), accepted.last(other)) == (second, None)
    now = KEPT_SECONDS
    assert accepted.last(ticket) is None


def test_commands_of_more_than_a_minute_ago_take_no_memory() -> None:
    now = 0.0
    accepted = AcceptedCommands(lambda: now)
    for second in range(600):
        now = float(second)
        accepted.add(uuid4(), uuid4())
    assert len(accepted) == KEPT_SECONDS
