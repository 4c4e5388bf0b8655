"""Tests of the registry of channels: mapping files, and damaged messages for every channel."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.tools.checkout import PROJECT
from schemas.contact import Contact
from services.intake.channel_registry import WITHOUT_TOPIC, MappingError, channels
from services.intake.domain.envelope import Envelope, RejectedItem
from services.intake.domain.fields import InvalidPayload
from services.intake.domain.message_parts import CSV
from tests.builders import MORNING
from tests.unit.intake.messages import HALL_EVENT, HALL_ROW, HOTLINE_FORM, damaged
from tests.unit.intake.parsing import CHANNELS, FORM, NOT_DIGITS, parse, parse_contact, reasons, to_json

PAGE = (PROJECT / "docs" / "channels.md").read_text(encoding="utf-8")
MAPPING_EXAMPLE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[0]
LINK = "https://media.example/" + "a" * 900 + "?signature=" + "b" * 900


def test_the_example_of_a_mapping_in_the_documents_can_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(MAPPING_EXAMPLE, encoding="utf-8")
    assert channels(tmp_path)["kiosk"].mapping.title == "Kiosk"


def test_the_documents_name_every_channel() -> None:
    table = PAGE.partition("| channel |")[2].partition("\n\n")[0]
    first_cells = [cell for line in table.splitlines() for cell in line.split("|")[1:2]]
    assert {name.strip() for cell in first_cells for name in cell.split(",")} >= channels().keys()


@pytest.mark.requirement("R2.1")
def test_a_carrier_maps_its_own_field_names_without_code(tmp_path: Path) -> None:
    (tmp_path / "kiosk.toml").write_text(
        'title = "Kiosk"\n[[form]]\nid = "nr"\nreach = "tel"\n[form.fields]\ntext = "msg"\n"customer.phone" = "tel"\n'
    )
    body = to_json({"nr": 7, "tel": "13800000101", "msg": "宽带慢"})
    (item,) = channels(tmp_path)["kiosk"].parse(
        Envelope("kiosk", "kiosk", "carrier", MORNING, "application/json", body)
    )
    assert isinstance(item.content, Contact)
    assert (item.content.message_id, item.content.text) == ("7", "宽带慢")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("title = ", "kiosk.toml"),
        ('title = "K"\nform = []', "form"),
        ('title = "K"\n[[form]]\nid = "nr"\n[form.fields]\ncolour = "c"', "no field colour"),
        ('title = "K"\n[[form]]\nid = "nr"\nfields = {}\nhat = "x"', "form.0.hat"),
    ],
)
def test_a_mapping_that_cannot_be_used_names_file_and_key(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "kiosk.toml").write_text(text)
    with pytest.raises(MappingError, match=named):
        channels(tmp_path)


@pytest.mark.requirement("R2.5")
def test_a_rejected_row_keeps_its_bytes_and_its_id() -> None:
    header = "受理流水号,受理时间,联系电话,投诉内容\n".encode()
    rows = ["S0,2026-03-12 10:21,13800000000,慢\n".encode(), b"S1,\xff,1,2\n", b'S2,"x"y,1,2\n', b"S3,x\n"]
    items = parse("store", header + b"".join(rows), CSV)
    rejected = [item.content for item in items if isinstance(item.content, RejectedItem)]
    assert [item.body for item in rejected] == rows[1:]
    assert [item.message_id for item in rejected] == ["S1", None, "S3"]


@pytest.mark.parametrize("digit", NOT_DIGITS)
@pytest.mark.parametrize(
    ("channel", "media_type", "body"),
    [
        ("app_im", "application/json", '{{"msg_id": "1", "sent_at": "{0}", "text": "x", "user": {{"uid": "u"}}}}'),
        (
            "store",
            "application/json",
            '{{"event_id": "1", "accepted_at": "{0}", "customer": {{"phone": "13800000101"}}}}',
        ),
        ("wechat", "text/xml", "<xml><FromUserName>u</FromUserName><CreateTime>{0}</CreateTime><MsgId>1</MsgId></xml>"),
        ("hotline", "application/json", '{{"core-uuid": "x", "variables": {{"uuid": "u", "start_epoch": "{0}"}}}}'),
    ],
)
def test_a_time_in_digits_other_than_ascii_is_rejected(channel: str, media_type: str, body: str, digit: str) -> None:
    found = reasons(lambda: parse(channel, body.format(digit).encode(), media_type))
    assert "bad_date" in found.values()


@pytest.mark.requirement("R2.2")
@pytest.mark.parametrize(
    ("channel", "media_type", "body"),
    [
        ("sms", FORM, "MessageSid=MM1&From=%2B8613800000101&Body=x&NumMedia=1&MediaUrl0={0}"),
        (
            "web_form",
            "application/json",
            '{{"submission_id": "1", "phone": "13800000101", "content": "x", "attachments": [{{"url": "{0}"}}]}}',
        ),
        (
            "tmf621",
            "application/json",
            (
                '{{"description": "x", "severity": "1", "ticketType": "c", "@type": "T", "externalIdentifier": '
                '[{{"id": "1"}}], "troubleTicketCharacteristic": [{{"name": "contactPhone", "value": "13800000101"}}], '
                '"attachment": [{{"url": "{0}"}}]}}'
            ),
        ),
        (
            "wechat",
            "text/xml",
            (
                "<xml><FromUserName>u</FromUserName><CreateTime>1776650000</CreateTime><MsgType>image</MsgType>"
                "<PicUrl>{0}</PicUrl><MsgId>1</MsgId></xml>"
            ),
        ),
    ],
)
def test_a_link_is_stored_complete_or_left_out_and_flagged(channel: str, media_type: str, body: str) -> None:
    for link, expected in ((LINK, [LINK]), (LINK * 2, [])):
        written = link.replace("?", "%3F").replace("=", "%3D") if media_type == FORM else link
        contact = parse_contact(channel, body.format(written).encode(), media_type)
        assert [evidence.reference for evidence in contact.evidence] == expected
        assert ("attachment_left_out" in contact.flags) is (not expected)


@pytest.mark.requirement("R2.5")
@settings(max_examples=300, deadline=None)
@given(
    message=st.one_of(damaged(HOTLINE_FORM), damaged(HALL_EVENT), damaged(HALL_ROW)),
    channel=st.sampled_from(sorted(CHANNELS.keys() - WITHOUT_TOPIC)),
)
def test_every_message_becomes_a_contact_or_is_rejected_with_a_reason(message: dict[str, Any], channel: str) -> None:
    try:
        items = parse(channel, to_json(message))
    except InvalidPayload as rejected:
        assert all(error.field and error.reason and error.message for error in rejected.errors)
    else:
        contacts = [item.content for item in items if isinstance(item.content, Contact)]
        assert [Contact.from_json(contact.to_json()) for contact in contacts] == contacts
