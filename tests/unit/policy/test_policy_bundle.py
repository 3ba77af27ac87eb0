"""Bundles: the version in force, the hash, the sources, and errors that say what to do."""

import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policy.bundle import SHIPPED, load, shipped
from policy.errors import PolicyError

RULES = "rules/2026-01.yaml"
CALENDARS = "calendars/2026.yaml"
CN = load("cn-12345")
Scalar = tuple[object, tuple[dict[str, object], ...]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A city's own copy of cn-12345."""
    return Path(shutil.copytree(SHIPPED / "cn-12345", tmp_path / "our-city"))


def change(folder: Path, name: str, old: str, new: str) -> Path:
    path = folder / name
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_three_profiles_ship() -> None:
    assert shipped() == ("cn-12345", "uk-council", "us-311")


@pytest.mark.parametrize("profile", ["cn-12345", "uk-council", "us-311"])
def test_a_policy_says_which_version_it_is(profile: str) -> None:
    bundle = load(profile)
    assert re.fullmatch(r"[0-9a-f]{12}", bundle.hash)
    assert bundle.profile == profile
    for version in bundle.versions:
        assert re.fullmatch(rf"{profile}@{version.name}\+[0-9a-f]{{12}}", version.policy.version)
        assert version.policy.time_zone.key in {
            "Asia/Shanghai",
            "Europe/London",
            "America/New_York",
        }


@pytest.mark.parametrize(
    ("instant", "version"),
    [
        ("1970-01-01T00:00:00+00:00", "2026-01"),
        ("2025-12-31T23:59:59+08:00", "2026-01"),
        ("2026-01-01T00:00:00+08:00", "2026-01"),
        ("2026-06-30T23:59:59.999999+08:00", "2026-01"),
        ("2026-07-01T00:00:00+08:00", "2026-07"),
        ("2026-06-30T16:00:00+00:00", "2026-07"),
        ("2026-11-21T12:00:00+08:00", "2026-07"),
        ("9999-12-31T00:00:00+00:00", "2026-07"),
    ],
)
def test_the_version_in_force_is_chosen_by_the_instant(instant: str, version: str) -> None:
    found = load("cn-12345").at(datetime.fromisoformat(instant))
    assert found.version.startswith(f"cn-12345@{version}+")


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_the_version_in_force_is_the_last_that_has_begun(instant: datetime) -> None:
    begun = [version for version in CN.versions if version.effective_from <= instant]
    assert CN.at(instant) is (begun[-1] if begun else CN.versions[0]).policy


def test_the_hash_is_of_the_content_not_of_its_layout(folder: Path) -> None:
    assert load(folder).hash == CN.hash, "the folder's name does not count"
    change(folder, RULES, "# Every value", "# A comment. Every value")
    change(folder, RULES, "    value: 31\n    unit: days\n", "    unit: days\n\n    value: 31\n")
    assert load(folder).hash == CN.hash


@pytest.mark.parametrize(
    ("name", "old", "new", "versions"),
    [
        (RULES, "length: 3", "length: 2", [True, True]),
        (RULES, "OURS: a month of", "OURS: about a month of", [True, True]),
        ("organisation.yaml", "deputy: he-jing", "deputy: xu-an", [True, True]),
        ("bundle.yaml", "Asia/Shanghai", "Asia/Urumqi", [True, True]),
        (CALENDARS, '"14:00-17:30"]}', '"14:00-18:00"]}', [True, True]),
        (CALENDARS, "date: 2027-06-09", "date: 2027-06-08", [True, True]),
        (CALENDARS, "OURS: usual office", "OURS: the usual office", [False, False]),
        # A tree also decides in the versions after it: they re-map its codes.
        ("categories/2025.yaml", "en: Street light out", "en: Street lamp out", [True, True]),
        ("categories/2026.yaml", "en: Street light out", "en: Street lamp out", [False, True]),
        ("bundle.yaml", "2026-07-01T00:00:00+08:00", "2026-08-01T00:00:00+08:00", [False, False]),
    ],
)
def test_a_change_shows_in_the_hash_of_the_versions_that_it_decides_in(
    folder: Path, name: str, old: str, new: str, versions: list[bool]
) -> None:
    change(folder, name, old, new)
    changed = load(folder)
    assert changed.hash != CN.hash
    assert [
        one.policy.version != two.policy.version
        for one, two in zip(changed.versions, CN.versions, strict=True)
    ] == versions


def test_a_version_added_later_leaves_what_earlier_facts_say(folder: Path) -> None:
    path = folder / "bundle.yaml"
    text = path.read_text(encoding="utf-8")
    last = text[text.index("  - name: 2026-07") :]
    path.write_text(text + last.replace("2026-07", "2027-01"), encoding="utf-8")
    added = load(folder)
    before = [version.policy.version for version in CN.versions]
    assert [version.policy.version for version in added.versions[:2]] == before
    assert added.hash != CN.hash


def test_a_city_keeps_its_own_organisation(tmp_path: Path) -> None:
    path = tmp_path / "our-people.yaml"
    path.write_text(
        "calendar: cn-24x7\nrequired: {}\nunits: {x: {name: X, level: city}}\n", encoding="utf-8"
    )
    bundle = load("cn-12345", organisation=path)
    assert [each.policy.organisation.unit("x") is not None for each in bundle.versions] == [
        True
    ] * 2
    assert bundle.hash != CN.hash


def scalars(content: object, above: tuple[dict[str, object], ...] = ()) -> Iterator[Scalar]:
    """Every value of a file with the mappings that it is in, the nearest first.

    What a row asks for (``when``) is no value: it says of which tickets the row's value holds.
    """
    if isinstance(content, dict):
        for key, value in content.items():
            if key not in ("source", "unit", "when"):
                yield from scalars(value, (content, *above))
    elif isinstance(content, list):
        for value in content:
            yield from scalars(value, above)
    else:
        yield content, above


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id="/".join(path.parts[-3:]))
        for folder in ("rules", "calendars")
        for path in sorted(SHIPPED.glob(f"*/{folder}/*"))
    ],
)
def test_every_value_has_a_source_and_every_number_a_unit(path: Path) -> None:
    found = list(scalars(yaml.safe_load(path.read_text(encoding="utf-8"))))
    assert len(found) >= 10
    for value, above in found:
        source = next((each["source"] for each in above if "source" in each), "")
        assert re.match(r"(LAW|PRESS|SEED|CODE|ISSUE|OURS): \S", str(source)), (value, above[0])
        if isinstance(value, int) and not isinstance(value, bool):
            assert any("unit" in each for each in above), (value, above[0])


