"""The registry of metrics: complete, typed, and documented."""

import os
import re
from pathlib import Path

import pytest

from runtime.metrics import (
    BATCH_SECONDS,
    CATALOG,
    LAG,
    METRICS,
    RECORDS,
    STATE_KEYS,
    WATERMARK,
    Histogram,
    Metrics,
)

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations" / "metrics.md"


def page() -> str:
    rows = "\n".join(
        f"| `{metric.exposed}` | {metric.kind} | {', '.join(metric.labels)} "
        f"| {metric.meaning} | {metric.action} |"
        for metric in CATALOG
    )
    return (
        "# Metrics\n\n"
        "Every worker serves these on `/metrics`, updated once a batch, beside the process's own\n"
        "(memory, CPU). Generated from `runtime/metrics.py` by\n"
        "`HOTLINE_WRITE_DOCS=1 pytest tests/unit/runtime/test_metrics.py`.\n\n"
        f"| name | kind | labels | meaning | what to do |\n|---|---|---|---|---|\n{rows}\n"
    )


def test_the_page_of_metrics_is_current() -> None:
    if "HOTLINE_WRITE_DOCS" in os.environ:
        PAGE.write_text(page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page()


def test_names_are_unique_and_end_in_their_unit() -> None:
    names = [metric.name for metric in CATALOG]
    assert len(names) == len(set(names))
    for metric in CATALOG:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", metric.name), metric.name
        assert metric.meaning.endswith((".", ")."))
        assert metric.action.endswith("."), metric.name
        if isinstance(metric, Histogram):
            assert metric.name.endswith(("_seconds", "_records")), metric.name


def test_labels_never_carry_a_ticket_or_citizen() -> None:
    """Unbounded labels kill a Prometheus; personal ones do worse."""
    allowed = {"service", "partition", "inbox_partition", "topic", "reason", "source", "step"}
    allowed |= {"outcome", "unit", "role"}  # units and roles are those of the directory
    allowed |= {"channel"}  # the contract's
    allowed |= {"route", "method", "status", "caller"}  # a route is a template, a caller a token
    allowed |= {"kind", "hour", "result", "slot"}  # the contract's, the clock's, the policy's
    allowed |= {"within"}  # a few spans of time
    allowed |= {"target", "calendar", "type"}  # the contract's, the policy's
    allowed |= {"department", "branch", "calendar"}  # the directory's, the tree's, the policy's
    assert {label for metric in CATALOG for label in metric.labels} <= allowed


def test_I13_what_is_counted_is_what_is_exposed() -> None:
    metrics = Metrics()
    metrics.add(RECORDS, 970, service="dedup", partition=3)
    metrics.add(RECORDS, 30, service="dedup", partition=3)
    metrics.observe(BATCH_SECONDS, 0.02, service="dedup")
    text, content_type = metrics.exposition()
    assert 'hotline_records_processed_total{partition="3",service="dedup"} 1000.0' in text.decode()
    assert content_type.startswith("text/plain")
    assert metrics.read(RECORDS, service="dedup", partition=3) == 1_000
    assert metrics.read(BATCH_SECONDS, service="dedup") == 1


def test_no_creation_time_stands_beside_a_counter() -> None:
    metrics = Metrics()
    metrics.add(RECORDS, service="dedup", partition=0)
    metrics.observe(BATCH_SECONDS, 0.02, service="dedup")
    assert "_created" not in metrics.exposition()[0].decode()


def test_registries_do_not_share() -> None:
    one, other = Metrics(), Metrics()
    one.add(RECORDS, service="dedup", partition=0)
    assert other.read(RECORDS, service="dedup", partition=0) == 0


def test_a_partition_that_left_shows_no_level_but_keeps_its_counts() -> None:
    metrics = Metrics()
    metrics.add(RECORDS, 5, service="dedup", partition=3)
    for partition in (3, 4):
        metrics.set(LAG, 7, service="dedup", topic="hotline.tickets", partition=partition)
        metrics.set(STATE_KEYS, 9, service="dedup", partition=partition)
    metrics.set(WATERMARK, 1.0, inbox_partition=3)
    metrics.forget(service="dedup", partition=3)
    text = metrics.exposition()[0].decode()
    assert 'hotline_lag_records{partition="3"' not in text
    assert 'hotline_state_keys{partition="3"' not in text
    assert 'hotline_lag_records{partition="4"' in text
    assert metrics.read(RECORDS, service="dedup", partition=3) == 5
    assert metrics.read(WATERMARK, inbox_partition=3) == 1


@pytest.mark.parametrize("labels", [{}, {"service": "dedup"}, {"service": "d", "shard": 1}])
def test_wrong_labels_are_named(labels: dict[str, str | int]) -> None:
    with pytest.raises(ValueError, match="'records_processed' has labels"):
        Metrics().add(RECORDS, 1, **labels)


def test_the_processs_own_registry_has_memory_and_all_of_the_catalogue() -> None:
    text = METRICS.exposition()[0].decode()
    assert "process_resident_memory_bytes" in text
    for metric in METRICS.catalog():
        assert f"# TYPE {metric.exposed} {metric.kind}" in text
