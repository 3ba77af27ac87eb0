"""A policy bundle: all versions of a profile's rules, and the one in force at an instant."""

import hashlib
import json
from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, StringConstraints

from policy import callback as callback_
from policy import categories as categories_
from policy import files
from policy import organisation as organisation_
from policy import sla as sla_
from policy.access import AccessFile, AccessPolicy
from policy.calendars import Calendars
from policy.calendars.build import build as build_calendars
from policy.calendars.file import CalendarsFile
from policy.callback import CallbackFile, CallbackPolicy
from policy.categories import CategoryTree, TreeFile
from policy.errors import PolicyError
from policy.files import FileModel
from policy.identity import IdentityFile, IdentityPolicy
from policy.intake import IntakeFile, IntakePolicy
from policy.notices import NoticesFile, NoticesPolicy
from policy.organisation import Organisation, OrganisationFile
from policy.repeat import RepeatFile, RepeatPolicy
from policy.sla import SlaFile, SlaPolicy
from policy.sourced import Source, Sourced

__all__ = ["SHIPPED", "Bundle", "Policy", "PolicyError", "Version", "load", "shipped"]

SHIPPED = Path(__file__).parent / "bundles"

_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class VersionFile(FileModel):
    """An entry of ``versions`` in ``bundle.yaml``."""

    name: _Name
    effective_from: AwareDatetime
    why: Annotated[str, Field(min_length=1)]
    rules: str
    categories: str
    organisation: str
    calendars: str


class TimeZoneFile(FileModel):
    value: str
    source: Source


class BundleFile(FileModel):
    """``bundle.yaml``. The other files are named from its folder."""

    profile: _Name
    title: Annotated[str, Field(min_length=1)]
    time_zone: TimeZoneFile
    restate_over_minutes: Sourced[Annotated[int, Field(strict=True, ge=0, le=10_080)]]
    versions: Annotated[tuple[VersionFile, ...], Field(min_length=1)]


class RulesFile(FileModel):
    """A file of ``rules/``."""

    repeat: RepeatFile
    identity: IdentityFile
    intake: IntakeFile
    sla: SlaFile
    callback: CallbackFile
    notices: NoticesFile
    access: AccessFile


@dataclass(frozen=True, slots=True)
class Policy:
    """The version in force: what ``decide`` gets. Knows nothing of files."""

    version: str
    """``<profile>@<version name>+<hash>``; travels in every fact. The hash is over what decides in
    this version alone, so a version added later does not change what earlier facts say."""
    time_zone: ZoneInfo
    repeat: RepeatPolicy
    categories: CategoryTree
    organisation: Organisation
    calendars: Calendars
    identity: IdentityPolicy
    intake: IntakePolicy
    sla: SlaPolicy
    callback: CallbackPolicy
    notices: NoticesPolicy
    access: AccessPolicy
    """Who sees what; no part of ``version``, for it decides nothing."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the bundle and when it came into force."""

    name: str
    effective_from: datetime
    why: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class Bundle:
    """All versions of a profile, in order."""

    profile: str
    title: str
    hash: str
    """First 12 hex digits of SHA-256 over the canonical content of every file of the bundle."""
    versions: tuple[Version, ...]
    restate_over: timedelta
    """From a version's start, or from where it is first met: what depends on it is reckoned anew,
    spread over this time (``runtime.restating``). No part of any version: it decides nothing."""
    _starts: tuple[datetime, ...] = field(repr=False)

    def at(self, instant: datetime) -> Policy:
        """The policy in force at ``instant`` (of ``recordedtime``); before the first: the first."""
        index = bisect_right(self._starts, instant)
        return self.versions[max(index - 1, 0)].policy


def shipped() -> tuple[str, ...]:
    """Names of the profiles that come with the project."""
    return tuple(sorted(each.parent.name for each in SHIPPED.glob("*/bundle.yaml")))


def load(profile: str | Path, *, organisation: Path | None = None) -> Bundle:
    """The bundle of a shipped profile (by name) or of a folder.

    Args:
        profile: ``cn-12345``, ``us-311``, ``uk-council``, or a folder with a ``bundle.yaml``.
        organisation: the directory that a city keeps; takes the place of the bundle's own in every
            version, and is part of the hash.

    Raises:
        PolicyError: names file, line, key and value, and what to do.
    """
    folder = SHIPPED / profile if profile in shipped() else Path(profile)
    main = folder / "bundle.yaml"
    if not main.is_file():
        raise PolicyError(
            file=main,
            key="",
            value=str(profile),
            problem="no such profile or folder with a bundle.yaml; shipped are "
            + ", ".join(shipped()),
        )
    return _Reader(folder, organisation).bundle()