@pytest.mark.parametrize("profile", ["cn-12345", "uk-council", "us-311"])
def test_no_number_stands_outside_the_rules(profile: str) -> None:
    """Trees, directories and the list of versions hold names and dates only.

    What the bundle itself sets, and no version, has its source beside it as in the rules.
    """
    for path in (SHIPPED / profile).rglob("*.yaml"):
        if path.parent.name not in ("rules", "calendars"):
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            numbers = [
                value
                for value, above in scalars(content)
                if isinstance(value, int | float) and not any("source" in each for each in above)
            ]
            assert numbers == [], path


WRONG = [
    # file, text, its replacement, key, value as shown, line?, what to do
    (RULES, "length: 3", "length: 0", "repeat.window.value.length", "0", 4, "greater than"),
    (RULES, "length: 3", "length: three", "repeat.window.value.length", "'three'", 4, "integer"),
    (RULES, "length: 3", "length: 61", "repeat.window.value", "'length': 61", 4, "at most 60"),
    (RULES, "calendar_months,", "weeks,", "repeat.window.value.mode", "'weeks'", 4, "'rolling'"),
    (RULES, "value: 31", "value: true", "repeat.late_days.value", "True", None, "integer"),
    (RULES, "value: 31", "vale: 31", "repeat.late_days.value", "(nothing)", None, "add it"),
    (RULES, "OURS: a month", "a month", "repeat.late_days.source", "a month of", None, "LAW"),
    (RULES, "  seen_ids:", "  seen:", "intake.seen_ids", "(nothing)", None, "add it"),
    (RULES, "[complaint,", "[moan,", "repeat.request_types.value.0", "'moan'", None, "'praise'"),
    (RULES, "intake:", "slo: 3\nintake:", "slo", "3", None, "read by nobody"),
    (RULES, "intake:", "repeat: {}\nintake:", "", "", None, "'repeat' stands twice"),
    (RULES, "repeat:", "repeat: [", "", "", None, "not readable YAML"),
    ("bundle.yaml", "Asia/Shanghai", "Asia/Peking", "time_zone.value", "'Asia/Peking'", 4, "IANA"),
    ("bundle.yaml", "Asia/Shanghai", "../x", "time_zone.value", "'../x'", 4, "IANA"),
    (
        "bundle.yaml",
        "2026-07-01T00:00:00+08:00",
        "2026-07-01T00:00:00",
        "versions.1.effective_from",
        "datetime.datetime(2026, 7, 1, 0, 0)",
        19,
        "lacks a time zone",
    ),
    (
        "bundle.yaml",
        "2026-07-01T",
        "2025-07-01T",
        "versions.1.effective_from",
        "'2025-07-01T00:00:00+08:00'",
        19,
        "in order",
    ),
    ("bundle.yaml", "2026-07-01T", "2026-07-41T", "", "", None, "not readable YAML"),
    ("bundle.yaml", "name: 2026-07", "name: 2026-01", "versions.1.name", "'2026-01'", 18, "twice"),
    ("bundle.yaml", "name: 2026-07", "name: a b", "versions.1.name", "'a b'", 18, "pattern"),
    (
        "categories/2026.yaml",
        "      dogs: {zh: 不文明养犬",
        "      hounds: {zh: 不文明养犬",
        "remap",
        "'city.animals.dogs'",
        None,
        "say what it became",
    ),
    (
        "categories/2026.yaml",
        "[transport.parking.illegal]",
        "[transport.parking.nowhere]",
        "remap.transport.parking.carriageway.0",
        "'transport.parking.nowhere'",
        None,
        "no leaf of this tree",
    ),
    (
        RULES,
        "  same_person:",
        "  overrides:\n"
        "    - {leaf: city.zoo, value: {mode: rolling, length: 9}, source: 'OURS: x'}\n"
        "  same_person:",
        "repeat.overrides.0.leaf",
        "'city.zoo'",
        8,
        "no branch of the category tree 2025",
    ),
]


