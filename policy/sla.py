"""Within which time what is owed (时限): targets, levels of handling, pauses (R25, R29, R30)."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StringConstraints, model_validator

from policy import files
from policy.categories import CategoryTree
from policy.files import FileModel
from policy.repeat import RequestType
from policy.sourced import Sourced

Target = Literal[
    "accept",
    "first_contact",
    "interim",
    "resolve",
    "reply",
    "department",
    "verification",
    "supervision",
    "return",
]
"""签收, 首次联系, 过程告知, 办结, 答复, 承办时限, 核实, 督办, 退单; the last is the time within
which a unit may ask to return a dispatch, and no clock."""
ClockTarget = Literal[
    "accept",
    "first_contact",
    "interim",
    "resolve",
    "reply",
    "department",
    "verification",
    "supervision",
]
Unit = Literal["minutes", "hours", "working_days", "calendar_days"]
CloseNeed = Literal["own_reply", "other_leads", "supporting", "verification"]
"""What a close can wait for: the reply of the dispatch that asks, of others that lead, of those
that support (协办), the answer to each question (核实)."""

UNIT_CALENDAR = "unit"
"""In place of a calendar's name: that of the department's unit in the directory."""

_MOST: Mapping[Unit, int] = {
    "minutes": 10_080,
    "hours": 2_160,
    "working_days": 400,
    "calendar_days": 400,
}
"""A limit on everything: no public target is longer, and calendars know few years."""
_FOUND_AT_MOST = 20_000
"""Choices remembered per policy: leaves come from publishers, so without a limit memory grows."""

Urgency = Literal["normal", "urgent", "very_urgent"]
_Level = Annotated[int, Field(strict=True, ge=1, le=9)]
_Percent = Annotated[int, Field(strict=True, ge=1, le=99)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")]
_Code = Annotated[str, StringConstraints(pattern=r"^\S{1,128}$")]
_Codes = Annotated[tuple[_Code, ...], Field(min_length=1)]


class WhenFile(FileModel):
    """What a row asks of a ticket: one of each list that it has. Without any it takes all."""

    leaf: _Codes | None = None
    """Leaves, or branches for all below them."""
    urgency: Annotated[tuple[Urgency, ...], Field(min_length=1)] | None = None
    request_type: Annotated[tuple[RequestType, ...], Field(min_length=1)] | None = None
    channel: _Codes | None = None
    level: Annotated[tuple[_Level, ...], Field(min_length=1)] | None = None


class LevelRowFile(Sourced[_Level]):
    """A row of ``levels``."""

    name: _Name
    when: WhenFile = WhenFile()

    @model_validator(mode="after")
    def _from_the_ticket(self) -> "LevelRowFile":
        if self.when.level is not None:
            raise ValueError("asks for the level that it is to give; ask for leaf or urgency")
        return self


class AmountFile(FileModel):
    """``{amount: 15, unit: minutes, calendar: cn-24x7}``."""

    amount: Annotated[int, Field(strict=True, ge=1)]
    unit: Unit
    calendar: Annotated[str, Field(min_length=1)]
    """Name of a calendar, or ``unit``."""
    roll: StrictBool = False

    @model_validator(mode="after")
    def _sensible(self) -> "AmountFile":
        if self.amount > _MOST[self.unit]:
            raise ValueError(
                f"{self.amount} {self.unit} is more than {_MOST[self.unit]}; write a shorter time"
            )
        if self.roll and self.unit != "calendar_days":
            raise ValueError(f"roll moves calendar_days off a day off, not {self.unit}; remove it")
        return self


class RuleFile(Sourced[AmountFile]):
    """A row of a target."""

    name: _Name
    when: WhenFile = WhenFile()


class TargetFile(FileModel):
    """What a target has: when it warns, and its rows, the first that fits."""

    warnings: Sourced[Annotated[tuple[_Percent, ...], Field(max_length=9)]]
    rules: Annotated[tuple[RuleFile, ...], Field(max_length=500)] = ()
    alternatives: dict[_Name, Annotated[tuple[RuleFile, ...], Field(min_length=1)]] = Field(
        default_factory=dict
    )
    """Other rows under a name; they take the place of ``rules`` where ``sla.use`` says it."""

    @model_validator(mode="after")
    def _rising(self) -> "TargetFile":
        percents = self.warnings.value
        if any(later <= earlier for earlier, later in pairwise(percents)):
            raise ValueError(f"warnings {list(percents)} do not rise; write the lowest first")
        return self


class PausesFile(FileModel):
    pauses: tuple[ClockTarget, ...]


class HoldRowFile(Sourced[PausesFile]):
    """Which clocks a reason pauses."""

    name: _Name
    codes: _Codes


class HoldsFile(FileModel):
    """Ruling 12: a hold pauses the clocks that the policy says."""

    rows: tuple[HoldRowFile, ...] = ()
    otherwise: Sourced[PausesFile]
    """A hold without a code, or with one that no row names."""


class ExtensionFile(FileModel):
    asked_before_due: Sourced[StrictBool]
    lead_moves_citizen: Sourced[StrictBool]


class OnNewVersionFile(FileModel):
    targets: Literal["keep", "recompute"]


class SlaFile(FileModel):
    """Section ``sla`` of a rules file."""

    use: Sourced[_Name | None]
    levels: tuple[LevelRowFile, ...] = ()
    targets: dict[Target, TargetFile]
    holds: HoldsFile
    extension: ExtensionFile
    late_recording_hours: Sourced[Annotated[int, Field(strict=True, ge=0, le=8_784)]]
    arbitration_after: Sourced[Annotated[int, Field(strict=True, ge=1, le=100)]]
    close_needs: Sourced[tuple[CloseNeed, ...]]
    reply_in_force: Sourced[Literal["approved", "submitted"]]
    on_new_version: Sourced[OnNewVersionFile]
    forget_after_days: Sourced[Annotated[int, Field(strict=True, ge=1, le=3_660)]]


@dataclass(frozen=True, slots=True)
class When:
    """What a row asks of a ticket; None: it does not ask."""

    leaf: frozenset[str] | None = None
    urgency: frozenset[str] | None = None
    request_type: frozenset[str] | None = None
    channel: frozenset[str] | None = None
    level: frozenset[int] | None = None

    @staticmethod
    def of(file: WhenFile) -> "When":
        return When(**{name: None if asked is None else frozenset(asked) for name, asked in file})

    def fits(
        self,
        lineage: Iterable[str],
        urgency: str | None,
        request_type: str | None,
        channel: str | None,
        level: int | None,
    ) -> bool:
        return (
            (self.leaf is None or not self.leaf.isdisjoint(lineage))
            and (self.urgency is None or urgency in self.urgency)
            and (self.request_type is None or request_type in self.request_type)
            and (self.channel is None or channel in self.channel)
            and (self.level is None or level in self.level)
        )


@dataclass(frozen=True, slots=True)
class LevelRow:
    name: str
    when: When
    level: int
    source: str


@dataclass(frozen=True, slots=True)
class TargetRule:
    """A row of a target."""

    name: str
    """``<target>.<row>``."""
    when: When
    amount: int
    unit: Unit
    calendar: str | None
    """None: that of the department's unit."""
    roll: bool
    source: str


