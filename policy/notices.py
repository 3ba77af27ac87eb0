"""What notices say, and to whom they can go (R2, R3): words in Chinese and in English."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from policy.files import FileModel
from policy.sourced import Sourced

MAX_CHARS = 1_000
"""Of one text: an SMS of several parts, or a screen."""

Clock = Literal["resolve", "first_contact", "reply", "accept"]
"""Deadlines that a ticket's events bring; named as ``ClockKind`` of the contract."""

_FORMATTER = string.Formatter()


def _with(*allowed: str) -> AfterValidator:
    """A text that asks for nothing but these fields."""

    def check(text: str) -> str:
        known = " ".join(f"{{{name}}}" for name in allowed) or "none"
        try:
            asked = [name for _, name, _, _ in _FORMATTER.parse(text) if name is not None]
        except ValueError as error:
            raise ValueError(f"{error}; the fields that it may have: {known}") from None
        for name in asked:
            if name not in allowed:
                raise ValueError(f"there is no field {{{name}}}; there are: {known}")
        return text

    return AfterValidator(check)


_Limit = Field(min_length=1, max_length=MAX_CHARS)
Plain = Annotated[str, _Limit, _with()]
Acknowledging = Annotated[str, _Limit, _with("ticket", "steps", "deadlines")]
Informing = Annotated[str, _Limit, _with("ticket", "unit", "deadlines")]
Timed = Annotated[str, _Limit, _with("at")]


class PlainFile(FileModel):
    zh: Plain
    en: Plain


class AcknowledgingFile(FileModel):
    zh: Acknowledging
    en: Acknowledging


class InformingFile(FileModel):
    zh: Informing
    en: Informing


class TimedFile(FileModel):
    zh: Timed
    en: Timed


class StepFile(PlainFile):
    step: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]


class NoticesFile(FileModel):
    """Section ``notices`` of a rules file."""

    acknowledged: Sourced[AcknowledgingFile]
    changed: Sourced[AcknowledgingFile]
    informed: Sourced[InformingFile]
    confidential: Sourced[PlainFile]
    vacant: Sourced[InformingFile]
    steps: Sourced[Annotated[tuple[StepFile, ...], Field(min_length=1, max_length=20)]]
    deadlines: Sourced[dict[Clock, TimedFile]]
    no_deadline: Sourced[PlainFile]
    way_back: Sourced[tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str

    def filled(self, deadlines: "Words | None" = None, **fields: str) -> "Words":
        """With the fields in their places."""
        zh, en = ("", "") if deadlines is None else (deadlines.zh, deadlines.en)
        return Words(
            _filled(self.zh, {**fields, "deadlines": zh}),
            _filled(self.en, {**fields, "deadlines": en}),
        )


def _filled(text: str, fields: Mapping[str, str]) -> str:
    parts = _parts(text)
    if parts is None:
        return text.format_map(fields)
    return "".join([part if literal else fields[part] for literal, part in parts])


@cache
def _parts(text: str) -> tuple[tuple[bool, str], ...] | None:
    """What ``str.format`` would read anew for each ticket: literal texts, and names of fields.

    None where a field also says how it is to be written (``{ticket:>12}``).
    """
    parts: list[tuple[bool, str]] = []
    for literal, name, form, conversion in _FORMATTER.parse(text):
        if form or conversion:
            return None
        if literal:
            parts.append((True, literal))
        if name is not None:
            parts.append((False, name))
    return tuple(parts)


@dataclass(frozen=True, slots=True)
class NoticesPolicy:
    acknowledged: Words
    """To the citizen, the first time; ``{ticket}`` and ``{deadlines}``."""
    changed: Words
    """To the citizen when a deadline changed."""
    informed: Words
    """To the liaison of a department; ``{ticket}``, ``{unit}`` and ``{deadlines}``."""
    confidential: Words
    """Added for the liaison where the citizen asked for it (保密)."""
    vacant: Words
    """Added for whoever gets a liaison's notice because nobody is liaison."""
    steps: tuple[Mapping[str, str], ...]
    """处理流程: ``step``, ``zh``, ``en`` of each, as the notice has them."""
    steps_json: bytes
    """The same as JSON: they are the same for every ticket."""
    deadlines: Mapping[str, Words]
    """How each clock's deadline is told; ``{at}``. One that is not named is not told in words."""
    no_deadline: Words
    """Where none is known yet."""
    way_back: frozenset[str]
    """Channels on which whoever came can be answered without their name or number."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file."""

    @staticmethod
    def of(file: NoticesFile) -> "NoticesPolicy":
        """The policy in a validated file."""
        steps = tuple(
            {"step": each.step, "zh": each.zh, "en": each.en} for each in file.steps.value
        )
        walk = Words(
            " → ".join(each["zh"] for each in steps), " → ".join(each["en"] for each in steps)
        )
        return NoticesPolicy(
            acknowledged=_walked(file.acknowledged.value, walk),
            changed=_walked(file.changed.value, walk),
            informed=Words(file.informed.value.zh, file.informed.value.en),
            confidential=Words(file.confidential.value.zh, file.confidential.value.en),
            vacant=Words(file.vacant.value.zh, file.vacant.value.en),
            steps=steps,
            steps_json=json.dumps(steps, ensure_ascii=False).encode(),
            deadlines={
                clock: Words(each.zh, each.en) for clock, each in file.deadlines.value.items()
            },
            no_deadline=Words(file.no_deadline.value.zh, file.no_deadline.value.en),
            way_back=frozenset(file.way_back.value),
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
        )


def _walked(file: AcknowledgingFile, steps: Words) -> Words:
    """The steps are the same for every ticket: put in once."""
    return Words(
        file.zh.replace("{steps}", _escaped(steps.zh)),
        file.en.replace("{steps}", _escaped(steps.en)),
    )


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
