"""Ids come from their causes."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.domain.ids import command_id, contact_id, event_id, notice_id, refusal_id, ticket_id

TEXT = st.text(max_size=20)


@given(one=st.tuples(TEXT, TEXT, TEXT), other=st.tuples(TEXT, TEXT, TEXT))
def test_two_messages_share_an_id_only_when_everything_is_the_same(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    assert (contact_id(*one) == contact_id(*other)) == (one == other)


def test_each_kind_of_id_has_a_space_of_its_own() -> None:
    cause = uuid4()
    ids = {ticket_id(cause), command_id(cause), event_id(cause, 1), refusal_id(cause), notice_id(cause, "")}
    assert len(ids) == 5
