"""What all tests share: one real broker a session, topics of one's own by a prefix."""

import asyncio
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest

from deploy.local.broker import Cluster
from deploy.topics import LOCAL, create, declared
from schemas.topics import SERVICES, Topic

MakeTopics = Callable[..., tuple[str, ...]]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real broker for the whole session: ``kafka.bootstrap``. Do not stop it: others use it.

    A test that stops, kills or pauses brokers starts its own ``Cluster``.
    """
    directory = tmp_path_factory.mktemp("kafka")
    cluster = Cluster.create(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def topic_prefix() -> str:
    """Unique per test; put it before the names of topics, groups and transactional ids."""
    return f"t{uuid4().hex[:8]}-"


@pytest.fixture(scope="session")
def make_topics(kafka: Cluster) -> MakeTopics:
    """``make_topics(prefix, partitions=4, services=(...), extra=(Topic(...),), history=False)``.

    Makes all declared topics and those of the services under the prefix; returns their names. May
    be called from a plain test and from a coroutine.
    """

    def make(
        prefix: str,
        *,
        partitions: int = 4,
        services: Sequence[str] = SERVICES,
        extra: Sequence[Topic] = (),
        history: bool = False,
        bootstrap: str = kafka.bootstrap,
    ) -> tuple[str, ...]:
        layout = replace(LOCAL, partitions=partitions, prefix=prefix, history=history)
        topics = (*declared(services), *extra)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, create(bootstrap, topics, layout)).result()

    return make
