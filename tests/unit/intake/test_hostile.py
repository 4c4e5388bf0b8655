"""Marks, digits and names of charsets that look harmless and are not."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.call import Call, CallRecord
from schemas.contact import Contact
from schemas.non_ticket import NonTicket
from services.intake.channel_registry import channels
from services.intake.channel_settings import load
from services.intake.domain import charsets
from services.intake.domain.envelope import ChannelConfig, Envelope, ParsedItem, RejectedItem
from services.intake.domain.fields import InputErrors, InvalidPayload, clean, parse_whole_number
from services.intake.domain.times import parse_epoch
from services.shared.runtime.errors import ConfigurationError
from tests.builders import MORNING

TABLE = channels()
MARKS = ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"]
"""What `str.splitlines` takes for the end of a line besides carriage return and line feed."""
NO_DIGITS = ["²", "①", "٣", "1²"]
CSV = "text/csv"
FORM = "application/x-www-form-urlencoded"
CDR = (
    '"","{src}","600","in","""Na{mark}me"" <138>","PJSIP/a-1","PJSIP/8007-2","Queue","q","2026-03-12 01:00:00",'
    '"2026-03-12 01:00:20","2026-03-12 01:04:20",260,240,"ANSWERED","DOCUMENTATION","1773277200.{id}","audio:x.wav"'
)
HALL = "受理流水号,受理时间,联系电话,投诉内容\nS1,2026-03-12 10:21,13800000000,宽带慢\n"


def parse(channel: str, body: bytes, media_type: str, config: ChannelConfig | None = None) -> list[ParsedItem]:
    made = Envelope("s", channel, "carrier", MORNING, media_type, body, config=config or ChannelConfig())
    return TABLE[channel].parse(made)


def calls(body: str, media_type: str) -> list[Call]:
    heard = parse("hotline", body.encode(), media_type)
    assert all(isinstance(each.content, CallRecord) for each in heard)
    return [each.content.call for each in heard if isinstance(each.content, CallRecord)]


def freeswitch(**variables: str) -> Call:
    told = {"core-uuid": "x", "variables": {"uuid": "u1", "start_epoch": "1773277000", **variables}}
    ((only),) = calls(json.dumps(told), "application/json")
    return only


@pytest.mark.requirement("R2.1", "R2.5")
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_caller_s_name_never_ends_a_line(mark: str, end: str) -> None:
    lines = [CDR.format(src="13800000101", mark=mark, id=1), CDR.format(src="13800000102", mark="", id=2)]
    found = calls(end.join(lines) + end, CSV)
    assert [each.phone for each in found] == ["+8613800000101", "+8613800000102"]
    lines = [f"1773277000|c1|q|NONE|ENTERQUEUE||13800000101|1|Na{mark}me", "1773277010|c1|q|m|CONNECT|10|x|3"]
    (call,) = calls(end.join(lines) + end, "text/plain")
    assert (call.phone, call.waiting, call.rows) == ("+8613800000101", 10, 2)


def test_lines_that_cannot_be_used_keep_their_numbers() -> None:
    whole = CDR.format(src="13800000101", mark="\x85", id=1)
    heard = parse("hotline", f'{whole}\n"half\n\n{whole[:40]}'.encode(), CSV)
    refused = [each for each in heard if isinstance(each.content, RejectedItem)]
    assert [(each.line, each.content.errors[0].reason) for each in refused] == [(2, "truncated"), (4, "truncated")]  # type: ignore[union-attr]


@pytest.mark.requirement("R2.5")
def test_what_an_encoding_hides_is_cleaned_too() -> None:
    call = freeswitch(uuid="ab%00c", cc_agent="ag%E2%80%AEent%40x", cc_queue="q%00", cc_record_filename="%00")
    assert (call.id, call.operator, call.queue, call.recording) == ("abc", "agent", "q", None)


def test_controls_of_both_kinds_are_taken_out() -> None:
    assert clean("a\x9b31mb\x85c\td\ne\u202ef") == "a31mbc\td\nef"


@pytest.mark.parametrize("written", NO_DIGITS)
def test_only_ascii_digits_are_a_number(written: str) -> None:
    assert parse_whole_number(written) is None
    errors = InputErrors()
    assert parse_epoch(written, "at", errors) is None
    assert [each.reason for each in errors.found] == ["bad_date"]


