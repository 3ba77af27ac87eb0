"""Settings of workers and commands: environment variables, one name each, checked when read.

``HOTLINE_<NAME>`` holds for everything, ``HOTLINE_<SERVICE>_<NAME>`` for that service alone. A
default carries a comment where it is a choice of security or risk. The table of all of them is
docs/operations/settings.md, kept current by a test.
"""

import difflib
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import pydantic
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from runtime.errors import SettingsInvalid
from runtime.keys import KeyRing
from runtime.stores.base import MAX_STATE_BYTES
from schemas.topics import DELIVERIES, SERVICES, Topic

PREFIX = "HOTLINE_"
Port = Annotated[int, Field(ge=0, le=65_535)]
Milliseconds = Annotated[int, Field(gt=0)]


class EngineSettings(BaseSettings):
    """What a worker or a command is told. Frozen; made by ``for_service`` or ``for_command``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    # --- Kafka ---------------------------------------------------------------------------------
    kafka_bootstrap: str = "127.0.0.1:9092"
    """Brokers to ask first, ``host:port`` by commas."""
    # Plain text suits only a broker on this machine; across a network set SASL_SSL or SSL (R61).
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """How to talk to the brokers."""
    kafka_ssl_cafile: Path | None = None
    """Certificates (PEM) that the brokers' must descend from; unset: the system's."""
    kafka_ssl_certfile: Path | None = None
    """Our certificate (PEM), for mutual TLS."""
    kafka_ssl_keyfile: Path | None = None
    """Key (PEM) of our certificate."""
    kafka_ssl_key_password: SecretStr | None = None
    """Password of that key."""
    # SCRAM: unlike PLAIN it never shows the broker, or a listener, the password.
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """How to log in, with a SASL protocol."""
    kafka_sasl_username: str | None = None
    """User to log in as."""
    kafka_sasl_password: SecretStr | None = None
    """That user's password."""
    topic_prefix: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """In front of every topic, group and transactional id; a test or replay has its own."""
    group_prefix: str = Field(default="hotline-", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """In front of groups and transactional ids, after the topic prefix."""
    group_instance_id: str | None = None
    """Static membership: a name of this worker, stable and unique. A restart within the session
    time-out then moves no partition; two workers with one name fence each other."""
    partitions: int = Field(default=4, ge=1, le=10_000)
    """Of every co-partitioned topic. Fixed for good when the topics are created, so that `hotline
    topics create` wants it said: 4 suit one machine, 24 a cluster."""

    # --- PostgreSQL and keys -------------------------------------------------------------------
    postgres_dsn: SecretStr | None = None
    """Of the database: ``postgresql://user:password@host:port/database``. Intake without it has
    neither directory nor vault (replay, tests); the read model and the HTTP API need it."""
    # Whoever has the keys can read the vault and test guesses: keep them from the topics' readers
    # and from the database, and never lose them (R61).
    keys: SecretStr | None = None
    """The key ring itself, ``{"1": "<64 hexadecimal digits>", …}``; unset: the file is used."""
    key_file: Path | None = None
    """Holds the key ring; made with a first key at the first start, for its owner alone. Unset:
    ``keys.json`` in HOTLINE_DATA_DIR. All workers and the HTTP API need the same one; losing it is
    losing every original, and with it all pseudonyms of people who were never seen before."""

    # --- What runs -----------------------------------------------------------------------------
    policy: str = "cn-12345"
    """Name or directory of the policy bundle."""
    store: Literal["memory", "rocksdb"] = "memory"
    """Where state is kept between batches; ``rocksdb`` when it outgrows memory."""
    data_dir: Path = Path(".hotline")
    """Of this worker alone: local stores lie in it. Losing it costs a recovery."""
    store_max_age_hours: float = Field(default=20.0, gt=0)
    """A local store older than this is discarded. Larger than the changelog's
    ``delete.retention.ms`` (24 h): forgotten keys could come back to life."""

    # --- Batches -------------------------------------------------------------------------------
    batch_max_records: int = Field(default=2_000, ge=1, le=5_000)
    """Records in a transaction. Larger: more throughput (5,000: twice), longer tail latency."""
    linger_min_ms: int = Field(default=5, ge=0, le=1_000)
    """Wait for a batch to fill when there is load. Smaller: tiny transactions burn the CPU."""
    linger_max_ms: int = Field(default=50, ge=0, le=5_000)
    """Wait when it is quiet. Larger: a lone event waits that long."""
    max_idle_timers: int = Field(default=250, ge=1, le=5_000)
    """Timers that fire in a transaction without a record of their key. Larger: after a downtime
    a herd of due timers holds up the records behind it."""
    max_state_bytes: int = Field(default=MAX_STATE_BYTES, ge=1_024, le=3 * 1024 * 1024)
    """Of one key's encoded state, which each change rewrites whole. The changelog takes 4 MiB, but
    a state that nears that needs a finer key, not a larger limit."""
    max_record_bytes: int = Field(default=1024 * 1024, ge=1_024)
    """Of a record that is read; a larger one goes to the dead letters unread."""

    # --- Time-outs -----------------------------------------------------------------------------
    session_timeout_ms: Milliseconds = 10_000
    """A worker silent for so long loses its partitions. Larger: takeover, and so escalations after
    a crash, come later (I9). Smaller: a garbage collection or a slow disk looks like a death."""
    heartbeat_interval_ms: Milliseconds = 3_000
    """A third of the session time-out, so that two lost heartbeats do no harm."""
    rebalance_timeout_ms: Milliseconds = 30_000
    """For all members to rejoin. Smaller: one with a batch in flight is thrown out."""
    transaction_timeout_ms: Milliseconds = 30_000
    """The broker aborts what is open for longer. Larger: a hung worker's open transaction holds up
    every reader behind it that long. Smaller: a slow batch is fenced and decided again."""
    request_timeout_ms: Milliseconds = 10_000
    """For one answer of a broker. Larger than the session time-out hides a dead broker."""
    commit_timeout_s: float = Field(default=15.0, gt=0)
    """For commit, send and stop of a producer (aiokafka may wait for ever). After it the outcome
    counts as unknown and is settled."""
    retry_backoff_ms: Milliseconds = 50
    """Between retries of a request. Larger: the first transactional write to each partition, which
    the broker answers «retry» to, costs that much latency."""
    watchdog_seconds: float = Field(default=60.0, gt=0)
    """Lag without progress for so long ends the process; a supervisor restarts it. Smaller than
    broker failover plus recovery: restarts feed on themselves."""
    drain_seconds: float = Field(default=20.0, gt=0)
    """For the batch in flight at SIGTERM; below the 30 s that supervisors grant before SIGKILL."""

    # --- Poison --------------------------------------------------------------------------------
    # A bad deploy must not drain the topic into the dead letters: the limit is on by default.
    poison_window: int = Field(default=1_000, ge=1)
    """Records (per partition; at intake per source too) that the ratio is taken of."""
    poison_ratio: float = Field(default=0.2, gt=0, le=1)
    """Share of dead letters in the window at which the partition stops and alarms; 1 = never."""
    poison_minimum: int = Field(default=50, ge=1)
    """Dead letters in the window below which it never stops (a quiet morning's few)."""

    # --- Operation -----------------------------------------------------------------------------
    # Loopback: health, metrics and control are for this machine until somebody decides otherwise.
    web_host: str = "127.0.0.1"
    """Address of the worker's web server."""
    web_port: Port = 6066
    """Its port; 0 = any free one. Each worker on a machine needs its own."""
    # Without a token nobody can pause or drain a worker over HTTP.
    control_token: SecretStr | None = None
    """Bearer token of the control endpoints; unset: they are off."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level that is logged."""
    log_format: Literal["auto", "json", "console"] = "auto"
    """``auto``: JSON unless stderr is a terminal."""

    @classmethod
    def for_service(cls, service: str, **given: Any) -> Self:
        """Settings of a service: ``given``, else HOTLINE_<SERVICE>_…, else HOTLINE_…, else default.

        Raises:
            SettingsInvalid: names the variable and what is wrong with it, never its value.
        """
        own = EnvSettingsSource(cls, env_prefix=service_prefix(service))()
        return cls._made(f"{PREFIX}[{_upper(service)}_]", {**own, **given})

    @classmethod
    def for_command(cls, **given: Any) -> Self:
        """Settings of a command: ``given``, else HOTLINE_…, else the default.

        Raises:
            SettingsInvalid: names the variable and what is wrong with it, never its value.
        """
        return cls._made(PREFIX, given)

    @classmethod
    def _made(cls, prefix: str, given: dict[str, Any]) -> Self:
        try:
            return cls(**given)
        except pydantic.ValidationError as invalid:
            told = []
            for problem in invalid.errors(include_input=False, include_url=False):
                name = "_".join(str(part) for part in problem["loc"]).upper()
                text = problem["msg"].removeprefix("Value error, ")
                told.append(f"{prefix}{name}: {text}" if name else text)
            raise SettingsInvalid("; ".join(told)) from None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """What only shows in the combination."""
        rules = (
            (
                self.linger_min_ms <= self.linger_max_ms,
                "HOTLINE_LINGER_MIN_MS is above HOTLINE_LINGER_MAX_MS",
            ),
            (
                3 * self.heartbeat_interval_ms <= self.session_timeout_ms,
                "HOTLINE_HEARTBEAT_INTERVAL_MS is above a third of HOTLINE_SESSION_TIMEOUT_MS",
            ),
            (
                1_000 * self.commit_timeout_s < self.transaction_timeout_ms,
                "HOTLINE_COMMIT_TIMEOUT_S must be below HOTLINE_TRANSACTION_TIMEOUT_MS",
            ),
            (
                self.session_timeout_ms <= self.transaction_timeout_ms,
                "HOTLINE_TRANSACTION_TIMEOUT_MS is below HOTLINE_SESSION_TIMEOUT_MS: a transaction "
                "would be aborted while its worker still counts as alive",
            ),
            (
                not self.sasl or (self.kafka_sasl_username and self.kafka_sasl_password),
                "HOTLINE_KAFKA_SASL_USERNAME and HOTLINE_KAFKA_SASL_PASSWORD are needed for "
                f"{self.kafka_security_protocol}",
            ),
            (
                self.kafka_security_protocol != "SASL_PLAINTEXT"
                or self.kafka_sasl_mechanism != "PLAIN",
                "PLAIN over SASL_PLAINTEXT would send the password in clear: set "
                "HOTLINE_KAFKA_SECURITY_PROTOCOL=SASL_SSL or "
                "HOTLINE_KAFKA_SASL_MECHANISM=SCRAM-SHA-512",
            ),
            (
                (self.kafka_ssl_certfile is None) == (self.kafka_ssl_keyfile is None),
                "HOTLINE_KAFKA_SSL_CERTFILE and HOTLINE_KAFKA_SSL_KEYFILE go together",
            ),
        )
        for holds, otherwise in rules:
            if not holds:
                raise ValueError(otherwise)
        return self

    @property
    def sasl(self) -> bool:
        """Whether to log in."""
        return self.kafka_security_protocol.startswith("SASL_")

    @property
    def tls(self) -> bool:
        """Whether to encrypt."""
        return self.kafka_security_protocol.endswith("SSL")

    @property
    def store_max_age(self) -> timedelta:
        """``store_max_age_hours``, for ``open_store``."""
        return timedelta(hours=self.store_max_age_hours)

    @property
    def key_path(self) -> Path:
        """Where the key ring lies, unless HOTLINE_KEYS holds it."""
        return self.key_file or self.data_dir / "keys.json"

    def key_ring(self) -> KeyRing:
        """The secret keys. Raises ``SettingsInvalid`` naming what is wrong, never the value."""
        if self.keys is not None:
            return KeyRing.parse(self.keys.get_secret_value(), "HOTLINE_KEYS")
        return KeyRing.open(self.key_path)

    def known_key_ring(self) -> KeyRing | None:
        """As ``key_ring``, for a command that only reads: where there is none, none is made."""
        return self.key_ring() if self.keys is not None or self.key_path.exists() else None

    def topic(self, topic: Topic | str) -> str:
        """The physical name of a topic."""
        return self.topic_prefix + (topic if isinstance(topic, str) else topic.name)

    def group_id(self, service: str) -> str:
        """The consumer group of a service."""
        return f"{self.topic_prefix}{self.group_prefix}{service}"

    def transactional_id(self, service: str, partition: int) -> str:
        """One producer an input partition: the same id fences the predecessor (engine.md)."""
        return f"{self.group_id(service)}-{partition}"

    def state_dir(self, service: str) -> Path:
        """Where the local stores of a service lie; the group's name keeps deployments apart."""
        return self.data_dir / "state" / self.group_id(service)

    def ssl_context(self) -> ssl.SSLContext | None:
        """TLS 1.2 or newer with the host name checked; None for a protocol without TLS.

        Raises:
            SettingsInvalid: a file is missing or is not what it should be.
        """
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(
                cafile=None if self.kafka_ssl_cafile is None else str(self.kafka_ssl_cafile)
            )
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.kafka_ssl_certfile is not None:
                password = self.kafka_ssl_key_password
                context.load_cert_chain(
                    self.kafka_ssl_certfile,
                    self.kafka_ssl_keyfile,
                    # A function: without one, OpenSSL would ask for it on the terminal.
                    password=lambda: "" if password is None else password.get_secret_value(),
                )
        except OSError as wrong:
            raise SettingsInvalid(
                f"HOTLINE_KAFKA_SSL_…FILE ({self.kafka_ssl_cafile}, {self.kafka_ssl_certfile}, "
                f"{self.kafka_ssl_keyfile}): {wrong}"
            ) from wrong
        return context

    def kafka_client_kwargs(self) -> dict[str, Any]:
        """What every aiokafka client (consumer, producer, admin) of ours is made with."""
        kwargs: dict[str, Any] = {
            "bootstrap_servers": self.kafka_bootstrap,
            "security_protocol": self.kafka_security_protocol,
            "request_timeout_ms": self.request_timeout_ms,
            "retry_backoff_ms": self.retry_backoff_ms,
        }
        context = self.ssl_context()
        if context is not None:
            kwargs["ssl_context"] = context
        if self.sasl:
            assert self.kafka_sasl_password is not None
            kwargs["sasl_mechanism"] = self.kafka_sasl_mechanism
            kwargs["sasl_plain_username"] = self.kafka_sasl_username
            kwargs["sasl_plain_password"] = self.kafka_sasl_password.get_secret_value()
        return kwargs

    def describe(self) -> dict[str, Any]:
        """All settings for ``--json`` and the log; secrets as asterisks."""
        return self.model_dump(mode="json")


@dataclass(frozen=True, slots=True)
class Variable:
    """One setting as documented."""

    name: str
    default: str
    meaning: str


OF_COMMANDS: Final = (
    Variable(
        "HOTLINE_DIR",
        "~/.local/state/hotline",
        "Data, logs and pids of `hotline up` and what belongs to it; `--dir`.",
    ),
    Variable(
        "HOTLINE_CACHE",
        "~/.cache/hotline",
        "Downloads (Kafka's jars, the peers of the benchmark); as `XDG_CACHE_HOME` says.",
    ),
    Variable(
        "HOTLINE_MAVEN_MIRROR", "", "Address of a Maven mirror to download the jars from instead."
    ),
    Variable(
        "HOTLINE_REPLICATION",
        "3",
        "Copies of each partition that `hotline topics` makes and checks; `--replication`.",
    ),
    Variable(
        "HOTLINE_MIN_INSYNC",
        "2",
        "Copies that must have a record before it counts as written (topics); `--min-insync`.",
    ),
)
"""Variables of commands (local stack, topics) that are no setting of a worker."""
_OF_TESTS: Final = frozenset({"HOTLINE_FAILPOINT", "HOTLINE_TEST_SEED", "HOTLINE_WRITE_DOCS"})


def catalog(
    kind: type[EngineSettings] = EngineSettings, prefix: str = PREFIX
) -> tuple[Variable, ...]:
    """Every environment variable of the runtime, in the order of declaration.

    Args:
        kind: of a service: then those that only it has.
        prefix: in front of their names.
    """
    common = () if kind is EngineSettings else EngineSettings.model_fields
    return tuple(
        Variable(
            prefix + name.upper(),
            "" if field.default is None else str(field.default),
            " ".join((field.description or "").split()),
        )
        for name, field in kind.model_fields.items()
        if name not in common
    )


def unknown(
    environment: Mapping[str, str], services: Iterable[str] = SERVICES
) -> dict[str, str | None]:
    """Variables named as ours that nothing reads, each with the nearest name that something does.

    A setting that is misspelt is a setting that is not made: nobody would notice a time-out.

    Args:
        services: whose own variables count, besides those that ship.
    """
    fields = {name.upper() for each in _kinds(EngineSettings) for name in each.model_fields}
    shipped = (*SERVICES, *DELIVERIES, *services)
    prefixes = {PREFIX, *(service_prefix(name) for name in shipped)}
    known = _OF_TESTS | {each.name for each in OF_COMMANDS}
    known |= {prefix + name for prefix in prefixes for name in fields}
    by_name = {each.removeprefix(PREFIX): each for each in sorted(known)}
    found: dict[str, str | None] = {}
    for variable in environment:
        name = variable.upper()
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name.removeprefix(PREFIX), by_name, n=1)
            found[variable] = by_name[near[0]] if near else None
    return found


def _kinds(kind: type[EngineSettings]) -> Iterator[type[EngineSettings]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _kinds(each)


def service_prefix(service: str) -> str:
    """What the variables of one service begin with."""
    return f"{PREFIX}{_upper(service)}_"


def _upper(service: str) -> str:
    return service.upper().replace("-", "_")
