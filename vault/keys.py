"""Whether a key ring is the one of this database (R61)."""

from typing import Any

from runtime.engine.ports import Unavailable
from runtime.keys import KeyRing


class WrongKeys(Unavailable):
    """With these keys everybody would be somebody new, and nothing in the vault could be read.

    Operator action: give the key ring that the database was filled with (``HOTLINE_KEYS``,
    ``HOTLINE_KEY_FILE``), from the backup if it was lost. A worker waits until it is restarted.
    """


async def agree(connection: Any, ring: KeyRing) -> None:
    """Keep fingerprints of the ring's versions, and compare with those that are kept.

    Raises:
        WrongKeys: a version has another key, or one is missing that something was written under.
    """
    mine = {version: ring.fingerprint(version) for version in ring.versions}
    await connection.execute(
        "INSERT INTO vault.key_versions (version, fingerprint) "
        "SELECT * FROM unnest($1::integer[], $2::text[]) ON CONFLICT DO NOTHING",
        list(mine),
        list(mine.values()),
    )
    for version, fingerprint in await connection.fetch("SELECT * FROM vault.key_versions"):
        if version in mine and mine[version] != fingerprint:
            raise WrongKeys(
                f"key version {version} has fingerprint {mine[version]}, the database was filled "
                f"with {fingerprint}: give its key ring (HOTLINE_KEYS or HOTLINE_KEY_FILE)"
            )
        if version not in mine and version in await in_use(connection):
            raise WrongKeys(
                f"key version {version} is in use in the database and not in the key ring: put it "
                "back, or run hotline citizen rotate where it still is"
            )


async def in_use(connection: Any) -> tuple[int, ...]:
    """Key versions that something in the vault is still under."""
    rows = await connection.fetch(
        "SELECT version FROM vault.key_versions kept WHERE "
        "EXISTS (SELECT FROM vault.aliases WHERE key_version = kept.version) OR EXISTS (SELECT "
        "FROM vault.data_keys WHERE key_version = kept.version AND wrapped IS NOT NULL) ORDER BY 1"
    )
    return tuple(row["version"] for row in rows)
