"""Every event of the contract can be told in both languages, and lines break as they should."""

from enum import StrEnum
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.text import Text

from cli.explaining import words
from cli.explaining.prose import breaks, wrapped
from cli.explaining.story import anomaly_said
from cli.explaining.words import Words, fields_of, fill
from rules.words import REASONS
from schemas.events import EVENT_TYPES
from schemas.events.contacts import CallDirection, CallPurpose
from schemas.events.dispatches import DispatchRole
from schemas.events.parts import CallOutcome, Channel, RequestType, Urgency
from schemas.events.replies import ReplyElement, ReplyMethod
from schemas.events.tickets import ReopenCause, TicketContent, TicketState, WithdrawnBy
from schemas.events.verdicts import ExclusionReason, Mark, RootCause
from schemas.facts.repeats import FirstTicket, HumanMark, RepeatVerdict
from services.intake.life_cycle import ANY, RULES

KINDS = {name.removeprefix("hotline.").rpartition(".v")[0]: name for name in EVENT_TYPES}


def chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def test_R6_every_event_of_the_contract_has_a_sentence() -> None:
    assert words.SENTENCES.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_R6_a_sentence_names_fields_that_its_event_has(kind: str) -> None:
    data = EVENT_TYPES[KINDS[kind]].model_fields["data"].annotation
    assert data is not None
    for sentence in words.SENTENCES[kind]:
        assert fields_of(sentence) <= set(data.model_fields)
    assert chinese(words.SENTENCES[kind].zh)
    assert not chinese(words.SENTENCES[kind].en)
    en, zh = map(fields_of, words.SENTENCES[kind])
    assert en == zh, "both languages say the same"


@pytest.mark.parametrize(
    ("template", "model"),
    [(words.FIRST, FirstTicket), (words.MARK, HumanMark)],
    ids=["first", "mark"],
)
def test_R22_parts_of_a_verdict_name_fields_that_it_has(
    template: Words, model: type[FirstTicket] | type[HumanMark]
) -> None:
    assert fields_of(template.en) == fields_of(template.zh) <= set(model.model_fields)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("channel", Channel),
        ("request_type", RequestType),
        ("urgency", Urgency),
        ("level", Urgency),
        ("outcome", CallOutcome),
        ("purpose", CallPurpose),
        ("direction", CallDirection),
        ("role", DispatchRole),
        ("reply_method", ReplyMethod),
        ("missing", ReplyElement),
        ("cause", ReopenCause),
        ("withdrawn_by", WithdrawnBy),
        ("state", TicketState),
        ("mark", Mark),
        ("reason", ExclusionReason),
        ("root_cause", RootCause),
    ],
)
def test_every_value_of_the_contract_has_words(field: str, values: type[StrEnum]) -> None:
    assert {value.value for value in values} <= words.ENUMS[field].keys()


def test_every_verdict_and_change_has_words() -> None:
    assert words.VERDICTS.keys() == set(get_args(RepeatVerdict))
    unnamed = set(TicketContent.model_fields) - words.CHANGED.keys()
    assert unnamed == {"leaf_source", "tree_version"}
    assert words.EXCLUSIONS.keys() <= REASONS.keys()


@pytest.mark.parametrize(
    "anomaly",
    [
        *words.ANOMALIES,
        *sorted(
            {f"{each.slug}_when_{phase}" for each in RULES.values() if each.slug for phase in ANY}
        ),
        *sorted({f"{each.slug}_unasked" for each in RULES.values() if each.answers}),
    ],
)
def test_every_anomaly_of_intake_is_said_in_both_languages(anomaly: str) -> None:
    said = anomaly_said(anomaly)
    assert anomaly not in said
    assert chinese(said.zh)
    assert not chinese(said.en)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Closed by ?"),
        ({"by": "Q01"}, "Closed by Q01"),
        ({"by": "Q01", "reason": "done"}, "Closed by Q01: done"),
        ({"by": "Q01", "reason": "done", "at": "noon"}, "Closed by Q01: done (noon, done)"),
        ({"by": "Q01", "at": "noon"}, "Closed by Q01"),
    ],
)
def test_a_part_in_brackets_needs_all_of_its_fields(values: dict[str, str], said: str) -> None:
    template = Words("Closed by {by}[: {reason}][ ({at}, {reason})]", "")
    assert fill(template, {name: Words(each, each) for name, each in values.items()}).en == said


def test_what_a_citizen_wrote_is_never_taken_for_a_template() -> None:
    wrote = Words("[{by}] 100%", "[{by}] 100%")
    assert fill(Words("Said: {text}", "{text}"), {"text": wrote}) == ("Said: [{by}] 100%", wrote.zh)


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("电话受理", 20, ["电话受理"]),
        ("电话受理工单", 8, ["电话受理", "工单"]),
        ("电话受理，工单", 8, ["电话受", "理，工单"]),
        ("by phone on Monday", 9, ["by phone ", "on Monday"]),
        ("话务员 A011 受理", 10, ["话务员 ", "A011 受理"]),
        ("T20260302-000153", 8, ["T2026030", "2-000153"]),
    ],
)
def test_lines_break_between_characters_but_not_before_a_closing_mark(
    text: str, width: int, lines: list[str]
) -> None:
    assert [line.plain for line in wrapped(Text(text), width)] == lines


@given(st.text(st.sampled_from("abc 中文工单，。（）「」[]-12"), max_size=80), st.integers(4, 30))
def test_nothing_is_lost_and_no_line_is_too_long(text: str, width: int) -> None:
    lines = [line.plain for line in wrapped(Text(text), width)]
    assert "".join(lines) == text
    assert all(cell_len(line.rstrip(" ")) <= width for line in lines)
    assert all(0 < at < len(text) for at in breaks(text, width))
