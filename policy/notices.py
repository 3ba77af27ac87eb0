"""What notices say, and to whom and when they can go (R2–R4, R9): words in Chinese and English."""

import json
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import cache
from typing import Annotated, Literal, Protocol, get_args
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from policy.files import FileModel
from policy.sourced import Sourced

MAX_CHARS = 1_000
"""Of one text: an SMS of several parts, or a screen."""

Clock = Literal["resolve", "first_contact", "reply", "accept", "interim_news"]
"""Deadlines that are told; named as ``ClockKind`` of the contract."""

Stage = Literal[
    "dispatched",
    "passed_on",
    "accepted",
    "progressed",
    "replied",
    "returned",
    "reopened",
    "closed",
    "not_accepted",
    "withdrawn",
]
"""Steps of a ticket that the citizen may be told of (R9)."""

Standing = Literal[
    "received",
    "dispatched",
    "passed_on",
    "accepted",
    "replied",
    "returned",
    "reopened",
]
"""Where an open ticket can stand."""

Quietable = Literal[
    "citizen.deadline_changed",
    "citizen.progressed",
    "citizen.no_news",
    "citizen.result",
]
"""Notices that can wait for the morning; who just came is answered at once (R2)."""

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
_Acknowledging = Annotated[str, _Limit, _with("ticket", "steps", "deadlines")]
Changing = Annotated[str, _Limit, _with("ticket", "deadlines")]
Informing = Annotated[str, _Limit, _with("ticket", "unit", "deadlines")]
Timed = Annotated[str, _Limit, _with("at")]
Telling = Annotated[str, _Limit, _with("ticket", "unit", "words")]
Located = Annotated[str, _Limit, _with("unit")]
Reminding = Annotated[str, _Limit, _with("ticket", "stands", "deadlines")]


class PlainFile(FileModel):
    zh: Plain
    en: Plain


class AcknowledgingFile(FileModel):
    zh: _Acknowledging
    en: _Acknowledging


class ChangingFile(FileModel):
    zh: Changing
    en: Changing


class InformingFile(FileModel):
    zh: Informing
    en: Informing


class TimedFile(FileModel):
    zh: Timed
    en: Timed


class TellingFile(FileModel):
    zh: Telling
    en: Telling


class LocatedFile(FileModel):
    zh: Located
    en: Located


class RemindingFile(FileModel):
    zh: Reminding
    en: Reminding


_TimeOfDay = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class QuietFile(FileModel):
    """Local hours in which these notices wait; over midnight where it ends before it begins."""

    from_: Annotated[_TimeOfDay, Field(alias="from")]
    to: _TimeOfDay
    kinds: tuple[Quietable, ...]

    @model_validator(mode="after")
    def _some_time(self) -> "QuietFile":
        if self.from_ == self.to:
            raise ValueError(f"from and to are both {self.to}; without quiet hours empty kinds")
        return self


CALLED_BACK = "called_back"
"""The step that does not follow for everybody (R33)."""


class StepFile(PlainFile):
    step: Annotated[str, Field(pattern=r"^[a-z_]{1,32}$")]


class NoticesFile(FileModel):
    """Section ``notices`` of a rules file."""

    acknowledged: Sourced[AcknowledgingFile]
    changed: Sourced[ChangingFile]
    deadline_set: Sourced[ChangingFile]
    informed: Sourced[InformingFile]
    confidential: Sourced[PlainFile]
    vacant: Sourced[InformingFile]
    steps: Sourced[Annotated[tuple[StepFile, ...], Field(min_length=1, max_length=20)]]
    deadlines: Sourced[dict[Clock, TimedFile]]
    no_deadline: Sourced[PlainFile]
    overdue: Sourced[dict[Clock, TimedFile]]
    paused: Sourced[dict[Clock, PlainFile]]
    stages: Sourced[dict[Stage, TellingFile]]
    called_back: Sourced[PlainFile]
    stands: Sourced[dict[Standing, LocatedFile]]
    no_news: Sourced[RemindingFile]
    result: Sourced[TellingFile]
    result_chars: Sourced[Annotated[int, Field(strict=True, ge=50, le=5_000)]]
    unit: Sourced[PlainFile]
    unsaid: Sourced[PlainFile]
    quiet: Sourced[QuietFile]
    way_back: Sourced[tuple[str, ...]]

    @model_validator(mode="after")
    def _everywhere(self) -> "NoticesFile":
        lacking = set(get_args(Standing)) - set(self.stands.value)
        if lacking:
            raise ValueError(f"stands lacks {', '.join(sorted(lacking))}; write each in words")
        return self


@dataclass(frozen=True, slots=True)
class Words:
    """A text in both languages."""

    zh: str
    en: str

    def filled(self, deadlines: "Words | None" = None, **fields: "str | Words") -> "Words":
        """With the fields in their places; those that are words, in their language."""
        zh: dict[str, str] = {}
        en: dict[str, str] = {}
        for name, each in fields.items():
            if type(each) is str:
                zh[name] = en[name] = each
            else:
                assert isinstance(each, Words), "a field is a text or words"
                zh[name], en[name] = each.zh, each.en
        both = deadlines or _EMPTY
        zh["deadlines"], en["deadlines"] = both.zh, both.en
        return Words(_filled(self.zh, zh), _filled(self.en, en))