def test_a_number_has_its_digits_and_no_more() -> None:
    assert (
        parse_whole_number("0042"),
        parse_whole_number(""),
        parse_whole_number("9" * 21),
        parse_whole_number("1234567", 6),
    ) == (
        *(42, None),
        *(None, None),
    )


@pytest.mark.parametrize("digit", NO_DIGITS)
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
def test_times_in_other_digits_are_refused_with_a_reason(channel: str, media_type: str, body: str, digit: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse(channel, body.format(digit).encode(), media_type)
    assert "bad_date" in {each.reason for each in caught.value.errors}


@pytest.mark.parametrize("digit", NO_DIGITS)
def test_counts_in_other_digits_are_not_told(digit: str) -> None:
    (heard,) = parse("sms", f"MessageSid=SM1&From=%2B8613800000101&Body=x&NumMedia={digit}".encode(), FORM)
    assert isinstance(heard.content, Contact)
    assert heard.content.evidence == ()
    log = f"{digit}|c1|q|m|CONNECT|1|2|3\n1773277000|c2|q|m|CONNECT|{digit}|2|3\n"
    refused, call = sorted(parse("hotline", log.encode(), "text/plain"), key=lambda each: each.line or 0)
    assert isinstance(refused.content, RejectedItem)
    assert isinstance(call.content, CallRecord)
    assert call.content.call.waiting is None


@pytest.mark.requirement("R2.5")
@pytest.mark.parametrize(
    "name", ["undefined", "idna", "punycode", "hex", "unicode_escape", "utf-16", "a\x00", "²", "x" * 99]
)
def test_a_charset_that_is_none_is_told(name: str) -> None:
    with pytest.raises(ValueError, match="charset"):
        ChannelConfig().with_settings({"charset": name})
    for channel, config in (("store", ChannelConfig(charset=name)), ("hotline", ChannelConfig(charset=name))):
        with pytest.raises(InvalidPayload) as caught:
            parse(channel, HALL.encode(), CSV, config)
        assert caught.value.errors[0].reason == "bad_encoding"


@pytest.mark.parametrize("name", ["undefined", "idna", "utf-16", "hex", "utf-7"])
def test_a_charset_in_a_header_that_is_none_is_told(name: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        parse("store", HALL.encode(), f"text/csv; charset={name}")
    assert caught.value.errors[0].reason == "bad_encoding"


@pytest.mark.parametrize("name", ["GB2312", "gbk", "x-gbk", "GB18030", "UTF8", "utf-8-sig"])
def test_charsets_have_many_names(name: str) -> None:
    body = HALL.encode("utf-8" if name.lower().startswith("utf") else "gb18030")
    config = ChannelConfig().with_settings({"charset": name})
    for heard in (parse("store", body, CSV, config), parse("store", body, f'text/csv; charset="{name}"')):
        assert [each.content.text for each in heard if isinstance(each.content, Contact)] == ["宽带慢"]


def test_mails_have_charsets_that_files_have_not() -> None:
    assert (charsets.for_mail("UTF-16"), charsets.for_file("UTF-16")) == ("utf-16", None)
    assert charsets.for_mail("undefined") is None


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize("region", ["XX", "CHN", "", "China", 86])
def test_a_country_that_is_none_is_told_when_settings_are_read(tmp_path: Path, region: Any) -> None:
    file = tmp_path / "channels.toml"
    file.write_text(f"[sms]\ndefault_region = {json.dumps(region)}\n")
    with pytest.raises(ConfigurationError, match="default_region"):
        load(file)


def test_a_country_may_be_written_small() -> None:
    config = ChannelConfig().with_settings({"default_region": "cn"})
    (heard,) = parse("sms", b"MessageSid=SM1&From=057155500603&Body=x", FORM, config)
    assert isinstance(heard.content, Contact)
    assert heard.content.customer.phone == "+8657155500603"


@pytest.mark.parametrize(
    ("name", "value"), [("columns", "²"), ("columns", "x"), ("default_tz", "Mars"), ("cdr_tz", "x")]
)
def test_settings_that_cannot_be_are_told(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        ChannelConfig().with_settings({name: value})


LINK = "https://media.example/" + "a" * 900 + "?signature=" + "b" * 900


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
def test_links_are_kept_whole_or_left_out_and_flagged(channel: str, media_type: str, body: str) -> None:
    for link, kept in ((LINK, [LINK]), (LINK * 2, [])):
        written = link.replace("?", "%3F").replace("=", "%3D") if media_type == FORM else link
        (heard,) = parse(channel, body.format(written).encode(), media_type)
        assert isinstance(heard.content, Contact)
        assert [each.reference for each in heard.content.evidence] == kept
        assert ("attachment_left_out" in heard.content.flags) is (not kept)


@pytest.mark.requirement("R2.4")
def test_calls_whose_ids_begin_alike_are_two_and_find_their_forms() -> None:
    one, two = ("a" * 300 + each for each in "12")
    assert freeswitch(uuid=one).id != freeswitch(uuid=two).id
    form = {"form_no": "HF1", "call_id": one, "customer": {"ani": "13800000101"}, "content": "x"}
    (heard,) = parse("hotline", json.dumps(form).encode(), "application/json")
    assert isinstance(heard.content, Contact)
    assert heard.content.call == freeswitch(uuid=one).id


KIOSK = (
    'title = "K"\n[[form]]\nid = "nr"\nreach = "tel"\n[form.fields]\ntext = "msg"\n"customer.phone" = "tel"\n'
    '"customer.tenure_months" = "months"\n"customer.switchboard" = "shared"\n'
    'needs_headquarters = { at = "hq", words = { Y = "yes", N = "no" } }\n'
    '"taken_over.used_minutes" = { at = "used", as = "number" }\n'
)


def kiosk(folder: Path, **told: Any) -> Contact:
    (folder / "kiosk.toml").write_text(KIOSK)
    body = json.dumps({"nr": 1, "tel": "13800000101", "msg": "x", **told}).encode()
    (heard,) = channels(folder)["kiosk"].parse(Envelope("s", "kiosk", "carrier", MORNING, "application/json", body))
    assert isinstance(heard.content, Contact)
    return heard.content


@pytest.mark.requirement("R2.3")
@pytest.mark.parametrize("months", [12, "12", " 12 ", 12.0])
@pytest.mark.parametrize("shared", [True, "true", "YES", "1", 1, "是"])
def test_a_mapping_fills_numbers_and_truths(tmp_path: Path, months: Any, shared: Any) -> None:
    made = kiosk(tmp_path, months=months, shared=shared, hq="Y")
    assert (made.customer.tenure_months, made.customer.switchboard, made.needs_headquarters) == (12, True, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("months", "²"),
        ("months", "-1"),
        ("months", "1.5"),
        ("months", True),
        ("shared", "perhaps"),
        ("shared", []),
        ("used", "nan"),
        ("used", "inf"),
        ("used", "x"),
    ],
)
def test_what_is_no_number_and_no_truth_is_told(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(InvalidPayload) as caught:
        kiosk(tmp_path, **{field: value})
    assert (field, "bad_schema") in {(each.field, each.reason) for each in caught.value.errors}


@pytest.mark.parametrize(("written", "kept"), [("", "application/octet-stream"), ("text/\x00x", "text/x")])
def test_a_media_type_can_be_kept_whatever_it_says(written: str, kept: str) -> None:
    assert Envelope("s", "web_form", "carrier", MORNING, written, b"x").raw().media_type == kept
    kind = written or "a/b"
    mail = "From: a@b.example\nMessage-ID: <1@x>\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b\n"
    mail += f"Content-Type: {kind}; name=f.txt\n\nx\n--b--\n"
    (heard,) = parse("email", mail.encode(), "message/rfc822")
    assert isinstance(heard.content, Contact)
    assert [each.media_type for each in heard.content.evidence] == [kept if written else "a/b"]


def test_what_an_event_says_is_kept_as_far_as_it_can_be() -> None:
    told = f"<xml><FromUserName>{'u' * 300}</FromUserName><MsgType>event</MsgType><Event>{'e' * 40_000}</Event></xml>"
    (heard,) = parse("wechat", told.encode(), "text/xml")
    assert isinstance(heard.content, NonTicket)
    assert NonTicket.from_json(heard.content.to_json()) == heard.content
