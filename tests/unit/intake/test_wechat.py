"""Tests of the adapter for WeChat."""

from schemas.non_ticket import NonTicket
from tests.unit.intake.parsing import parse


def test_the_facts_of_an_event_are_stored_as_far_as_they_fit() -> None:
    event = f"<xml><FromUserName>{'u' * 300}</FromUserName><MsgType>event</MsgType><Event>{'e' * 40_000}</Event></xml>"
    (item,) = parse("wechat", event.encode(), "text/xml")
    assert isinstance(item.content, NonTicket)
    assert NonTicket.from_json(item.content.to_json()) == item.content
