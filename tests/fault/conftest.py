"""What the fault tests share: a seed that is printed, and a laboratory per test."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.broker import Cluster
from tests.kit.lab import SERVICES, Lab
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT


@pytest.fixture
def seed() -> int:
    """Printed, so that a failure can be had again: ``HOTLINE_TEST_SEED=… pytest …``."""
    given = os.environ.get("HOTLINE_TEST_SEED")
    number = int(given) if given else random.randrange(1 << 32)
    print(f"seed: HOTLINE_TEST_SEED={number}")
    return number


@pytest.fixture
def rng(seed: int) -> random.Random:
    return random.Random(seed)


@pytest.fixture
def lab(
    kafka: Cluster,
    topic_prefix: str,
    make_topics: Callable[..., tuple[str, ...]],
    tmp_path: Path,
) -> Iterator[Lab]:
    """A laboratory on the broker that all tests share."""
    made = Lab(kafka.bootstrap, topic_prefix, tmp_path)
    make_topics(topic_prefix, services=SERVICES, extra=(ALARMS_IN, ALARMS_OUT))
    try:
        yield made
    finally:
        made.kill_all()
