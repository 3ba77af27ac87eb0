"""What all tests share: one real broker a session, topics of one's own by a prefix."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import pytest

from deploy.database import migrate
from deploy.local.broker import Cluster
from deploy.local.postgres import Postgres
from deploy.topics import LOCAL, create, declared
from schemas.topics import SERVICES, Topic
from tests.kit.servers import own_cluster, own_postgres

MakeTopics = Callable[..., tuple[str, ...]]
T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Await it from plain code, also where a loop runs already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


def in_database(dsn: str, name: str) -> str:
    """The DSN of another database of the same server."""
    return f"{dsn.rpartition('/')[0]}/{name}"


async def make_database(dsn: str, name: str, *, template: str = "template1") -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    finally:
        await connection.close()


async def drop_database(dsn: str, name: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A real broker for the whole session: ``kafka.bootstrap``. Do not stop it: others use it.

    A test that stops, kills or pauses brokers starts its own ``Cluster``.
    """
    with own_cluster(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL for the whole session. Do not stop it: others use it.

    A test that stops or kills the database starts its own ``Postgres``.
    """
    with own_postgres(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Postgres) -> str:
    """Name of a database with all tables and no rows, to make others from."""
    run(make_database(postgres.dsn, "migrated"))
    run(migrate(in_database(postgres.dsn, "migrated")))
    return "migrated"


@pytest.fixture
def dsn(postgres: Postgres, migrated: str) -> Iterator[str]:
    """A database of one's own with all tables, dropped at the end."""
    name = f"t{uuid4().hex[:8]}"
    run(make_database(postgres.dsn, name, template=migrated))
    yield in_database(postgres.dsn, name)
    run(drop_database(postgres.dsn, name))


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
        return run(create(bootstrap, topics, layout))

    return make
