"""PostgreSQL by asyncpg: a pool that says plainly when the database does not answer now."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import asyncpg
from pydantic import SecretStr

from runtime.engine.ports import Unavailable

CONNECT_SECONDS: Final = 5.0
"""For a new connection, and for a free one of the pool. Longer: who asks waits in the dark."""
COMMAND_SECONDS: Final = 30.0
"""For one statement. Shorter: a large batch after a restart (cold cache) would never pass."""

PASSING: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.ConnectionDoesNotExistError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
)
"""What passes by itself: down, restarting, failing over, full, out of connections, a deadlock's
victim. asyncpg's own errors are none (we misuse it, or the DSN), but on a connection that is gone.
"""

NOT_MIGRATED: Final = (
    asyncpg.exceptions.InvalidSchemaNameError,
    asyncpg.exceptions.UndefinedTableError,
    asyncpg.exceptions.UndefinedColumnError,
)


@contextlib.contextmanager
def asking() -> Iterator[None]:
    """Turns what passes by itself into ``Unavailable``; an error of ours stays what it is.

    Tables that are not there yet pass too: somebody migrates, and who waited goes on.
    """
    try:
        yield
    except NOT_MIGRATED as error:
        raise Unavailable(
            f"PostgreSQL: {error}: its tables are not this code's, run hotline database migrate"
        ) from error
    except PASSING as error:
        raise Unavailable(f"PostgreSQL: {error!r}") from error


def _gone(connection: Any) -> bool:
    """Whether a connection that the pool lent us was closed meanwhile, by the server or by us."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True  # back in the pool before we gave it back


async def _left_clean(_: Any) -> None:
    """No session is changed here (settings and locks are of transactions), so that giving it back
    costs no round trip; asyncpg has rolled back what was open."""


class Database:
    """A pool of connections, opened at the first use; a database that is down is no error yet."""

    def __init__(self, dsn: SecretStr | str, *, application: str, connections: int = 8) -> None:
        """
        Args:
            dsn: ``postgresql://user:password@host:port/database``.
            application: who asks, as ``pg_stat_activity`` shows it.
            connections: at most.
        """
        self._dsn = dsn.get_secret_value() if isinstance(dsn, SecretStr) else dsn
        self._application = application
        self._connections = connections
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def _opened(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._dsn,
                    min_size=0,
                    max_size=self._connections,
                    timeout=CONNECT_SECONDS,
                    command_timeout=COMMAND_SECONDS,
                    reset=_left_clean,
                    server_settings={"application_name": self._application, "timezone": "UTC"},
                )
        return self._pool

    @contextlib.asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """A connection of the pool. Raises ``Unavailable`` when the database does not answer."""
        with asking():
            pool = await self._opened()
            connection = await pool.acquire(timeout=CONNECT_SECONDS)
            try:
                yield connection
            except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
                if not _gone(connection):
                    raise
                raise Unavailable(f"PostgreSQL: {error!r}") from error
            finally:
                # asyncpg ends a connection that it cannot reset, and raises what nobody can use
                # (InternalClientError where a kill of the server cut it in a command).
                with contextlib.suppress(Exception):
                    await pool.release(connection)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """As ``connection``, within one transaction: all of it, or nothing."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self) -> None:
        """Give the connections back; those in use are cut off after a moment."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), CONNECT_SECONDS)
            except TimeoutError:
                pool.terminate()
