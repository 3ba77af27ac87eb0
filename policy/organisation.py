"""Who is who (contract.md): units, who holds which role, the duty roster, how to reach them."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, StringConstraints

from policy import files
from policy.files import FileModel

UnitCode = Annotated[str, StringConstraints(pattern=r"^\S{1,64}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _clock(value: object) -> object:
    # YAML reads 20:00 without quotes as the number 1200.
    if not isinstance(value, str) or not re.fullmatch(r"\d\d:\d\d", value):
        raise ValueError('write hours and minutes in quotes, as "20:00"')
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class Role(StrEnum):
    """A role that somebody holds in a unit."""

    LIAISON = "liaison"
    """联络员 / 专员: gets the notices of a ticket (R3)."""
    HEAD = "head"
    """负责人."""
    DEPUTY = "deputy"
    """分管领导."""


class Channel(FileModel):
    """A way to reach a person or a unit."""

    kind: Literal["phone", "sms", "email", "wechat", "app", "webhook"]
    address: Annotated[str, Field(min_length=1, max_length=500)]


class Person(FileModel):
    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: Annotated[str, Field(min_length=1, max_length=200)]
    channels: tuple[Channel, ...] = ()
    """In the order in which they are tried."""


class ShiftFile(FileModel):
    """Who is on duty when, local time; ``to`` not after ``from`` means: into the next day."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)]
    from_: Annotated[Clock, Field(alias="from")]
    to: Clock
    person: str


class UnitFile(FileModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    level: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,32}$")]
    calendar: str | None = None
    channels: tuple[Channel, ...] = ()
    roles: dict[Role, str] = Field(default_factory=dict)
    roster: tuple[ShiftFile, ...] = ()
    units: dict[UnitCode, "UnitFile"] = Field(default_factory=dict)