_EMPTY = Words("", "")


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


_Steps = tuple[Mapping[str, str], ...]


@dataclass(frozen=True, slots=True)
class Acknowledging:
    """受理告知: the words, and the steps that follow (处理流程)."""

    words: Words
    """``{ticket}`` and ``{deadlines}``."""
    steps: _Steps
    """``step``, ``zh``, ``en`` of each, as the notice has them."""
    steps_json: bytes
    """The same as JSON: they are the same for every ticket."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """When notices wait (requirements.md §4.4)."""

    start: time
    end: time
    kinds: frozenset[str]

    def until(self, kind: str, at: datetime, zone: ZoneInfo) -> datetime | None:
        """When a notice of the kind may go, as local time; None: at once."""
        if kind not in self.kinds:
            return None
        local = at.astimezone(zone)
        clock = local.time()
        over_midnight = self.end < self.start
        late = over_midnight and clock >= self.start
        if not late:
            early = clock < self.end if over_midnight else self.start <= clock < self.end
            if not early:
                return None
        day = local.date() + timedelta(days=1) if late else local.date()
        return datetime.combine(day, self.end, tzinfo=zone)


@dataclass(frozen=True, slots=True)
class NoticesPolicy:
    acknowledged: "Acknowledging"
    """To the citizen, the first time, where a callback follows the close."""
    acknowledged_only: "Acknowledging"
    """The same where none follows: without the step ``called_back``."""
    changed: Words
    """To the citizen when a deadline changed."""
    deadline_set: Words
    """The same where it is set for the first time."""
    informed: Words
    """To the liaison of a department; ``{ticket}``, ``{unit}`` and ``{deadlines}``."""
    confidential: Words
    """Added for the liaison where the citizen asked for it (保密)."""
    vacant: Words
    """Added for whoever gets a liaison's notice because nobody is liaison."""
    deadlines: Mapping[str, Words]
    """How each clock's deadline is told; ``{at}``. One that is not named is not told in words."""
    no_deadline: Words
    """Where none is known yet."""
    overdue: Mapping[str, Words]
    """How a deadline that has passed is told; ``{at}``. One that is not named is left out."""
    paused: Mapping[str, Words]
    """How it is told that a clock stands still (挂起)."""
    stages: Mapping[str, Words]
    """What is told of a step of the ticket (R9); ``{ticket}``, ``{unit}``, ``{words}``. A step that
    is not named is not told."""
    called_back: Words
    """Added to the close where a callback follows."""
    stands: Mapping[str, Words]
    """Where a ticket stands; ``{unit}``."""
    no_news: Words
    """Where nothing was told for too long (R9); ``{ticket}``, ``{stands}``, ``{deadlines}``."""
    result: Words
    """The result (R4); ``{ticket}``, ``{unit}``, ``{words}`` of the reply."""
    result_chars: int
    """Of a reply's or report's words in a notice; the rest is left out."""
    unit: Words
    """For ``{unit}`` where no event names it."""
    unsaid: Words
    """For ``{words}`` where nobody wrote any."""
    quiet: Quiet
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
        only = tuple(each for each in steps if each["step"] != CALLED_BACK)
        return NoticesPolicy(
            acknowledged=_acknowledging(file.acknowledged.value, steps),
            acknowledged_only=_acknowledging(file.acknowledged.value, only),
            changed=_words(file.changed.value),
            deadline_set=_words(file.deadline_set.value),
            informed=_words(file.informed.value),
            confidential=_words(file.confidential.value),
            vacant=_words(file.vacant.value),
            deadlines={clock: _words(each) for clock, each in file.deadlines.value.items()},
            no_deadline=_words(file.no_deadline.value),
            overdue={clock: _words(each) for clock, each in file.overdue.value.items()},
            paused={clock: _words(each) for clock, each in file.paused.value.items()},
            stages={stage: _words(each) for stage, each in file.stages.value.items()},
            called_back=_words(file.called_back.value),
            stands={stage: _words(each) for stage, each in file.stands.value.items()},
            no_news=_words(file.no_news.value),
            result=_words(file.result.value),
            result_chars=file.result_chars.value,
            unit=_words(file.unit.value),
            unsaid=_words(file.unsaid.value),
            quiet=Quiet(
                time.fromisoformat(file.quiet.value.from_),
                time.fromisoformat(file.quiet.value.to),
                frozenset(file.quiet.value.kinds),
            ),
            way_back=frozenset(file.way_back.value),
            sources={name: value.source for name, value in file if isinstance(value, Sourced)},
        )


class _InBoth(Protocol):
    @property
    def zh(self) -> str: ...
    @property
    def en(self) -> str: ...


def _words(file: _InBoth) -> Words:
    return Words(file.zh, file.en)


def _acknowledging(file: AcknowledgingFile, steps: _Steps) -> Acknowledging:
    """The steps are the same for every ticket: put in once."""
    zh, en = (" → ".join(each[language] for each in steps) for language in ("zh", "en"))
    words = Words(
        file.zh.replace("{steps}", _escaped(zh)),
        file.en.replace("{steps}", _escaped(en)),
    )
    return Acknowledging(words, steps, json.dumps(steps, ensure_ascii=False).encode())


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
