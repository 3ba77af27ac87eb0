"""Runs alembic on our migrations; plain SQL in each, asyncpg underneath."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool
from sqlalchemy.ext.asyncio import create_async_engine

from runtime.errors import HotlineError

T = TypeVar("T")
FOLDER = Path(__file__).parent
VERSION_TABLE = "hotline_migrations"


class NotMigrated(HotlineError):
    """The database's tables are not those that this code works with.

    Operator action: run ``hotline database migrate``; for a database that is newer than the code,
    deploy the newer code.
    """

    def __init__(self, present: str | None, wanted: str) -> None:
        super().__init__(
            "not_migrated",
            f"the database is at migration {present or 'none'}, this code needs {wanted}: "
            "run hotline database migrate",
        )


def head() -> str:
    """The migration that this code works with."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    assert found is not None, "there are migrations"
    return found


async def present(dsn: str) -> str | None:
    """The migration that the database is at; None before the first."""
    return await _with(dsn, _present)


async def migrate(dsn: str, revision: str = "head") -> tuple[str | None, str | None]:
    """Bring the tables to a revision; the one before and the one after.

    One at a time: a second call waits for the first.
    """

    def run(connection: Connection) -> tuple[str | None, str | None]:
        before = _present(connection)
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        return before, _present(connection)

    return await _with(dsn, run)


async def _with(dsn: str, work: Callable[[Connection], T]) -> T:
    engine = create_async_engine(
        dsn.replace("postgresql://", "postgresql+asyncpg://", 1), poolclass=pool.NullPool
    )
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engine.dispose()


def _present(connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return context.get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config