class _Reader:
    """Reads every file once and remembers its content for the hash."""

    def __init__(self, folder: Path, organisation: Path | None) -> None:
        self._folder = folder
        self._own_organisation = organisation
        self._contents: dict[str, Any] = {}

    def bundle(self) -> Bundle:
        path = self._folder / "bundle.yaml"
        file = files.parse(BundleFile, path, self._read("bundle.yaml"))
        time_zone = _time_zone(path, file.time_zone.value)
        _check_order(path, file.versions)
        parts = self._versions(path, file.versions)
        versions = tuple(
            Version(
                name=each.name,
                effective_from=each.effective_from.astimezone(UTC),
                why=each.why,
                policy=Policy(
                    version=f"{file.profile}@{each.name}+{digest}",
                    time_zone=time_zone,
                    repeat=RepeatPolicy.of(rules.repeat, tree),
                    categories=tree,
                    organisation=directory,
                    calendars=calendars,
                    identity=IdentityPolicy.of(rules.identity),
                    intake=IntakePolicy.of(rules.intake),
                    sla=SlaPolicy.of(rules.sla, tree),
                    callback=CallbackPolicy.of(rules.callback, tree, calendars),
                    notices=NoticesPolicy.of(rules.notices),
                    access=AccessPolicy.of(rules.access),
                ),
            )
            for each, (rules, tree, directory, calendars, digest) in zip(
                file.versions, parts, strict=True
            )
        )
        return Bundle(
            profile=file.profile,
            title=file.title,
            hash=_digest(self._contents),
            versions=versions,
            restate_over=timedelta(minutes=file.restate_over_minutes.value),
            _starts=tuple(each.effective_from for each in versions),
        )

    def _versions(
        self, path: Path, versions: tuple[VersionFile, ...]
    ) -> list[tuple[RulesFile, CategoryTree, Organisation, Calendars, str]]:
        trees: dict[str, CategoryTree] = {}
        directories: dict[str, OrganisationFile] = {}
        calendars: dict[str, Calendars] = {}
        tree: CategoryTree | None = None
        found = []
        for index, each in enumerate(versions):
            if each.categories not in trees:
                tree_path = self._folder / each.categories
                tree_file = files.parse(TreeFile, tree_path, self._read(each.categories))
                tree = trees[each.categories] = categories_.build(tree_path, tree_file, tree)
            elif trees[each.categories] is not tree:
                raise files.fail(
                    path,
                    ("versions", index, "categories"),
                    each.categories,
                    "a tree that was replaced cannot come back; write a new one with a remap",
                )
            rules_path = self._folder / each.rules
            rules = files.parse(RulesFile, rules_path, self._read(each.rules))
            if each.calendars not in calendars:
                calendars[each.calendars] = self._calendars(each.calendars)
            if each.organisation not in directories:
                directories[each.organisation] = self._organisation(each.organisation)
            directory = organisation_.build(
                self._organisation_path(each.organisation),
                directories[each.organisation],
                calendars[each.calendars],
            )
            assert tree is not None
            _check_overrides(rules_path, rules.repeat, tree)
            sla_.check(rules_path, rules.sla, tree, calendars[each.calendars])
            callback_.check(rules_path, rules.callback, tree, calendars[each.calendars])
            content = {
                "time_zone": self._contents["bundle.yaml"]["time_zone"],
                "rules": _deciding(self._contents[each.rules]),
                "trees": [self._contents[name] for name in trees],
                "organisation": self._contents[each.organisation],
                "calendars": sorted(each.version for each in calendars[each.calendars].values()),
            }
            found.append((rules, tree, directory, calendars[each.calendars], _digest(content)))
        return found

    def _organisation(self, name: str) -> OrganisationFile:
        path = self._organisation_path(name)
        self._contents[name] = content = files.read(path)
        return files.parse(OrganisationFile, path, content)

    def _organisation_path(self, name: str) -> Path:
        return self._own_organisation or self._folder / name

    def _calendars(self, name: str) -> Calendars:
        path = self._folder / name
        found = build_calendars(path, files.parse(CalendarsFile, path, self._read(name)))
        # Also what the libraries said: another of their versions may be another bundle.
        self._contents[f"{name} resolved"] = sorted(each.version for each in found.values())
        return found

    def _read(self, name: str) -> Any:
        self._contents[name] = files.read(self._folder / name)
        return self._contents[name]


def _deciding(rules: dict[str, Any]) -> dict[str, Any]:
    """Without who may see what: no fact changes by it, so none should say that it did."""
    return {name: value for name, value in rules.items() if name != "access"}


def _digest(contents: dict[str, Any]) -> str:
    """Comments, order of keys and layout do not count; values do."""

    def canonical(value: object) -> str:
        return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)

    text = json.dumps(contents, sort_keys=True, ensure_ascii=True, default=canonical)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _time_zone(path: Path, name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise files.fail(
            path, ("time_zone", "value"), name, "is no IANA time zone; write e.g. Asia/Shanghai"
        ) from None


def _check_order(path: Path, versions: tuple[VersionFile, ...]) -> None:
    names: set[str] = set()
    before: datetime | None = None
    for index, each in enumerate(versions):
        loc = ("versions", index)
        if each.name in names:
            raise files.fail(path, (*loc, "name"), each.name, "stands twice; give another name")
        if before is not None and each.effective_from <= before:
            raise files.fail(
                path,
                (*loc, "effective_from"),
                each.effective_from.isoformat(),
                "is not after the version before; put the versions in order",
            )
        names.add(each.name)
        before = each.effective_from


def _check_overrides(path: Path, repeat: RepeatFile, tree: CategoryTree) -> None:
    seen: set[tuple[str | None, str | None]] = set()
    for index, each in enumerate(repeat.overrides):
        loc = ("repeat", "overrides", index)
        if each.leaf is not None and tree.node(each.leaf) is None:
            raise files.fail(
                path,
                (*loc, "leaf"),
                each.leaf,
                f"is in no branch of the category tree {tree.version}; name a code of it",
            )
        if (each.leaf, each.channel) in seen:
            raise files.fail(
                path, loc, (each.leaf, each.channel), "stands twice; keep one of the two"
            )
        seen.add((each.leaf, each.channel))
