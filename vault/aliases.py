"""The directory of aliases in PostgreSQL: one citizen across phone, web and app (R12, R61).

``await prefetch(…)`` asks the database for a whole batch in a few round trips and assigns what is
unknown; ``resolve`` then only looks into memory. Three things keep all workers of one mind:

* who assigns holds the one row of ``vault.state``: for one statement, which does nothing if what
  was read before may be wrong by now; only then for a transaction that reads again;
* nobody resolves an event at or after ``horizon`` before raising it, in steps of a minute; a number
  is shared from the horizon on, so nobody can have taken it for anything else by then;
* ``generation`` is raised whenever memories may be wrong (a number shared, a citizen erased).
"""

import asyncio
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import asyncpg

from policy.bundle import Bundle
from runtime.database import COMMAND_SECONDS, Database
from runtime.engine.ports import Unavailable
from runtime.errors import SettingsInvalid
from runtime.keys import KeyRing
from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import Citizen
from vault import keys, links
from vault.directory import Found
from vault.identities import Named, ranked
from vault.joining import PERSONAL, Alias, Asked, Assigned, assign, settle
from vault.sealing import Wrapped

PURPOSE: Final = "vault aliases"
"""What the keys that hash aliases are derived for."""
HORIZON_STEP: Final = timedelta(minutes=1)
"""Larger: a shared number goes on joining people for longer. Smaller: more writes."""
REMEMBERED: Final = 200_000
"""Aliases in memory (about 60 MB). Fewer: regular callers are asked for again and again."""
RECENT: Final = 64
"""What the last prefetches asked for is not forgotten, however much it is: a batch is decided some
time after its prefetch, while those of other partitions go on."""

_FIND = "SELECT hash, id, citizen, shared_since FROM vault.aliases WHERE hash = ANY($1)"
_FIND_WITH_STATE = """
    SELECT horizon, generation, state.key_version, hash, id, citizen, shared_since
    FROM vault.state LEFT JOIN vault.aliases ON hash = ANY($1)
"""
_INSERT = """
    WITH held AS MATERIALIZED (
        SELECT 1 FROM vault.state WHERE generation = $1 AND key_version = $2 FOR UPDATE
    ), made AS (
        INSERT INTO vault.data_keys (citizen, key_version, wrapped)
        SELECT c, $2, w FROM held, unnest($3::text[], $4::bytea[]) AS new (c, w)
    ), given AS (
        INSERT INTO vault.aliases (hash, key_version, scheme, citizen, assigned_at)
        SELECT h, $2, s, c, a FROM held,
            unnest($5::bytea[], $6::text[], $7::text[], $8::timestamptz[]) AS new (h, s, c, a)
        RETURNING id, hash
    ), kept AS (
        INSERT INTO vault.identities (alias, sealed)
        SELECT id, sealed FROM given
        JOIN unnest($5::bytea[], $9::bytea[]) AS new (hash, sealed) USING (hash)
    )
    SELECT id, hash FROM given
"""
"""All or nothing of it, under the lock: nothing unless the state is as it was read."""


class Ask(NamedTuple):
    """A person in an event, as ``Directory.resolve`` will be asked for them."""

    identities: Sequence[Identity]
    source: str
    at: datetime


class State(NamedTuple):
    """The one row of ``vault.state``."""

    horizon: datetime
    generation: int
    key_version: int