@dataclass(frozen=True, slots=True)
class SlaPolicy:
    """Which times a ticket has."""

    levels: tuple[LevelRow, ...]
    """分级办理; the first that fits."""
    rules: Mapping[str, tuple[TargetRule, ...]]
    """By target, those in use; the first that fits."""
    warnings: Mapping[str, tuple[int, ...]]
    """By target: percent of its working time, rising."""
    late_recording: timedelta
    """Recorded later than this after the deadline, what happened in time undoes no breach."""
    arbitration_after: int
    """Dispatches after which the arbiter designates (R29)."""
    close_needs: frozenset[str]
    """What must be in before a ticket is closed (R30): ``own_reply``, ``other_leads``,
    ``supporting``, ``verification``."""
    extension_asked_before_due: bool
    """Whether an extension (延期) asked for after the deadline leaves the breach as it is."""
    lead_moves_citizen: bool
    """Whether an extension of the lead's dispatch also moves the citizen's deadline."""
    reply_in_force: Literal["approved", "submitted"]
    """Which event puts a reply in force."""
    new_version_targets: Literal["keep", "recompute"]
    """What a new version means for a clock that runs: it keeps its terms, or gets new ones. The
    calendar is that of the version in force in both (decision 0022)."""
    forget_after: timedelta
    """How long after its end the clocks of a ticket are still known; a reopening later than that
    begins anew."""
    use: str | None
    """Name of the alternatives in use, where a target has them."""
    paused_by_row: Mapping[str, frozenset[str]]
    """By row of ``holds``: what it pauses."""
    sources: Mapping[str, str]
    """Source of each value, by the name it has in the file; rows in the order they are tried."""
    categories: CategoryTree = field(repr=False)
    _pauses: Mapping[str, frozenset[str]] = field(repr=False)
    _pauses_otherwise: frozenset[str] = field(repr=False)
    _found: dict[tuple[str | None, ...], tuple[TargetRule | None, int | None]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @staticmethod
    def of(file: SlaFile, categories: CategoryTree) -> "SlaPolicy":
        """The policy in a validated file."""
        return SlaPolicy(
            levels=tuple(
                LevelRow(each.name, When.of(each.when), each.value, each.source)
                for each in file.levels
            ),
            rules={
                target: tuple(_rule(target, each) for each in _in_use(file, section))
                for target, section in file.targets.items()
            },
            warnings={target: section.warnings.value for target, section in file.targets.items()},
            late_recording=timedelta(hours=file.late_recording_hours.value),
            arbitration_after=file.arbitration_after.value,
            close_needs=frozenset(file.close_needs.value),
            extension_asked_before_due=file.extension.asked_before_due.value,
            lead_moves_citizen=file.extension.lead_moves_citizen.value,
            reply_in_force=file.reply_in_force.value,
            new_version_targets=file.on_new_version.value.targets,
            forget_after=timedelta(days=file.forget_after_days.value),
            use=file.use.value,
            paused_by_row={
                f"holds.{row.name}": frozenset(row.value.pauses) for row in file.holds.rows
            }
            | {"holds.otherwise": frozenset(file.holds.otherwise.value.pauses)},
            sources=_sources(file),
            categories=categories,
            _pauses={
                code: frozenset(row.value.pauses) for row in file.holds.rows for code in row.codes
            },
            _pauses_otherwise=frozenset(file.holds.otherwise.value.pauses),
        )

    def level(
        self, leaf: str | None, urgency: str | None, request_type: str | None, channel: str | None
    ) -> int | None:
        """Level of handling, 1 the most pressing; None where the policy has no levels."""
        return self._find("", leaf, urgency, request_type, channel)[1]

    def rule(
        self,
        target: str,
        leaf: str | None,
        urgency: str | None,
        request_type: str | None,
        channel: str | None,
    ) -> tuple[TargetRule | None, int | None]:
        """The row of the target that fits first, None where none does; and the level."""
        return self._find(target, leaf, urgency, request_type, channel)

    def pauses(self, reason_code: str | None) -> frozenset[str]:
        """Targets whose clocks a hold for this reason pauses (ruling 12)."""
        if reason_code is None:
            return self._pauses_otherwise
        return self._pauses.get(reason_code, self._pauses_otherwise)

    def _find(
        self,
        target: str,
        leaf: str | None,
        urgency: str | None,
        request_type: str | None,
        channel: str | None,
    ) -> tuple[TargetRule | None, int | None]:
        key = (target, leaf, urgency, request_type, channel)
        found = self._found.get(key)
        if found is not None:
            return found
        lineage = self._lineage(leaf)
        asked = (urgency, request_type, channel)
        level = next(
            (row.level for row in self.levels if row.when.fits(lineage, *asked, None)), None
        )
        rows = self.rules.get(target, ())
        rule = next((row for row in rows if row.when.fits(lineage, *asked, level)), None)
        if len(self._found) < _FOUND_AT_MOST:
            self._found[key] = rule, level
        return rule, level

    def _lineage(self, leaf: str | None) -> frozenset[str]:
        """The leaf, its branches, and the same of what it became where its code went."""
        if not leaf:
            return frozenset()
        tree = self.categories
        return frozenset(
            code for each in (leaf, *tree.current(leaf)) for code in tree.lineage(each)
        )


def check(path: Path, file: SlaFile, tree: CategoryTree, calendars: Container[str]) -> None:
    """Whether everything that the section names exists and every row can be reached.

    Raises:
        PolicyError: about the first that does not.
    """
    _check_use(path, file)
    _check_rows(path, ("sla", "levels"), file.levels, tree)
    if file.levels and _asks(file.levels[-1].when):
        raise files.fail(
            path,
            ("sla", "levels", len(file.levels) - 1, "when"),
            file.levels[-1].name,
            "is the last row of levels and does not take all; add one without `when`",
        )
    levels = {row.value for row in file.levels}
    for target, section in file.targets.items():
        lists = {("rules",): section.rules} | {
            ("alternatives", name): rows for name, rows in section.alternatives.items()
        }
        for place, rows in lists.items():
            loc: tuple[files.Key, ...] = ("sla", "targets", target, *place)
            _check_rows(path, loc, rows, tree)
            for index, row in enumerate(rows):
                _check_amount(path, (*loc, index), row, calendars)
                for level in row.when.level or ():
                    if level not in levels:
                        raise files.fail(
                            path,
                            (*loc, index, "when", "level"),
                            level,
                            "is given by no row of sla.levels; correct it or add such a row",
                        )
    _check_holds(path, file.holds)


def _check_use(path: Path, file: SlaFile) -> None:
    known = sorted({name for section in file.targets.values() for name in section.alternatives})
    if file.use.value is not None and file.use.value not in known:
        raise files.fail(
            path,
            ("sla", "use", "value"),
            file.use.value,
            "no target has alternatives of this name; name one of "
            f"{', '.join(known) or '(none)'}, or null for the rules",
        )


def _check_rows(
    path: Path,
    loc: tuple[files.Key, ...],
    rows: Sequence[LevelRowFile | RuleFile],
    tree: CategoryTree,
) -> None:
    names: set[str] = set()
    for index, row in enumerate(rows):
        if row.name in names:
            raise files.fail(
                path, (*loc, index, "name"), row.name, "stands twice; give another name"
            )
        names.add(row.name)
        for leaf in row.when.leaf or ():
            if tree.node(leaf) is None:
                raise files.fail(
                    path,
                    (*loc, index, "when", "leaf"),
                    leaf,
                    f"is in no branch of the category tree {tree.version}; name a code of it",
                )
        for earlier in rows[:index]:
            if _covers(earlier.when, row.when, tree):
                raise files.fail(
                    path,
                    (*loc, index),
                    row.name,
                    f"can never fit, for {earlier.name} before it takes all that it asks for; "
                    "put it before that row or remove it",
                )


def _check_amount(
    path: Path, loc: tuple[files.Key, ...], row: RuleFile, calendars: Container[str]
) -> None:
    name = row.value.calendar
    if name != UNIT_CALENDAR and name not in calendars:
        raise files.fail(
            path,
            (*loc, "value", "calendar"),
            name,
            "is no calendar of this version; name one of its calendars, or unit for that of the "
            "department",
        )


def _check_holds(path: Path, file: HoldsFile) -> None:
    seen: dict[str, str] = {}
    for index, row in enumerate(file.rows):
        for code in row.codes:
            if code in seen:
                raise files.fail(
                    path,
                    ("sla", "holds", "rows", index, "codes"),
                    code,
                    f"stands in {seen[code]} already; keep one of the two",
                )
            seen[code] = row.name


def _asks(when: WhenFile) -> bool:
    return any(asked is not None for _, asked in when)


def _covers(earlier: WhenFile, later: WhenFile, tree: CategoryTree) -> bool:
    """Whether the earlier row takes every ticket that the later one asks for."""
    if earlier.leaf is not None:
        branches = frozenset(earlier.leaf)
        if later.leaf is None or any(
            branches.isdisjoint(tree.lineage(leaf)) for leaf in later.leaf
        ):
            return False
    for name in ("urgency", "request_type", "channel", "level"):
        wide, narrow = getattr(earlier, name), getattr(later, name)
        if wide is not None and (narrow is None or not set(narrow) <= set(wide)):
            return False
    return True


def _in_use(file: SlaFile, section: TargetFile) -> tuple[RuleFile, ...]:
    return section.alternatives.get(file.use.value or "", section.rules)


def _rule(target: str, file: RuleFile) -> TargetRule:
    value = file.value
    return TargetRule(
        name=f"{target}.{file.name}",
        when=When.of(file.when),
        amount=value.amount,
        unit=value.unit,
        calendar=None if value.calendar == UNIT_CALENDAR else value.calendar,
        roll=value.roll,
        source=file.source,
    )


def _sources(file: SlaFile) -> dict[str, str]:
    found = {f"levels.{row.name}": row.source for row in file.levels}
    for target, section in file.targets.items():
        found[f"{target}.warnings"] = section.warnings.source
        found |= {f"{target}.{row.name}": row.source for row in _in_use(file, section)}
    found |= {f"holds.{row.name}": row.source for row in file.holds.rows}
    found["holds.otherwise"] = file.holds.otherwise.source
    found |= {f"extension.{name}": value.source for name, value in file.extension}
    found |= {name: value.source for name, value in file if isinstance(value, Sourced)}
    return found
