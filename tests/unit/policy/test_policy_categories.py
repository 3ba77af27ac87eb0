"""R14: the tree, and what became of the codes of earlier trees."""

import csv
import gzip
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy import categories
from policy.bundle import load
from policy.categories import CategoryTree, TreeFile
from policy.errors import PolicyError

Remap = dict[str, list[str]]


def tree(leaves: str, remap: Remap | None = None, *, after: CategoryTree | None) -> CategoryTree:
    """A tree of the leaves (one word each), all on the first level."""
    content = {
        "version": "t",
        "codes": "key",
        "tree": {code: {"en": code} for code in leaves.split()},
        "remap": remap or {},
    }
    return categories.build(Path("t.yaml"), TreeFile.model_validate(content), after)


def history(*steps: tuple[str, Remap]) -> CategoryTree:
    found: CategoryTree | None = None
    for leaves, remap in steps:
        found = tree(leaves, remap, after=found)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("steps", "predecessors", "current"),
    [
        pytest.param(
            [("a b", {}), ("a b c", {})],
            {"a": "a", "c": "c"},
            {"a": "a"},
            id="a leaf is added",
        ),
        pytest.param(
            [("a b", {}), ("a2 b", {"a": ["a2"]})],
            {"a2": "a2 a", "b": "b"},
            {"a": "a2", "a2": "a2"},
            id="renamed",
        ),
        pytest.param(
            [("a b", {}), ("c", {"a": ["c"], "b": ["c"]})],
            {"c": "c a b"},
            {"a": "c", "b": "c"},
            id="merged into a new leaf",
        ),
        pytest.param(
            [("a b", {}), ("a", {"b": ["a"]})],
            {"a": "a b"},
            {"a": "a", "b": "a"},
            id="merged into one that stays",
        ),
        pytest.param(
            [("a", {}), ("x y", {"a": ["x", "y"]})],
            {"x": "x a", "y": "y a"},
            {"a": "x y"},
            id="split",
        ),
        pytest.param(
            [("a", {}), ("b", {"a": ["b"]}), ("c", {"b": ["c"]})],
            {"c": "c b a"},
            {"a": "c", "b": "c"},
            id="renamed twice",
        ),
        pytest.param(
            [("a", {}), ("b c", {"a": ["b", "c"]}), ("d c", {"b": ["d"]})],
            {"d": "d b a", "c": "c a"},
            {"a": "d c", "b": "d", "c": "c"},
            id="split, then one half renamed",
        ),
        pytest.param(
            [("a", {}), ("b c", {"a": ["b", "c"]}), ("d", {"b": ["d"], "c": ["d"]})],
            {"d": "d b a c"},
            {"a": "d"},
            id="split, then merged again",
        ),
    ],
)
def test_R14_remapping(
    steps: list[tuple[str, Remap]], predecessors: dict[str, str], current: dict[str, str]
) -> None:
    found = history(*steps)
    for leaf, codes in predecessors.items():
        assert found.predecessors(leaf) == tuple(codes.split())
    for code, leaves in current.items():
        assert found.current(code) == tuple(leaves.split())


def test_R14_a_leaf_may_become_a_branch() -> None:
    old = {"version": "1", "tree": {"noise": {"en": "Noise"}}}
    new = {
        "version": "2",
        "tree": {"noise": {"en": "Noise", "children": {"night": {"en": "At night"}}}},
        "remap": {"noise": ["noise.night"]},
    }
    first = categories.build(Path("1.yaml"), TreeFile.model_validate(old), None)
    second = categories.build(Path("2.yaml"), TreeFile.model_validate(new), first)
    assert first.is_leaf("noise")
    assert not second.is_leaf("noise")
    assert second.predecessors("noise.night") == ("noise.night", "noise")
    assert second.lineage("noise.night") == ("noise.night", "noise")


@pytest.mark.parametrize(
    ("steps", "key", "value", "problem"),
    [
        ([("a b", {}), ("a", {})], "remap", "b", "say what it became"),
        ([("a", {}), ("b", {"a": ["z"]})], "remap.a.0", "z", "no leaf of this tree"),
        ([("a", {}), ("a", {"z": ["a"]})], "remap.z", ("a",), "no leaf of the tree before"),
        ([("a", {}), ("a b", {"a": ["a", "b"]})], "remap.a", ("a", "b"), "new code"),
        ([("a", {}), ("b", {"a": ["b"]}), ("a b", {})], "tree", "a", "never comes back"),
        ([("a", {"b": ["a"]})], "remap.b", ("a",), "no leaf of the tree before"),
    ],
)
def test_R14_a_code_keeps_its_meaning(
    steps: list[tuple[str, Remap]], key: str, value: object, problem: str
) -> None:
    with pytest.raises(PolicyError, match=problem) as caught:
        history(*steps)
    assert (caught.value.key, caught.value.value) == (key, value)