class Hashes:
    """The hash of a name under each version of the key ring."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring
        self._keys = {version: ring.derive(PURPOSE, version) for version in ring.versions}
        self.current = ring.current

    def go_on_to(self, version: int) -> None:
        """Write under this newer version from now on. Raises ``SettingsInvalid`` without its key.

        The key ring looks into its file again, so a worker need not be restarted for it.
        """
        self._keys[version] = self._ring.derive(PURPOSE, version)
        self.current = version

    def of(self, name: bytes) -> bytes:
        """Under the version in use."""
        return hmac.digest(self._keys[self.current], name, "sha256")

    def under_all(self, names: Iterable[bytes]) -> dict[bytes, bytes]:
        """Each possible hash, to the name."""
        return {
            hmac.digest(key, name, "sha256"): name for name in names for key in self._keys.values()
        }


class DatabaseDirectory:
    """A ``Directory`` in the database. One for all tasks of a process."""

    def __init__(self, database: Database, ring: KeyRing, bundle: Bundle) -> None:
        """
        Args:
            bundle: says from how many identities on a number is shared.
        """
        self._database = database
        self._ring = ring
        self._hashes = Hashes(ring)
        self._wrapped = Wrapped(ring)
        self._bundle = bundle
        self._memory = _Memory()
        self._state: State | None = None
        self._assigning = asyncio.Lock()
        """Tasks of one process take turns, so that they do not undo each other's statements."""

    def resolve(self, identities: Sequence[Identity], source: str, at: datetime) -> Found | None:
        """As ``Directory.resolve``, from memory.

        Raises:
            LookupError: ``prefetch`` was not asked for them: a bug of ours.
        """
        return settle((self._memory[each.name] for each in ranked(identities, source)), at)

    async def prefetch(self, asked: Sequence[Ask]) -> None:
        """Learn who all of these are; unknown aliases are assigned, in the order given.

        May be asked again with the same. Raises ``Unavailable``.
        """
        people = [Asked(ranked(each.identities, each.source), each.at) for each in asked]
        people = [person for person in people if person.named]
        if not people:
            return
        names = {each.name for person in people for each in person.named}
        async with self._database.connection() as connection:
            self._memory.begin()
            at = max(person.at for person in people)
            state, unknown = await self._learn(connection, names, at)
            if unknown:
                await self._assign(connection, people, unknown, state)
            self._memory.touch(names)
            await self._accompany(connection, people)

    async def lookup(
        self, identities: Sequence[Identity], source: str, at: datetime
    ) -> Found | None:
        """Who it is, if they are known; nothing is assigned (R17 «an agent asks»).

        Raises ``Unavailable``.
        """
        named = ranked(identities, source)
        async with self._database.connection() as connection:
            self._take(_state(await connection.fetchrow("SELECT * FROM vault.state")))
            found = await self._find(connection, [each.name for each in named])
        return settle((found[each.name] for each in named if each.name in found), at)

    async def rows_of(
        self, connection: Any, identities: Sequence[Identity], source: str
    ) -> list[int]:
        """Ids of their rows in the table; for ``share``."""
        found = await self._find(connection, [each.name for each in ranked(identities, source)])
        return [alias.id for alias in found.values()]

    async def members(self, citizen: str) -> frozenset[Citizen]:
        """All pseudonyms of the person, this one among them (``identity.linked``)."""
        async with self._database.connection() as connection:
            return await links.members(connection, citizen)

    async def canonical(self, citizen: str) -> Citizen:
        """The pseudonym of the person that goes on."""
        async with self._database.connection() as connection:
            return await links.canonical(connection, citizen)

    async def close(self) -> None:
        """Give the database's connections back."""
        await self._database.close()

    # -- state -----------------------------------------------------------------------------------

    async def _learn(
        self, connection: Any, names: Collection[bytes], at: datetime
    ) -> tuple[State, set[bytes]]:
        """The state, its horizon beyond ``at``, and which names the table does not have under it;
        the others are in memory."""
        if self._state is None:
            await keys.agree(connection, self._ring)
        while True:
            before = self._memory.age, self._hashes.current
            unknown = {name for name in names if name not in self._memory}
            read, found = await self._look(connection, unknown)
            state = read
            if at >= read.horizon or self._hashes.current > read.key_version:
                state = await self._raise(connection, at)
            self._take(state)
            # Else memory expired meanwhile, or not under all keys was looked: again.
            unchanged = before == (self._memory.age, self._hashes.current)
            if unchanged and state.generation == read.generation:
                self._memory.update(found)
                return state, unknown - found.keys()

    async def _look(
        self, connection: Any, names: Collection[bytes]
    ) -> tuple[State, dict[bytes, Alias]]:
        """The state and what the table has of these names, of one instant."""
        if not names:
            return _state(await connection.fetchrow("SELECT * FROM vault.state")), {}
        hashes = self._hashes.under_all(names)
        rows = await connection.fetch(_FIND_WITH_STATE, list(hashes))
        return _state(rows[0]), _aliases(hashes, (row for row in rows if row["hash"] is not None))

    async def _raise(self, connection: Any, at: datetime) -> State:
        """The state with a horizon beyond ``at``, and with our key version if it is newer."""
        return _state(
            await connection.fetchrow(
                "UPDATE vault.state SET horizon = greatest(horizon, $1), "
                "key_version = greatest(key_version, $2) RETURNING *",
                at.replace(second=0, microsecond=0) + HORIZON_STEP,
                self._hashes.current,
            )
        )

    def _take(self, state: State) -> None:
        """Forget what may be wrong by now; refuse to go on with keys that are too old."""
        if state.key_version > self._hashes.current:
            try:
                self._hashes.go_on_to(state.key_version)
            except SettingsInvalid:
                # Without that key it would take known people for new.
                raise Unavailable(
                    f"aliases are written under key version {state.key_version}, this worker's "
                    f"key ring ends at {self._hashes.current}: give it the present key ring"
                ) from None
        if self._state is not None and state.generation != self._state.generation:
            self._memory.expire()
        self._state = state

    # -- aliases ---------------------------------------------------------------------------------

    async def _find(self, connection: Any, names: Collection[bytes]) -> dict[bytes, Alias]:
        hashes = self._hashes.under_all(names)
        return _aliases(hashes, await connection.fetch(_FIND, list(hashes)))

    async def _assign(
        self, connection: Any, people: Sequence[Asked], unknown: Collection[bytes], state: State
    ) -> None:
        """Give what is unknown to somebody; one worker at a time."""
        names = {each.name for person in people for each in person.named}
        async with asyncio.timeout(COMMAND_SECONDS), self._assigning:
            # What another task of ours assigned since is not unknown any more.
            unknown = {name for name in unknown if name not in self._memory}
            table = {name: self._memory[name] for name in names - unknown}
            if not unknown:
                return
            if not _new_card(people, table):
                made = assign(people, table, set(), _new_citizen)
                try:
                    ids = await self._insert(connection, made, state)
                except asyncpg.UniqueViolationError:
                    ids = {}  # another worker was first
                if ids:
                    self._keep(table, ids)
                    return
            async with connection.transaction():
                state = _state(await connection.fetchrow("SELECT * FROM vault.state FOR UPDATE"))
                self._take(state)
                table = await self._find(connection, names)
                carded = await self._carded(connection, people, table)
                made = assign(people, table, carded, _new_citizen)
                ids = await self._insert(connection, made, state) if made else {}
            # Not before the commit: what was rolled back is nobody's.
            self._keep(table, ids)

    def _keep(self, table: dict[bytes, Alias], ids: Mapping[bytes, int]) -> None:
        for name, id_ in ids.items():
            table[name] = table[name]._replace(id=id_)
        self._memory.update(table)

    async def _carded(
        self, connection: Any, people: Sequence[Asked], table: Mapping[bytes, Alias]
    ) -> set[Citizen]:
        """Who of the table has an ID card, if it matters to anybody."""
        if not _new_card(people, table):
            return set()
        rows = await connection.fetch(
            "SELECT DISTINCT citizen FROM vault.aliases WHERE scheme = $1 AND citizen = ANY($2)",
            IdentityScheme.ID_CARD.value,
            list({alias.citizen for alias in table.values()}),
        )
        return {Citizen(row["citizen"]) for row in rows}

    async def _insert(
        self, connection: Any, assigned: Sequence[Assigned], state: State
    ) -> dict[bytes, int]:
        """Data keys, aliases and the identities themselves; the rows' ids by name.

        Empty, and nothing is inserted, if the state is another by now.
        """
        version = self._hashes.current
        made = {
            each.citizen: self._wrapped.make(each.citizen, version) for each in assigned if each.new
        }
        seals = {citizen: seal for citizen, (seal, _) in made.items()}
        others = {each.citizen for each in assigned} - seals.keys()
        if others:
            rows = await connection.fetch(
                "SELECT citizen, key_version, wrapped FROM vault.data_keys "
                "WHERE citizen = ANY($1) AND wrapped IS NOT NULL",
                list(others),
            )
            seals |= {row["citizen"]: self._wrapped.open(*row) for row in rows}
            if len(rows) < len(others):
                return {}  # erased a moment ago
        hashes = {self._hashes.of(each.named.name): each.named.name for each in assigned}
        rows = await connection.fetch(
            _INSERT,
            state.generation,
            version,
            list(made),
            [wrapped for _, wrapped in made.values()],
            list(hashes),
            [each.named.scheme.value for each in assigned],
            [each.citizen for each in assigned],
            [each.at for each in assigned],
            [seals[each.citizen].close(each.named.name, each.citizen) for each in assigned],
        )
        return {hashes[row["hash"]]: row["id"] for row in rows}

    # -- shared numbers --------------------------------------------------------------------------

    async def _accompany(self, connection: Any, people: Sequence[Asked]) -> None:
        """Keep which accounts and ID cards came with a number; with enough of them it is shared."""
        pairs = {
            pair: person.at
            for person in people
            for pair in self._pairs(person.named)
            if pair not in self._memory.pairs
        }
        if not pairs:
            return
        limit = self._bundle.at(max(pairs.values())).identity.shared_after_identities
        async with connection.transaction():
            # In one order, so that two workers do not wait for each other.
            ordered = sorted(pairs)
            await connection.execute(
                # Joined and locked: what was erased a moment ago accompanies nobody.
                "INSERT INTO vault.companions (alias, companion) SELECT one.id, other.id "
                "FROM unnest($1::bigint[], $2::bigint[]) AS new (p, c) "
                "JOIN vault.aliases one ON one.id = p JOIN vault.aliases other ON other.id = c "
                "ORDER BY one.id, other.id FOR KEY SHARE OF one, other ON CONFLICT DO NOTHING",
                [pair[0] for pair in ordered],
                [pair[1] for pair in ordered],
            )
            rows = await connection.fetch(
                "SELECT alias FROM vault.companions JOIN vault.aliases ON id = alias "
                "WHERE alias = ANY($1) AND shared_since IS NULL "
                "GROUP BY alias HAVING count(*) >= $2",
                sorted({pair[0] for pair in pairs}),
                limit,
            )
            if rows:
                await share(connection, [row["alias"] for row in rows])
        # Whoever is in this batch lies before the horizon; for what comes later the new generation
        # makes memory expire.
        self._memory.pairs.update(pairs)

    def _pairs(self, named: Sequence[Named]) -> Iterable[tuple[int, int]]:
        personal = [each for each in named if each.scheme in PERSONAL]
        if not personal:
            return
        for phone in named:
            if phone.scheme is IdentityScheme.PHONE:
                alias = self._memory[phone.name]
                if alias.shared_since is None:
                    for each in personal:
                        yield alias.id, self._memory[each.name].id


