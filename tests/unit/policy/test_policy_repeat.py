"""Which window and which tickets count (R12)."""

import pytest
from pydantic import ValidationError

from policy import files
from policy.bundle import SHIPPED, load
from policy.repeat import RepeatFile, RepeatPolicy
from policy.window import Window, WindowMode

CN = load("cn-12345").versions[-1].policy
SHIPPED_FILE = files.read(SHIPPED / "cn-12345/rules/2026-01.yaml")["repeat"]
UNCHANGED = (
    *("keep_contacts", "assumed_due_days", "overdue_in_progress", "same_matter", "causes"),
)
NIGHT = "environment.noise.night_construction"


def policy(*overrides: dict[str, object]) -> RepeatPolicy:
    def sourced(value: object) -> dict[str, object]:
        return {"value": value, "source": "OURS: a test"}

    content = {
        "window": sourced({"mode": "calendar_months", "length": 3}),
        "overrides": overrides,
        "same_person": sourced("principal"),
        "request_types": sourced(["complaint", "report", "help"]),
        "unclassified": sourced(["unknown"]),
        "withdrawn_counts": sourced(False),
        "late_days": sourced(31),
        "keep_tickets": sourced(50),
        **{name: SHIPPED_FILE[name] for name in UNCHANGED},
    }
    return RepeatPolicy.of(RepeatFile.model_validate(content), CN.categories)


def override(days: int, **where: str) -> dict[str, object]:
    return {"value": {"mode": "rolling", "length": days}, "source": "OURS: a test", **where}


OVERRIDES = (
    override(5, channel="letter"),
    override(10, leaf="environment"),
    override(20, leaf=NIGHT),
    override(30, leaf="environment.noise"),
    override(40, leaf="environment.noise", channel="web"),
)


@pytest.mark.parametrize(
    ("leaf", "channel", "days"),
    [
        (NIGHT, None, 20),
        (NIGHT, "web", 20),
        ("environment.noise.traffic", "phone", 30),
        ("environment.noise.traffic", "web", 40),
        ("environment.noise.traffic", "letter", 30),
        ("environment.air.dust", None, 10),
        ("environment.air.dust", "letter", 10),
        ("city.facilities.manhole", "letter", 5),
        (None, "letter", 5),
        ("environment.noise.not_in_the_tree", None, 30),
        ("environmental.not_in_the_branch", None, None),
        ("city.facilities.manhole", "phone", None),
        (None, None, None),
    ],
)
def test_R12_the_window_is_that_of_the_deepest_branch_then_of_the_channel(
    leaf: str | None, channel: str | None, days: int | None
) -> None:
    wanted = Window(WindowMode.ROLLING, days) if days else Window(WindowMode.CALENDAR_MONTHS, 3)
    found = policy(*OVERRIDES)
    assert found.window(leaf, channel) == wanted
    assert found.window(leaf, channel) == wanted, "the remembered answer is the same"


def test_what_publishers_send_does_not_grow_memory_without_limit() -> None:
    found = policy(*OVERRIDES)
    for number in range(20_000):
        found.window(f"environment.noise.{number}", None)
    assert len(found._resolved) <= 10_000
    assert found.window(NIGHT, "app") == Window(WindowMode.ROLLING, 20)


@pytest.mark.parametrize(
    ("request_type", "counts"),
    [
        ("complaint", True),
        ("report", True),
        ("help", True),
        ("consultation", False),
        ("suggestion", False),
        ("praise", False),
        (None, True),
        ("something of a newer publisher", True),
    ],
)
def test_R12_request_types_that_count(request_type: str | None, counts: bool) -> None:
    assert policy().counts(request_type) is counts


@pytest.mark.parametrize(
    ("leaf", "compared"),
    [(NIGHT, True), ("a.leaf.nobody.knows", True), ("unknown", False), ("", False), (None, False)],
)
def test_R13_two_tickets_without_a_leaf_are_not_the_same_problem(
    leaf: str | None, compared: bool
) -> None:
    assert policy().compares(leaf) is compared


@pytest.mark.parametrize(
    "bad",
    [
        override(30),
        override(0, leaf=NIGHT),
        {"value": {"mode": "calendar_months", "length": 61}, "source": "OURS: x", "leaf": NIGHT},
        {"value": {"mode": "rolling", "length": 30}, "leaf": NIGHT},
    ],
    ids=["for nothing", "no length", "too long", "without a source"],
)
def test_an_override_that_makes_no_sense_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy(bad)


def test_the_defaults_of_cn_12345_are_those_of_the_requirements() -> None:
    assert CN.repeat.window(NIGHT, "phone") == Window(WindowMode.CALENDAR_MONTHS, 3)
    assert CN.repeat.same_person == "principal"
    assert CN.repeat.request_types == {"complaint", "report", "help"}
    assert CN.repeat.keep_tickets == 50
    assert CN.repeat.sources["window"].startswith("SEED: ")
    assert CN.intake.future_tolerance.total_seconds() == 300
    assert CN.intake.sources["seen_ids"].startswith("OURS: ")


@pytest.mark.parametrize(
    ("section", "change", "says"),
    [
        ("same_matter", {"confirm_at": 0.4}, "confirm_at is below same_at"),
        ("same_matter", {"far_m": 50}, "far_m is not above near_m"),
        ("same_matter", {"text_unlike": 0.3}, "text_unlike is not below text_full"),
        ("same_matter", {"place": 1.5}, "less than or equal to 1"),
        ("causes", {"order": ["false_reply", "unresolved_process"]}, "each of the six"),
        (
            "causes",
            {"order": [*reversed(SHIPPED_FILE["causes"]["order"]["value"])]},
            "must end with unresolved_process",
        ),
        ("causes", {"lacking_at": 9}, "less than or equal to 8"),
    ],
)
def test_R13_R23_a_limit_that_makes_no_sense_is_refused(
    section: str, change: dict[str, object], says: str
) -> None:
    content = dict(SHIPPED_FILE)
    changed = {name: {"value": value, "source": "OURS: a test"} for name, value in change.items()}
    content[section] = {**content[section], **changed}
    with pytest.raises(ValidationError, match=says):
        RepeatFile.model_validate(content)


def test_R13_R23_each_new_number_has_a_source() -> None:
    for part in (CN.repeat.same_matter, CN.repeat.causes):
        fields = set(type(part).__dataclass_fields__) - {"sources"}
        assert set(part.sources) == fields