@st.composite
def histories(draw: st.DrawFn) -> tuple[CategoryTree, set[str]]:
    """A tree after up to five random re-mappings, and every code that was ever a leaf."""
    leaves = [f"0-{n}" for n in range(draw(st.integers(1, 5)))]
    found = tree(" ".join(leaves), after=None)
    ever = set(leaves)
    for version in range(1, draw(st.integers(1, 5)) + 1):
        fresh = [f"{version}-{n}" for n in range(draw(st.integers(1, 4)))]
        gone = [leaf for leaf in leaves if draw(st.booleans())]
        leaves = [leaf for leaf in leaves if leaf not in gone] + fresh
        targets = st.lists(st.sampled_from(leaves), min_size=1, max_size=3, unique=True)
        found = tree(" ".join(leaves), {leaf: draw(targets) for leaf in gone}, after=found)
        ever |= set(leaves)
    return found, ever


@given(histories())
def test_R14_predecessors_and_current_are_each_others_inverse(
    drawn: tuple[CategoryTree, set[str]],
) -> None:
    found, ever = drawn
    leaves = {node.code for node in found.leaves()}
    for code in ever:
        current = found.current(code)
        assert current
        assert set(current) <= leaves
        assert len(set(current)) == len(current)
        for leaf in leaves:
            assert (leaf in current) == (code in found.predecessors(leaf))
    for leaf in leaves:
        assert found.predecessors(leaf)[0] == leaf
        assert found.current(leaf) == (leaf,)


def test_an_unknown_code_is_kept_as_it_is() -> None:
    found = history(("a", {}), ("b", {"a": ["b"]}))
    for code in ("nobody.knows.this", "不明"):
        assert found.node(code) is None
        assert found.leaf(code) is None
        assert found.path(code) == ()
        assert not found.is_leaf(code)
        assert found.predecessors(code) == (code,)
        assert found.current(code) == (code,)
    assert found.lineage("nobody.knows") == ("nobody.knows", "nobody")
    assert found.leaf("a") is None, "a code that went is no leaf in force"


def test_path_goes_from_the_first_level_to_the_leaf() -> None:
    found = load("cn-12345").versions[-1].policy.categories
    path = found.path("environment.noise.night_construction")
    assert [(node.code, node.zh, node.is_leaf) for node in path] == [
        ("environment", "生态环境", False),
        ("environment.noise", "噪声污染", False),
        ("environment.noise.night_construction", "夜间施工噪音", True),
    ]
    assert found.leaf("environment.noise") is None, "a branch is no leaf"


def test_the_shipped_chinese_tree_is_whole() -> None:
    for version in load("cn-12345").versions:
        found = version.policy.categories
        leaves = list(found.leaves())
        assert len(leaves) >= 60
        assert all(len(found.path(leaf.code)) == 3 for leaf in leaves)
        assert len({leaf.zh for leaf in leaves}) == len(leaves), "two leaves of one name"
        for node in found.nodes.values():
            assert any("一" <= letter <= "鿿" for letter in node.zh), node


def test_R14_the_shipped_remapping_has_a_rename_a_merge_and_a_split() -> None:
    first, second = (version.policy.categories for version in load("cn-12345").versions)
    renamed, merged = "environment.air.catering_fumes", "transport.parking.illegal"
    assert second.predecessors(renamed) == (renamed, "environment.air.cooking_smoke")
    assert second.predecessors(merged)[1:] == (
        "transport.parking.carriageway",
        "transport.parking.pavement",
    )
    assert second.current("social.insurance.medical") == (
        "social.medical.reimbursement",
        "social.medical.remote_settlement",
    )
    assert first.predecessors(renamed) == (renamed,), "before it came into force it is unknown"
    assert first.current("social.insurance.medical") == ("social.insurance.medical",)


def test_us_311_knows_every_service_type_of_boston() -> None:
    data = Path(__file__).resolve().parents[3] / "../shared/data/boston311/2011q3.csv.gz"
    if not data.exists():
        pytest.skip(f"needs the Boston 311 sample at {data}")
    with gzip.open(data, "rt", encoding="utf-8") as rows:
        types = {row["type"] for row in csv.DictReader(rows)}
    tree = load("us-311").versions[-1].policy.categories
    codes = {re.sub(r"[^0-9a-z]+", "-", each.lower()).strip("-") for each in types}
    assert len(codes) > 100
    assert {code for code in codes if not tree.is_leaf(code)} == set()