async def share(connection: Any, aliases: Sequence[int]) -> datetime:
    """From now on these aliases join nobody; the instant on the log's clock from which they don't.

    Within a transaction, please: the row that it holds keeps the horizon where it is.
    """
    since = await connection.fetchval(
        "UPDATE vault.state SET generation = generation + 1 RETURNING horizon"
    )
    await connection.execute(
        "UPDATE vault.aliases SET shared_since = $2 WHERE id = ANY($1) AND shared_since IS NULL",
        list(aliases),
        since,
    )
    assert isinstance(since, datetime)
    return since


def _new_card(people: Iterable[Asked], table: Mapping[bytes, Alias]) -> bool:
    """Whether there is an ID card that nobody has yet: whom it joins depends on who has another."""
    return any(
        each.scheme is IdentityScheme.ID_CARD and each.name not in table
        for person in people
        for each in person.named
    )


def _aliases(hashes: Mapping[bytes, bytes], rows: Iterable[Any]) -> dict[bytes, Alias]:
    return {
        hashes[row["hash"]]: Alias(Citizen(row["citizen"]), row["shared_since"], row["id"])
        for row in rows
    }


def _state(row: Mapping[str, Any]) -> State:
    return State(row["horizon"], row["generation"], row["key_version"])


def _new_citizen() -> Citizen:
    """Random, so that nothing is left of a person who is erased."""
    return Citizen("c:" + secrets.token_hex(16))