@pytest.mark.parametrize(("name", "old", "new", "key", "value", "line", "problem"), WRONG)
def test_a_wrong_file_is_refused_with_file_key_and_value(
    folder: Path,
    name: str,
    old: str,
    new: str,
    key: str,
    value: str,
    line: int | None,
    problem: str,
) -> None:
    path = change(folder, name, old, new)
    with pytest.raises(PolicyError) as caught:
        load(folder)
    error = caught.value
    assert (error.file, error.key) == (path, key)
    assert problem in error.problem
    assert value in str(error)
    assert str(path) in str(error)
    assert line is None or error.line == line
    assert error.line is not None


def test_an_override_that_stands_twice_is_refused(folder: Path) -> None:
    line = "    - {leaf: city, value: {mode: rolling, length: 9}, source: 'OURS: x'}\n"
    change(folder, RULES, "  same_person:", f"  overrides:\n{line}{line}  same_person:")
    with pytest.raises(PolicyError, match="stands twice") as caught:
        load(folder)
    assert caught.value.key == "repeat.overrides.1"


def test_a_tree_that_was_replaced_cannot_come_back(folder: Path) -> None:
    path = folder / "bundle.yaml"
    text = path.read_text(encoding="utf-8")
    third = text[text.index("  - name: 2026-01") : text.index("  - name: 2026-07")]
    path.write_text(
        text + third.replace("2026-01\n", "2027-01\n", 1).replace("2026-01-01", "2027-01-01")
    )
    with pytest.raises(PolicyError, match="cannot come back") as caught:
        load(folder)
    assert caught.value.key == "versions.2.categories"


@pytest.mark.parametrize(
    "name", ["bundle.yaml", RULES, "categories/2026.yaml", "organisation.yaml", CALENDARS]
)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(PolicyError, match="no such") as caught:
        load(folder)
    assert caught.value.file == folder / name


def test_a_file_that_is_no_utf8_is_named(folder: Path) -> None:
    (folder / RULES).write_bytes("热线".encode("gb18030"))
    with pytest.raises(PolicyError, match="UTF-8") as caught:
        load(folder)
    assert caught.value.file == folder / RULES


def test_an_unknown_profile_names_those_that_ship() -> None:
    with pytest.raises(PolicyError, match="cn-12345, uk-council, us-311"):
        load("cn-12346")