class OrganisationFile(FileModel):
    """``organisation.yaml``, or the file that a city keeps."""

    calendar: Annotated[str, Field(min_length=1)]
    """Working calendar of every unit that names none."""
    required: dict[str, tuple[Role, ...]]
    """Roles that every unit of a level must fill."""
    people: tuple[Person, ...] = ()
    units: Annotated[dict[UnitCode, UnitFile], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Unit:
    code: str
    name: str
    level: str
    """``city``, ``department``, ``district``, ``street`` … as the file says."""
    parent: str | None
    calendar: str
    """Name of its working calendar; that of its parent unless it has its own."""
    channels: tuple[Channel, ...]
    roles: Mapping[Role, Person]
    roster: tuple["Shift", ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    days: frozenset[int]
    """Monday is 0; the day on which the shift begins."""
    start: time
    end: time
    person: Person

    def covers(self, local: datetime) -> bool:
        """Whether the local date-time is within the shift; the end is not."""
        today, clock = local.weekday(), local.time()
        if self.start < self.end:
            return today in self.days and self.start <= clock < self.end
        return (today in self.days and clock >= self.start) or (
            (today - 1) % 7 in self.days and clock < self.end
        )


@dataclass(frozen=True, slots=True)
class Vacancy:
    """A required role that nobody fills: an alarm, not a silent skip (R5)."""

    unit: str
    role: Role


@dataclass(frozen=True, slots=True)
class Organisation:
    """The directory. An unknown unit is None or empty, never an error: platforms name many."""

    units: Mapping[str, Unit]
    required: Mapping[str, tuple[Role, ...]]
    calendar: str
    """Working calendar of whoever is no unit of it, and of units that name none."""
    _children: Mapping[str, tuple[str, ...]] = field(repr=False)
    _named: Mapping[str, str] = field(repr=False, default_factory=dict)

    @staticmethod
    def load(path: Path) -> "Organisation":
        """The directory in a file that a city keeps. Raises ``PolicyError``."""
        return build(path, files.parse(OrganisationFile, path, files.read(path)))

    def unit(self, code: str) -> Unit | None:
        return self.units.get(code)

    def find(self, code_or_name: str) -> Unit | None:
        """The unit that a platform means by a code, or by a name that only one unit has."""
        found = self.units.get(code_or_name)
        return found or self.units.get(self._named.get(code_or_name.strip(), ""))

    def parents(self, code: str) -> tuple[Unit, ...]:
        """The units above, the nearest first."""
        found: list[Unit] = []
        unit = self.units.get(code)
        while unit is not None and unit.parent is not None:
            unit = self.units[unit.parent]
            found.append(unit)
        return tuple(found)

    def subtree(self, code: str) -> tuple[Unit, ...]:
        """The unit and all below it, top down (R65: a unit sees its own subtree only)."""
        unit = self.units.get(code)
        if unit is None:
            return ()
        below = (each for child in self._children.get(code, ()) for each in self.subtree(child))
        return (unit, *below)

    def holder(self, unit: str, role: Role | str) -> Person | None:
        """Who holds the role in the unit itself; None is a vacancy."""
        found = self.units.get(unit)
        return found.roles.get(Role(role)) if found is not None else None

    def on_duty(self, unit: str, at: datetime, tz: ZoneInfo) -> Person | None:
        """Who is on duty (值班) in the unit; the first shift that covers the instant."""
        found = self.units.get(unit)
        local = at.astimezone(tz)
        shifts = found.roster if found is not None else ()
        return next((shift.person for shift in shifts if shift.covers(local)), None)

    def vacancies(self) -> tuple[Vacancy, ...]:
        """Every required role that nobody fills, in the order of the file (R5)."""
        return tuple(
            Vacancy(unit.code, role)
            for unit in self.units.values()
            for role in self.required.get(unit.level, ())
            if role not in unit.roles
        )


def build(
    path: Path, file: OrganisationFile, calendars: Collection[str] | None = None
) -> Organisation:
    """The directory in a validated file.

    Args:
        calendars: names of those that the policy has; None: they are not looked at.

    Raises:
        PolicyError: a value of the file is wrong.
    """
    if calendars is not None:
        _check_calendars(path, file, calendars)
    people: dict[str, Person] = {}
    for index, person in enumerate(file.people):
        if person.id in people:
            raise files.fail(
                path, ("people", index, "id"), person.id, "this id stands twice; give another"
            )
        people[person.id] = person
    units: dict[str, Unit] = {}
    _collect(path, ("units",), file.units, None, file.calendar, people, units)
    children: dict[str, list[str]] = {}
    for unit in units.values():
        if unit.parent is not None:
            children.setdefault(unit.parent, []).append(unit.code)
    levels = {unit.level for unit in units.values()}
    for level in file.required:
        if level not in levels:
            raise files.fail(
                path, ("required", level), level, "no unit has this level; correct or remove it"
            )
    names = Counter(unit.name for unit in units.values())
    return Organisation(
        units,
        file.required,
        file.calendar,
        {code: tuple(codes) for code, codes in children.items()},
        {unit.name: unit.code for unit in units.values() if names[unit.name] == 1},
    )


def _check_calendars(path: Path, file: OrganisationFile, known: Collection[str]) -> None:
    def check(name: str | None, loc: tuple[files.Key, ...]) -> None:
        if name is not None and name not in known:
            raise files.fail(
                path,
                (*loc, "calendar"),
                name,
                "no calendar of the policy has this name; known are " + ", ".join(sorted(known)),
            )

    def walk(units: Mapping[str, UnitFile], loc: tuple[files.Key, ...]) -> None:
        for code, unit in units.items():
            check(unit.calendar, (*loc, code))
            walk(unit.units, (*loc, code, "units"))

    check(file.calendar, ())
    walk(file.units, ("units",))


def _collect(
    path: Path,
    loc: tuple[files.Key, ...],
    children: Mapping[str, UnitFile],
    parent: str | None,
    calendar: str,
    people: Mapping[str, Person],
    units: dict[str, Unit],
) -> None:
    for code, each in children.items():
        here = (*loc, code)
        if code in units:
            raise files.fail(path, here, code, "this unit code stands twice; give another")

        def person(id_: str, at: tuple[files.Key, ...]) -> Person:
            if id_ not in people:
                raise files.fail(path, at, id_, "nobody under people has this id; add or correct")
            return people[id_]

        units[code] = Unit(
            code=code,
            name=each.name,
            level=each.level,
            parent=parent,
            calendar=each.calendar or calendar,
            channels=each.channels,
            roles={r: person(who, (*here, "roles", r.value)) for r, who in each.roles.items()},
            roster=tuple(
                Shift(
                    frozenset(_DAYS.index(day) for day in shift.days),
                    shift.from_,
                    shift.to,
                    person(shift.person, (*here, "roster", index, "person")),
                )
                for index, shift in enumerate(each.roster)
            ),
        )
        _collect(path, (*here, "units"), each.units, code, each.calendar or calendar, people, units)