class _Known(NamedTuple):
    alias: Alias
    used: int
    """In which round last."""
    age: int


class _Memory:
    """Aliases by name, the latest used last; what recent batches asked for stays."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._round = 0
        self.age = 0
        """How often memory expired."""
        self.pairs: set[tuple[int, int]] = set()
        """Of alias and companion, that are in the table."""

    def __contains__(self, name: bytes) -> bool:
        """Whether it need not be asked for again."""
        known = self._known.get(name)
        return known is not None and known.age == self.age

    def __getitem__(self, name: bytes) -> Alias:
        """As last heard of: a batch that was prefetched before memory expired is decided by it."""
        known = self._known.get(name)
        if known is None:
            raise LookupError("an identity was not prefetched")
        return known.alias

    def begin(self) -> None:
        """Another prefetch; what only old ones asked for may go."""
        self._round += 1
        while len(self._known) > REMEMBERED:
            name, known = next(iter(self._known.items()))
            if known.used > self._round - RECENT:
                break
            del self._known[name]
        if len(self.pairs) > REMEMBERED:
            self.pairs.clear()

    def update(self, found: Mapping[bytes, Alias]) -> None:
        for name, alias in found.items():
            self._known[name] = _Known(alias, self._round, self.age)

    def touch(self, names: Iterable[bytes]) -> None:
        for name in names:
            self._known[name] = self._known[name]._replace(used=self._round)
            self._known.move_to_end(name)

    def expire(self) -> None:
        """All of it may be wrong: ask again before it is used for another batch."""
        self.age += 1
        self.pairs.clear()
