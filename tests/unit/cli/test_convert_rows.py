"""Rows to events: what comes out of a table, and what is told about a row that does not fit."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.conversion import Converted, Converter, Reject
from cli.conversion.mapping import parse_mapping
from cli.conversion.table import TableError, read_rows
from cli.conversion.values import Row

TOP: dict[str, Any] = {
    "source": "crm.example",
    "subject": "{id}",
    "time_zone": "America/New_York",
    "time_format": "%Y-%m-%d %H:%M:%S",
}


def run(
    document: dict[str, Any], lines: Iterable[str]
) -> tuple[list[dict[str, Any]], list[Reject], Converter]:
    mapping = parse_mapping(TOP | document, name="ours")
    converter = Converter(mapping)
    documents: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for item in read_rows([line + "\n" for line in lines], mapping, "ours.csv"):
        if isinstance(item, Row):
            made_all: Iterable[Converted | Reject] = converter.convert(item)
        else:
            made_all = [converter.unreadable(*item)]
        for made in made_all:
            if isinstance(made, Converted):
                documents.append(dict(made.document))
            else:
                rejects.append(made)
    return documents, rejects, converter


def received(**data: object) -> dict[str, Any]:
    return {"events": [{"type": "ticket.received", "time": "{at}", "data": data}]}


def test_a_row_becomes_a_cloudevents_document() -> None:
    documents, rejects, _ = run(
        received(title="{t}", anonymous=True), ["id,at,t", "7,2011-07-01 01:32:33,Lamp"]
    )
    assert rejects == []
    assert documents == [
        {
            "specversion": "1.0",
            "id": "7:ticket.received",
            "source": "crm.example",
            "type": "hotline.ticket.received.v1",
            "time": "2011-07-01T01:32:33-04:00",
            "subject": "7",
            "datacontenttype": "application/json",
            "data": {"title": "Lamp", "anonymous": True},
        }
    ]


@pytest.mark.parametrize(
    ("value", "cells", "result"),
    [
        ("{a} and {b}", "x,y", "x and y"),
        ("{a} and {b}", "x,", "x and"),
        ("{a}{b}", ",", None),
        ("{{literal}}", "x,y", "{literal}"),
        ({"from": "{a}", "map": {"x": "mapped"}}, "x,", "mapped"),
        ({"from": "{a}", "map": {"z": "mapped"}, "default": "other"}, "x,", "other"),
        ({"from": "{a}", "map": {"z": "mapped"}, "default": None}, "x,", None),
        ({"from": "{a}", "slug": True}, "Street Lights / Out,", "street-lights-out"),
        ({"from": "{a}", "extract": "^Case (.*)$"}, "Case Closed,", "Closed"),
        ({"from": "{a}", "extract": "^Case (.*)$"}, "Other,", None),
        ({"from": "{a}", "when": {"b": "yes"}}, "x,yes", "x"),
        ({"from": "{a}", "when": {"b": "yes"}}, "x,no", None),
        ({"first_of": ["{b}", "{a}"]}, "x,", "x"),
        ({"first_of": ["{b}", "{a}"]}, ",", None),
    ],
)
def test_values(value: object, cells: str, result: str | None) -> None:
    documents, rejects, _ = run(
        received(title=value), ["id,at,a,b", f"1,2011-07-01 00:00:00,{cells}"]
    )
    assert rejects == []
    assert documents[0]["data"].get("title") == result


def test_an_object_of_constants_alone_says_nothing() -> None:
    party = {"kind": "person", "identities": [{"scheme": "account", "value": "{user}"}]}
    documents, rejects, _ = run(
        received(complainant=party, anonymous=True),
        ["id,at,user", "1,2011-07-01 00:00:00,u1", "2,2011-07-01 00:00:00,"],
    )
    assert rejects == []
    assert documents[0]["data"]["complainant"]["identities"][0]["value"] == "u1"
    assert documents[1]["data"] == {"anonymous": True}


@pytest.mark.parametrize(
    ("at", "gap", "time", "reason"),
    [
        ("2011-01-01 12:00:00", "reject", "2011-01-01T12:00:00-05:00", None),
        ("2011-07-01 12:00:00", "reject", "2011-07-01T12:00:00-04:00", None),
        ("2011-03-13 02:30:00", "reject", None, "skipped"),
        ("2011-03-13 02:30:00", "move_on", "2011-03-13T03:30:00-04:00", None),
        ("2011-11-06 01:30:00", "reject", "2011-11-06T01:30:00-04:00", None),
        ("01/07/2011", "reject", None, "not a time of the form"),
        ("", "reject", None, "nobody knows when"),
    ],
    ids=["winter", "summer", "gap", "gap moved on", "twice: the first", "other form", "empty"],
)
def test_times_without_an_offset_are_of_the_mapping_s_zone(
    at: str, gap: str, time: str | None, reason: str | None
) -> None:
    documents, rejects, _ = run(received(title="x") | {"dst_gap": gap}, ["id,at", f"1,{at}"])
    assert [d["time"] for d in documents] == ([time] if time else [])
    assert [reason in r.reason for r in rejects if reason] == ([True] if reason else [])
    assert [(r.line, r.column) for r in rejects] == ([(2, "at")] if reason else [])


def test_a_time_with_an_offset_keeps_it() -> None:
    documents, _, _ = run(
        received(title="x") | {"time_format": "iso"}, ["id,at", "1,2011-07-01T12:00:00+08:00"]
    )
    assert documents[0]["time"] == "2011-07-01T12:00:00+08:00"


def test_a_time_without_an_offset_or_zone_is_a_reject() -> None:
    document = received(title="x") | {"time_zone": None}
    _, rejects, _ = run(document, ["id,at", "1,2011-07-01 12:00:00"])
    assert "time_zone" in rejects[0].reason


def test_R1_a_row_that_does_not_fit_is_told_and_the_rest_goes_on() -> None:
    document = received(
        channel={"from": "{channel}", "map": {"call": "phone", "bird": "pigeon"}},
        place={"lat": {"from": "{lat}", "type": "number"}},
    )
    documents, rejects, converter = run(
        document,
        [
            "id,at,channel,lat",
            "1,2011-07-01 00:00:00,call,42.1",
            "2,2011-07-01 00:00:00,fax,42.1",
            "3,2011-07-01 00:00:00,call,north",
            "4,2011-07-01 00:00:00,call,95",
            "5,2011-07-01 00:00:00,bird,42",
            ",2011-07-01 00:00:00,call,42",
            "1,2011-07-02 00:00:00,call,42",
            "8,2011-07-01 00:00:00",
            '9,"2011-07-01 00:00:00",call,"42"',
        ],
    )
    assert [d["subject"] for d in documents] == ["1", "9"]
    told = [(r.line, r.column, r.value) for r in rejects]
    assert told == [
        (3, "channel", "fax"),
        (4, "lat", "north"),
        (5, "lat", "95"),
        (6, "channel", "bird"),
        (7, "id", None),
        (8, "id", "1"),
        (9, "", "8,2011-07-01 00:00:00"),
    ]
    reasons = [r.reason for r in rejects]
    assert "not in the mapping's `map`" in reasons[0]
    assert "data.place.lat" in reasons[2]
    assert "less than or equal to 90" in reasons[2]
    assert "data.channel" in reasons[3]
    assert "line 2 again" in reasons[5]
    assert "2 cells where the header has 4" in reasons[6]
    assert converter.counts.rows == 9
    assert converter.counts.rejected_rows == converter.counts.rejects == 7


def test_a_row_keeps_the_events_that_fit() -> None:
    document = received(title="x")
    document["events"].append(
        {"type": "ticket.closed", "time": "{end}", "when": {"end": {"present": True}}}
    )
    documents, rejects, _ = run(document, ["id,at,end", "1,2011-07-01 00:00:00,soon"])
    assert [d["type"] for d in documents] == ["hotline.ticket.received.v1"]
    assert [(r.event, r.value) for r in rejects] == [("hotline.ticket.closed.v1", "soon")]


def test_line_numbers_count_lines_not_rows() -> None:
    _, rejects, _ = run(
        received(title="{t}"), ["id,at,t", '1,2011-07-01 00:00:00,"two', 'lines"', "2,never,x"]
    )
    assert [r.line for r in rejects] == [4]


def test_broken_bytes_cost_their_row_only() -> None:
    broken = b"2,2011-07-01 00:00:00,\xff\xfe".decode("utf-8", "surrogateescape")
    documents, rejects, _ = run(
        received(title="{t}"),
        ["id,at,t", "1,2011-07-01 00:00:00,灯", broken, "3,2011-07-01 00:00:00,x"],
    )
    assert [d["subject"] for d in documents] == ["1", "3"]
    assert [(r.line, r.column) for r in rejects] == [(3, "t")]
    assert "not utf-8" in rejects[0].reason


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "empty"),
        (["id,at"], "reads column title"),
        (["id,at,title,id"], "more than once"),
    ],
)
def test_a_table_of_another_mapping_is_told(lines: list[str], said: str) -> None:
    with pytest.raises(TableError, match=said):
        run(received(title="{title}"), lines)


def test_an_optional_column_may_be_missing() -> None:
    documents, rejects, _ = run(
        received(title="{title}") | {"optional_columns": ["title"]},
        ["id,at", "1,2011-07-01 00:00:00"],
    )
    assert (documents[0]["data"], rejects) == ({}, [])


LOG: dict[str, Any] = {
    "rows": "log",
    "events": [
        {"type": "ticket.received", "when": {"id": {"changed": True}}, "time": "{at}"},
        {
            "type": "ticket.reopened",
            "when": {"state": {"was": ["done"], "is_not": "done"}},
            "time": "{at}",
        },
        {
            "type": "hold.ended",
            "when": {"state": {"changed": True, "was": "wait"}},
            "time": "{at}",
        },
        {
            "type": "ticket.dispatched",
            "when": {"unit": {"changed": True, "present": True}},
            "time": "{at}",
            "data": {"department": "{unit}"},
        },
        {
            "type": "hold.started",
            "when": {"state": {"changed": True, "is": "wait"}},
            "time": "{at}",
        },
        {
            "type": "ticket.closed",
            "when": {"state": {"changed": True, "matches": "^done$"}},
            "time": "{at}",
        },
    ],
}


def test_a_log_s_events_are_what_changed_within_the_ticket() -> None:
    steps = [
        ("A", "new", "u1"),
        ("B", "wait", ""),
        ("A", "wait", "u1"),
        ("A", "wait", "u2"),
        ("A", "done", ""),
        ("A", "new", "u2"),
        ("A", "done", "u2"),
    ]
    lines = [f"{t},2011-07-0{i + 1} 00:00:00,{s},{u}" for i, (t, s, u) in enumerate(steps)]
    documents, rejects, _ = run(LOG, ["id,at,state,unit", *lines])
    assert rejects == []
    assert [d["id"] for d in documents] == [
        "A:ticket.received",
        "A:ticket.dispatched",
        "B:ticket.received",
        "B:hold.started",
        "A:hold.started",
        "A:ticket.dispatched:2",
        "A:hold.ended",
        "A:ticket.closed",
        "A:ticket.reopened",
        "A:ticket.dispatched:3",
        "A:ticket.closed:2",
    ]


KEYWORDS: dict[str, Any] = {
    "keywords": {
        "leaf": {
            "texts": {"{t}": 3, "{x}": 1},
            "min_score": 3,
            "default": "unknown",
            "rules": [
                {"value": "light", "any_of": ["路灯", ["灯", "不亮"]], "none_of": ["红绿灯"]},
                {"value": "noise", "any_of": ["噪音", "扰民", "很吵", "KTV"]},
            ],
        }
    }
}


@pytest.mark.parametrize(
    ("title", "text", "leaf"),
    [
        ("路灯坏了", "", "light"),
        ("那盏灯一直不亮", "", "light"),
        ("那盏灯。屏幕不亮", "", "unknown"),
        ("红绿灯旁的路灯", "", "unknown"),
        ("咨询", "噪音", "unknown"),
        ("咨询", "噪音扰民，很吵", "noise"),
        ("ktv", "", "noise"),
        ("路灯", "噪音扰民很吵，ktv", "noise"),
        ("路灯噪音", "", "light"),
        ("", "", "unknown"),
    ],
)
def test_keyword_rules_choose_the_leaf(title: str, text: str, leaf: str) -> None:
    document = received(leaf={"keywords": "leaf"}, leaf_source="keyword_rules") | KEYWORDS
    documents, _, converter = run(document, ["id,at,t,x", f"1,2011-07-01 00:00:00,{title},{text}"])
    assert documents[0]["data"]["leaf"] == leaf
    assert converter.counts.unknown_share == (1.0 if leaf == "unknown" else 0.0)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@given(rows=st.lists(st.tuples(CELL, CELL), max_size=20))
def test_R1_every_row_is_an_event_or_a_reject(rows: list[tuple[str, str]]) -> None:
    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"'

    lines = [f"{quoted(a)},2011-07-01 00:00:00,{quoted(b)}" for a, b in rows]
    documents, rejects, converter = run(received(title="{t}"), ["id,at,t", *lines])
    assert len(documents) + len(rejects) == len(rows) == converter.counts.rows
    assert len({d["id"] for d in documents}) == len(documents)
