"""Dead letters keep every byte of the original, and go back as they came (I10)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import CannotOpen
from schemas.dead_letter import (
    DeadLetter,
    LetterId,
    NotALetter,
    RedriveEnd,
    Redriven,
    masked,
    read_redrive,
)
from tests.kit.sealing import SEALER

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
original_headers = st.lists(st.tuples(names, st.binary(max_size=10)), max_size=4).map(tuple)
numbers = st.integers(0, 2**63 - 1)
letters = st.builds(
    DeadLetter,
    service=names,
    reason=names,
    detail=names,
    topic=names,
    partition=st.integers(0, 10_000),
    offset=st.just(-1) | numbers,
    timestamp_ms=numbers,
    key=st.none() | st.binary(max_size=10),
    value=st.none() | st.binary(max_size=50),
    headers=original_headers,
    subject=st.none() | names,
    blocked_by=st.none() | names,
    attempt=st.integers(1, 9),
    kind=st.sampled_from(["record", "timer"]),
    source=names,
)


def letter(**changed: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "service": "dedup",
        "reason": "rule_raised",
        "detail": "KeyError: leaf",
        "topic": "hotline.tickets",
        "partition": 3,
        "offset": 1207,
        "timestamp_ms": 1_795_000_000_000,
        "subject": "T1",
    }
    return DeadLetter(**(given | changed))


@given(letters)
def test_I10_a_letter_comes_back_as_it_was(written: DeadLetter) -> None:
    record = written.to_record(None)
    assert record.value == written.value
    assert DeadLetter.from_record(record.value, record.headers) == written


@given(letters)
def test_I10_R61_a_sealed_letter_opens_as_it_was(written: DeadLetter) -> None:
    record = written.to_record(SEALER)
    kept = DeadLetter.from_record(record.value, record.headers)
    assert kept.opened(SEALER) == written
    assert (kept.position, kept.subject, kept.reason) == (
        written.position,
        written.subject,
        written.reason,
    ), "what a list shows needs no key"
    assert written.to_record(SEALER) == record, "a batch decided again writes the same bytes"
    assert kept.to_record(SEALER) == record, "what is sealed stays as it is"


def test_R61_nothing_of_the_original_is_left_in_clear() -> None:
    secret = "王小明 13812345678".encode()
    written = letter(key=secret, value=secret, headers=(("caller 13812345678", secret),))
    record = written.to_record(SEALER)
    headers = (name.encode() + content for name, content in record.headers)
    there = b" ".join([record.key, record.value or b"", *headers])
    for part in (secret, secret[:9], b"13812345678"):
        assert part not in there
    assert ("dl-sealed", b"1") in record.headers


def test_R61_a_letter_of_a_timer_has_no_original_and_is_not_sealed() -> None:
    timer = letter(kind="timer", offset=-1, key=b"c:1", subject="__timer__/c:1")
    assert timer.to_record(SEALER) == timer.to_record(None)


def test_R61_what_is_sealed_of_one_letter_is_not_taken_for_another() -> None:
    value = letter(value=b"original").closed(SEALER).value
    other = letter(offset=1208).closed(SEALER)
    with pytest.raises(CannotOpen, match="not the bytes that were sealed here"):
        replace(other, value=value).opened(SEALER)


def test_a_letter_of_before_the_sealing_stays_readable() -> None:
    record = letter(key=b"T1", value=b"original", headers=(("a", b"b"),)).to_record(None)
    kept = DeadLetter.from_record(record.value, record.headers)
    assert kept.sealed is None
    assert kept.opened(SEALER) == kept


@given(letters.filter(lambda one: one.subject is not None and one.kind == "record"))
def test_R61_what_goes_back_stays_sealed_until_the_service_opens_it(written: DeadLetter) -> None:
    back = Redriven.of(written.closed(SEALER), LetterId(1, 99))
    there = read_redrive(back.key, back.value, back.to_headers())
    assert there == back
    assert isinstance(there, Redriven)
    assert (there.key, there.headers) == (None, ())
    plain = there.opened(SEALER)
    assert (plain.key, plain.value, plain.headers) == (written.key, written.value, written.headers)
    with pytest.raises(NotALetter, match="no key ring here"):
        there.opened(None)


@given(letters)
def test_headers_are_utf8_but_for_the_original_bytes(written: DeadLetter) -> None:
    for name, content in written.to_record(None).headers:
        if name.startswith("dl-") and name != "dl-key":
            content.decode()


def test_a_null_value_stays_null_and_is_told_from_an_empty_one() -> None:
    for value in (None, b""):
        record = letter(value=value).to_record(None)
        assert DeadLetter.from_record(record.value, record.headers).value == value
    headers = letter(value=None).to_record(None).headers
    assert DeadLetter.from_record(b"", headers).value is None


def test_a_key_that_is_not_utf8_is_kept() -> None:
    written = letter(key=b"\xff\xfe", value=b"\x00\xff")
    record = written.to_record(None)
    assert ("dl-key", b"\xff\xfe") in record.headers
    assert DeadLetter.from_record(record.value, record.headers) == written


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({}, b"dedup/T1"),
        ({"blocked_by": "hotline.tickets-3-9", "reason": "blocked"}, b"dedup/T1"),
        ({"subject": None}, b"dedup/hotline.tickets-3-1207"),
        (
            {"subject": None, "kind": "timer", "offset": -1, "key": b"c:1"},
            b"dedup/timer-3-1795000000000-c:1",
        ),
    ],
)
def test_I3_letters_of_one_ticket_have_one_key(changed: dict[str, Any], key: bytes) -> None:
    assert letter(**changed).to_record(None).key == key


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("phone: '13812345678' is not valid", "phone: '***' is not valid"),
        ("tel 0571-8712 3456", "tel ***"),
        ("id 33010219900101123X", "id ***"),
        ("mail a.b@example.org.", "mail ***@***"),
        ("time: 2026-11-21T10:00:00Z", "time: 2026-11-21T10:00:00Z"),
        ("ticket T2026-000123, offset 120745", "ticket T2026-000123, offset 120745"),
        ("T20261121-000051 is closed", "T20261121-000051 is closed"),
        ("工单T20261121000051已办结", "工单T20261121000051已办结"),
        ("key 'c:9f31b07712345678'", "key 'c:9f31b07712345678'"),
        ("电话13812345678，", "电话***，"),
        ("致电：0571-87123456。", "致电：***。"),
        ("身份证33010219900101123X，", "身份证***，"),
        ("卡号6222021234567890123", "卡号***"),
        ("('+8613812345678')", "('+***')"),
        ("+86 138 1234 5678", "+***"),
        ("phone=13812345678;", "phone=***;"),
        ("20261121-000051", "***-000051"),
        (repr("请回电\n13812345678"), r"'请回电\n***'"),
        (repr("请回电\u300013812345678"), r"'请回电\u3000***'"),
        (repr("请回电\u00a0010-87123456"), r"'请回电\xa0***'"),
        ("x" * 600, "x" * 499 + "…"),
    ],
)
def test_R61_a_detail_shows_no_numbers_of_people(told: str, kept: str) -> None:
    assert masked(told) == kept
    assert letter(detail=told).detail == kept


PHONES = st.from_regex(r"1[3-9][0-9]{9}|0571-[2-8][0-9]{7}", fullmatch=True)
IDENTITIES = st.from_regex(r"3301[0-9]{13}[0-9X]|62[0-9]{14}|62[0-9]{17}", fullmatch=True)
CHINESE = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
PUNCTUATION = st.sampled_from(" ，。：；、（“《！？'\"(<[{:;,.=+*#/_-")


@given(st.text(CHINESE, max_size=5), CHINESE | PUNCTUATION, PHONES | IDENTITIES)
def test_R61_a_number_after_chinese_or_punctuation_is_masked(
    before: str, last: str, number: str
) -> None:
    for told in (before + last + number, repr(before + "\t" + number)):
        digits = [character for character in masked(told) if character.isdecimal()]
        assert len(digits) == 0, masked(told)


@given(
    st.sampled_from(["", "工单", "ticket ", "subject="]),
    st.from_regex(r"[A-Z]{1,3}[0-9]{4,17}(-[0-9]{1,6})?", fullmatch=True),
)
def test_a_ticket_id_that_begins_with_a_letter_stays(before: str, ticket: str) -> None:
    assert masked(before + ticket) == before + ticket


@given(
    st.text(max_size=700)
    | st.text(st.sampled_from("0123456789xXuUaTn\\ -@*，"), min_size=8, max_size=60)
)
def test_masking_twice_changes_nothing_more(told: str) -> None:
    assert len(masked(told)) <= 500
    assert masked(masked(told)) == masked(told)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("dl-offset", b"x", "'dl-offset': 'x' is not a whole number"),
        ("dl-kind", b"event", "'dl-kind': 'event' is neither"),
        ("dl-reason", b"\xff", "'dl-reason': .* is not UTF-8"),
        ("dl-topic", None, "'dl-topic': is missing"),
    ],
)
def test_a_record_that_is_no_letter_names_its_header(
    name: str, content: bytes | None, told: str
) -> None:
    headers = [header for header in letter().to_record(None).headers if header[0] != name]
    if content is not None:
        headers.append((name, content))
    with pytest.raises(NotALetter, match=told):
        DeadLetter.from_record(b"", headers)


@given(letters.filter(lambda one: one.subject is not None))
def test_what_goes_back_is_the_original(written: DeadLetter) -> None:
    back = Redriven.of(written, LetterId(1, 99))
    assert read_redrive(back.key, back.value, back.to_headers()) == back
    assert (back.key, back.value, back.headers) == (written.key, written.value, written.headers)
    assert (back.partition, back.offset, back.timestamp_ms, back.attempt, back.kind) == (
        written.partition,
        written.offset,
        written.timestamp_ms,
        written.attempt,
        written.kind,
    )


def test_a_publishers_header_cannot_end_a_redrive() -> None:
    back = Redriven.of(letter(headers=(("redrive-end", b"1"), ("ce_id", b"1"))), LetterId(0, 0))
    assert read_redrive(back.key, back.value, back.to_headers()) == back


def test_a_letter_without_a_subject_does_not_go_back_in_order_of_one() -> None:
    with pytest.raises(NotALetter, match="letter 0:4 has none"):
        Redriven.of(letter(subject=None), LetterId(0, 4))


@given(letters.filter(lambda one: one.kind == "record"))
def test_a_letter_that_goes_back_alone_names_no_subject(written: DeadLetter) -> None:
    back = Redriven.of(written, LetterId(1, 99), alone=True)
    assert back.subject is None
    assert read_redrive(back.key, back.value, back.to_headers()) == back
    assert (back.value, back.headers, back.offset) == (
        written.value,
        written.headers,
        written.offset,
    )


def test_a_timer_never_goes_back_alone() -> None:
    back = Redriven.of(letter(kind="timer"), LetterId(1, 99), alone=True)
    with pytest.raises(NotALetter, match="'redrive-subject': is missing"):
        read_redrive(back.key, back.value, back.to_headers())


def test_the_end_marker_says_how_many() -> None:
    end = RedriveEnd(subject="投诉-1", letters=3)
    assert read_redrive(None, None, end.to_headers()) == end


@pytest.mark.parametrize("text", ["", "3", "3:", "a:1", "-1:2", "3:4:5"])
def test_an_id_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as 3:1207"):
        LetterId.parse(text)


def test_an_id_reads_as_it_is_written() -> None:
    assert LetterId.parse(str(LetterId(3, 1207))) == LetterId(3, 1207)
