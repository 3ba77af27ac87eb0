"""A repartition topic is declared by the service that writes it, and made with its others."""

from datetime import timedelta

import pytest

from deploy.topics import LOCAL, Layout, declared
from runtime.core import AnyProcessor
from runtime.engine.preflight import compare, needed
from runtime.errors import TopicMissing
from runtime.settings import EngineSettings
from schemas.topics import REPARTITIONED, TICKETS, changelog, redrive, repartition, service_topics
from tests.kit.streets import BY_STREET, STREETS_IN, STREETS_OUT, Counts, Streets


@pytest.fixture
def streets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REPARTITIONED, "streets", (BY_STREET,))


def test_its_name_says_who_writes_it_and_by_what_it_is_keyed() -> None:
    topic = repartition("incidents", "leaf and area")
    assert (topic.name, topic.key) == ("hotline.incidents.by-leaf-and-area", "leaf and area")


def test_it_is_partitioned_as_the_log_is_and_kept_a_week_after_it_came() -> None:
    topic = repartition("incidents", "area")
    layout = Layout()
    assert layout.partition_count(topic) == layout.partition_count(TICKETS)
    config = layout.config(topic)
    assert config["retention.ms"] == str(timedelta(days=7) // timedelta(milliseconds=1))
    assert config["message.timestamp.type"] == "LogAppendTime"


def test_a_service_without_one_has_the_two_of_its_engine() -> None:
    assert service_topics("intake") == (changelog("intake"), redrive("intake"))


def test_R12_dedup_hands_linked_citizens_over_by_one() -> None:
    by_citizen = repartition("dedup", "citizen")
    assert service_topics("dedup") == (changelog("dedup"), redrive("dedup"), by_citizen)


@pytest.mark.usefixtures("streets")
def test_it_belongs_to_the_service_that_writes_it() -> None:
    assert service_topics("streets") == (changelog("streets"), redrive("streets"), BY_STREET)
    assert BY_STREET not in service_topics("counts")
    assert BY_STREET in declared(["streets"])


@pytest.mark.usefixtures("streets")
@pytest.mark.parametrize("processor", [Streets(), Counts()], ids=lambda each: str(each.name))
def test_F22_neither_its_writer_nor_its_reader_starts_without_it(
    processor: AnyProcessor,
) -> None:
    settings = EngineSettings.for_command(partitions=LOCAL.partitions, topic_prefix="")
    topics = (*declared(["streets", "counts"]), STREETS_IN, STREETS_OUT)
    there = {topic.name: LOCAL.partition_count(topic) for topic in topics}
    compare(needed(processor), there, settings)
    del there[BY_STREET.name]
    with pytest.raises(TopicMissing, match=r"hotline\.streets\.by-street"):
        compare(needed(processor), there, settings)
