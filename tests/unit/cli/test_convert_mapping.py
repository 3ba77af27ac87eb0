"""The mapping language: what a file may say, and what is told about a wrong one."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.conversion import MappingError, load_mapping
from cli.conversion.mapping import parse_mapping

SHIPPED = sorted((Path(__file__).parents[3] / "deploy" / "mappings").glob("*.yaml"))

GOOD: dict[str, Any] = {
    "source": "crm.example",
    "subject": "{id}",
    "time_zone": "Asia/Shanghai",
    "events": [{"type": "ticket.received", "time": "{at}", "data": {"title": "{title}"}}],
}


def with_event(**changes: object) -> dict[str, Any]:
    return GOOD | {"events": [GOOD["events"][0] | changes]}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_mappings_load(path: Path) -> None:
    mapping = load_mapping(path)
    assert mapping.name == path.stem
    assert "hotline.ticket.received.v1" in {rule.type for rule in mapping.events}


def test_three_data_sets_and_a_typical_platform_are_shipped() -> None:
    names = ["boston311", "complaints_zh", "incidents", "platform12345"]
    assert [path.stem for path in SHIPPED] == names


def leaves(path: Path) -> set[str]:
    found = set()

    def walk(nodes: dict[str, Any], above: str) -> None:
        for key, node in nodes.items():
            code = node.get("code") or (f"{above}.{key}" if above else key)
            if node.get("children"):
                walk(node["children"], code)
            else:
                found.add(code)

    walk(yaml.safe_load(path.read_text(encoding="utf-8"))["tree"], "")
    return found


def test_R14_keyword_leaves_are_leaves_of_the_tree_that_the_mapping_names() -> None:
    root = Path(__file__).parents[3]
    document = yaml.safe_load(
        (root / "deploy/mappings/complaints_zh.yaml").read_text(encoding="utf-8")
    )
    version = document["events"][0]["data"]["tree_version"]
    tree = leaves(root / f"policy/bundles/cn-12345/categories/{version}.yaml")
    named = [rule["value"] for rule in document["keywords"]["leaf"]["rules"]]
    assert len(named) == len(set(named)) >= 15
    assert set(named) <= tree


@pytest.mark.parametrize(
    ("document", "key", "said"),
    [
        (["no"], "(top)", "must be an object"),
        (GOOD | {"colour": "red"}, "colour", "no such key"),
        (GOOD | {"source": ""}, "source", "must be text"),
        ({k: v for k, v in GOOD.items() if k != "source"}, "source", "missing"),
        (GOOD | {"events": []}, "events", "list at least one"),
        (GOOD | {"time_zone": "Mars/Olympus"}, "time_zone", "no such time zone"),
        (GOOD | {"encoding": "utf-9"}, "encoding", "no such encoding"),
        (GOOD | {"delimiter": "::"}, "delimiter", "one character"),
        (GOOD | {"dst_gap": "guess"}, "dst_gap", "one of reject, move_on"),
        (GOOD | {"rows": "both"}, "rows", "one of tickets, log"),
        (GOOD | {"nulls": [None]}, "nulls", "in quotes"),
        (with_event(type="ticket.exploded"), "events[0].type", "no such event"),
        (with_event(time=None), "events[0].time", "empty"),
        (with_event(data={"titel": "{t}"}), "events[0].data.titel", "no such field"),
        (
            with_event(data={"place": {"latt": "{t}"}}),
            "events[0].data.place.latt",
            "lat, lon, neighbourhood",
        ),
        (
            with_event(data={"complainant": {"identities": [{"schema": "phone"}]}}),
            "events[0].data.complainant.identities[0].schema",
            "scheme, value",
        ),
        (with_event(data={"title": "{}"}), "events[0].data.title", "stands alone in braces"),
        (with_event(data={"title": "{a"}), "events[0].data.title", "literal brace is doubled"),
        (with_event(data={"title": None}), "events[0].data.title", "empty"),
        (with_event(data={"title": {"from": "x"}}), "events[0].data.title.from", "names no column"),
        (
            with_event(data={"title": {"from": "{x}", "mapp": {}}}),
            "events[0].data.title.mapp",
            "no such key",
        ),
        (
            with_event(data={"title": {"from": "{x}", "extract": "no group"}}),
            "events[0].data.title.extract",
            "needs a (group)",
        ),
        (
            with_event(data={"title": {"from": "{x}", "extract": "("}}),
            "events[0].data.title.extract",
            "not a regular expression",
        ),
        (
            with_event(data={"title": {"from": "{x}", "default": "y"}}),
            "events[0].data.title.default",
            "only beside a `map`",
        ),
        (
            with_event(data={"title": {"from": "{x}", "map": {True: "y"}}}),
            "events[0].data.title.map",
            "in quotes",
        ),
        (
            with_event(data={"title": {"from": "{x}", "type": "date"}}),
            "events[0].data.title.type",
            "one of integer",
        ),
        (
            with_event(data={"leaf": {"keywords": "leaf"}}),
            "events[0].data.leaf.keywords",
            "no such list",
        ),
        (
            with_event(data={"leaf": {"first_of": ["{a}"], "x": 1}}),
            "events[0].data.leaf",
            "stand alone",
        ),
        (with_event(when={"state": {"changed": True}}), "events[0].when.state", "rows: log"),
        (with_event(when={"state": {"present": "yes"}}), "events[0].when.state.present", "true or"),
        (with_event(when={"state": 5}), "events[0].when.state", "in quotes"),
        (
            GOOD | {"events": [GOOD["events"][0], GOOD["events"][0]]},
            "events",
            "need a `kind` each",
        ),
        (
            GOOD | {"keywords": {"leaf": {"texts": {"{t}": 0}, "default": "unknown", "rules": []}}},
            "keywords.leaf.texts.{t}",
            "at least 1",
        ),
        (
            GOOD
            | {
                "keywords": {
                    "leaf": {
                        "texts": {"{t}": 1},
                        "default": "unknown",
                        "rules": [{"value": "a", "any_of": []}],
                    }
                }
            },
            "keywords.leaf.rules[0].any_of",
            "never matches",
        ),
    ],
)
def test_a_mistake_names_file_key_and_reason(document: object, key: str, said: str) -> None:
    with pytest.raises(MappingError) as error:
        parse_mapping(document, name="ours", file="ours.yaml")
    assert error.value.key == key
    assert str(error.value).startswith(f"ours.yaml: {key}")
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"source: [", "line 1"),
        (b"source: a\nsource: b\n", "line 2"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "must be an object"),
    ],
)
def test_a_file_that_is_no_yaml_is_told(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "ours.yaml"
    path.write_bytes(content)
    with pytest.raises(MappingError, match=r"ours\.yaml") as error:
        load_mapping(path)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(tmp_path / "none.yaml")
