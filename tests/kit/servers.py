"""A real broker and a real database of one's own, as long as a fixture lives."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from deploy.local.broker import Cluster
from deploy.local.postgres import Postgres

S = TypeVar("S", Cluster, Postgres)


@contextmanager
def own_cluster(directory: Path) -> Iterator[Cluster]:
    """One broker in ``directory``, which is removed in the end."""
    with _of_ones_own(Cluster.create(directory), directory) as cluster:
        yield cluster


@contextmanager
def own_postgres(directory: Path) -> Iterator[Postgres]:
    """One PostgreSQL in ``directory``, which is removed in the end; no tables yet."""
    with _of_ones_own(Postgres.create(directory), directory) as server:
        yield server


@contextmanager
def _of_ones_own(server: S, directory: Path) -> Iterator[S]:
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(directory, ignore_errors=True)
