"""Every metric of the project: name, meaning, and what to do about it. Updated per batch.

``METRICS`` is the process's; tests make a ``Metrics`` of their own. The catalogue is printed into
docs/operations/metrics.md, kept current by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import prometheus_client as prometheus
from prometheus_client.registry import CollectorRegistry

PREFIX = "hotline_"

_TASK = ("service", "partition")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric as declared. ``name`` is without the prefix; units stand last in it."""

    kind: ClassVar[str]
    name: str
    labels: tuple[str, ...] = _TASK
    meaning: str
    action: str
    """What a person does about it, or which alarm it feeds."""

    @property
    def exposed(self) -> str:
        """The name as Prometheus sees it."""
        return PREFIX + self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter(Metric):
    """Only rises; starts at 0 with the process."""

    kind = "counter"

    @property
    def exposed(self) -> str:
        return f"{PREFIX}{self.name}_total"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge(Metric):
    """A level."""

    kind = "gauge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram(Metric):
    """A distribution, by upper bounds."""

    kind = "histogram"
    buckets: tuple[float, ...]


_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)
_LATE = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)

RECORDS = Counter(
    name="records_processed",
    meaning="Input records whose effects are committed.",
    action="Throughput. None while lag is above 0: see last progress.",
)
BATCHES = Counter(
    name="batches",
    meaning="Transactions committed.",
    action="records / batches is the mean batch; near 1 under load: raise the linger.",
)
BATCH_RECORDS = Histogram(
    name="batch_records",
    labels=("service",),
    buckets=(0.0, 1.0, 5.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0),
    meaning="Records in a transaction (0: timers alone).",
    action="Always at the maximum: the worker is behind; add workers or raise the maximum.",
)
BATCH_SECONDS = Histogram(
    name="batch_seconds",
    labels=("service",),
    buckets=_FAST,
    meaning="From the first record taken to the commit's answer.",
    action="p99 above 1 s: compare with commit and decide seconds to see which part.",
)
DECIDE_SECONDS = Histogram(
    name="decide_seconds",
    labels=("service",),
    buckets=_FAST,
    meaning="In the service's own rules, per batch.",
    action="Grows with the state: a state key is too coarse.",
)
COMMIT_SECONDS = Histogram(
    name="commit_seconds",
    labels=("service",),
    buckets=_FAST,
    meaning="From sending the outputs to the commit's answer.",
    action="Grows alone: look at the brokers (disk, replication).",
)
LAG = Gauge(
    name="lag_records",
    labels=("service", "topic", "partition"),
    meaning="Records between the committed position and the end of an input partition.",
    action="Rising for 5 minutes: add workers; on one partition alone: a hot key.",
)
CLOCK = Gauge(
    name="clock_timestamp_seconds",
    meaning="The task's clock: timers up to it have fired.",
    action="Stands still: see clock lag.",
)
CLOCK_LAG = Gauge(
    name="clock_lag_seconds",
    meaning="How far the task's clock is behind the wall's. Timers are that late, none is false.",
    action="Above 15 s: see whether intake runs and which inbox partition's watermark stands.",
)
WATERMARK = Gauge(
    name="watermark_timestamp_seconds",
    labels=("inbox_partition",),
    meaning="The inbox partition is done up to this instant; the least of them drives all timers.",
    action="One stands still: intake's task of that partition.",
)
TIMERS_PENDING = Gauge(
    name="timers_pending",
    meaning="Keys that wait for an instant.",
    action="Only to size memory.",
)
TIMERS_DUE = Gauge(
    name="timers_due",
    meaning="Keys whose instant has come and that have not fired.",
    action="Not falling for a minute: a herd after downtime; else see last progress.",
)
TIMERS_FIRED = Counter(
    name="timers_fired",
    meaning="Timers whose effects are committed.",
    action="Only for rates.",
)
TIMERS_LATE = Histogram(
    name="timers_late_seconds",
    labels=("service",),
    buckets=_LATE,
    meaning="From the due instant to the commit, by the wall's clock: a batch's oldest timer.",
    action="p99 above 2 s without a fault: clock lag, then batch seconds.",
)
DEAD_LETTERS = Counter(
    name="dead_letters",
    labels=("service", "reason"),
    meaning="Records put aside with their original bytes.",
    action="Any: `hotline dead-letters list`; nothing is lost, but somebody's case may wait.",
)
QUARANTINED = Gauge(
    name="quarantined_keys",
    meaning="Tickets whose events wait, in order, behind one that a rule raised on.",
    action="Above 0: fix the rule, deploy, `hotline dead-letters redrive --ticket`.",
)
REDRIVEN = Counter(
    name="redriven_records",
    labels=("service",),
    meaning="Dead letters that were put back and taken.",
    action="Only for rates; `hotline dead-letters list --waiting` says what is left.",
)
POISON_STOP = Gauge(
    name="poison_stop",
    meaning="1: the partition stopped because too much of it went to the dead letters, or at a "
    "record that the read model raised on.",
    action="1: roll the last deploy back, or stop the publisher; then POST /control/resume.",
)
STATE_KEYS = Gauge(
    name="state_keys",
    meaning="Keys in the local store.",
    action="Only ever rising: the service does not forget; see its README for the bound.",
)
STATE_BYTES = Gauge(
    name="state_bytes",
    meaning="Bytes of keys and states in the local store.",
    action="Near the machine's memory: HOTLINE_STORE=rocksdb.",
)
RECOVERY_RECORDS = Counter(
    name="recovery_records",
    meaning="Changelog records read to recover state.",
    action="Only for rates.",
)
RECOVERY_SECONDS = Histogram(
    name="recovery_seconds",
    labels=("service",),
    buckets=(0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0),
    meaning="From the assignment of a partition to its first batch.",
    action="Above 30 s: takeover is slow; HOTLINE_STORE=rocksdb, or more partitions.",
)
RECOVERY_PROGRESS = Gauge(
    name="recovery_progress_ratio",
    meaning="Share of the changelog recovered; 1 when the task runs or is paused.",
    action="Stands below 1: see in the log why the changelog cannot be read.",
)
LAST_PROGRESS = Gauge(
    name="last_progress_timestamp_seconds",
    labels=("service",),
    meaning="When something last moved: a commit, a recovery step, a look that found no lag.",
    action="Older than HOTLINE_WATCHDOG_SECONDS with lag: the watchdog should have ended it.",
)
WAITING = Gauge(
    name="declared_wait",
    labels=("service", "reason"),
    meaning="Partitions that wait on purpose: `paused`, `poison_stop`, `unavailable` (PostgreSQL "
    "does not answer); the watchdog lets them.",
    action="Above 0 for long: somebody forgot to POST /control/resume; `unavailable`: see to the "
    "database, the partitions go on by themselves.",
)
OUTSIDE_WAIT = Gauge(
    name="outside_wait_seconds",
    meaning="How long the partition has waited for what its service needs outside Kafka "
    "(PostgreSQL); 0: it answers.",
    action="Above 15 s: see to the database; nothing is lost, all facts and timers come later.",
)
ASSIGNED = Gauge(
    name="partitions_assigned",
    labels=("service",),
    meaning="Partitions that this worker owns.",
    action="Summed over workers below the partition count: some are nobody's.",
)
REBALANCES = Counter(
    name="rebalances",
    labels=("service",),
    meaning="Assignments received.",
    action="More than a few an hour: workers miss heartbeats (CPU) or restart.",
)
FENCED = Counter(
    name="fenced",
    meaning="Tasks that found another worker on their partition and died.",
    action="Outside a rebalance: two deployments share a transactional id.",
)
ABANDONED = Counter(
    name="tasks_abandoned",
    meaning="Tasks not done in time when their partition was revoked; the successor takes over.",
    action="At each rebalance: batches take longer than half a session; see batch seconds.",
)
COMMIT_UNKNOWN = Counter(
    name="commit_outcome_unknown",
    meaning="Commits whose answer was lost, settled by the changelog's `__task__` record.",
    action="A steady rate: the network to the transaction coordinator.",
)
EFFECTS = Counter(
    name="effects",
    labels=("service", "topic"),
    meaning="Records written to a topic, committed.",
    action="Only for rates; 0 where there is input: see dead letters.",
)
INTAKE_RECEIVED = Counter(
    name="intake_received",
    labels=("source", "channel"),
    meaning="Tickets and contacts that citizens brought, by the channel they came through; "
    "`unknown` where the event does not say.",
    action="No increase on a channel in hours when people use it: the channel, or what publishes "
    "it, is cut off (R1); try it.",
)
INTAKE_DUPLICATES = Counter(
    name="intake_duplicates",
    labels=("source",),
    meaning="Events received again (same source and id) and dropped.",
    action="A steady share: the publisher repeats what was acknowledged.",
)
INTAKE_ANOMALIES = Counter(
    name="intake_anomalies",
    labels=("source", "reason"),
    meaning="Events kept although they do not fit what was known of their ticket.",
    action="Rising for one source: ask its operator; the log names the tickets.",
)
INTAKE_FORWARDED = Counter(
    name="intake_forwarded",
    labels=("inbox_partition",),
    meaning="Events in the wrong inbox partition, passed on once to the right one.",
    action="Rising: a publisher uses another partitioner than murmur2; look at its settings.",
)
INTAKE_PARKED = Counter(
    name="intake_parked",
    labels=("source", "outcome"),
    meaning="Events that came before the receipt of their ticket: parked to wait for it; released "
    "behind it; expired when it did not come in time; crowded out when too many waited.",
    action="Expired or crowded for one source: it loses receipts, or publishes from two places.",
)
INTAKE_VACANCIES = Counter(
    name="intake_vacancies",
    labels=("unit", "role"),
    meaning="Notices to a role that nobody fills in its unit; they went to the nearest unit above, "
    "or to nobody (`undeliverable`).",
    action="Name somebody in the organisation directory; see to the tickets told of meanwhile.",
)
INTAKE_UNKNOWN_UNITS = Counter(
    name="intake_unknown_units",
    labels=("source",),
    meaning="Departments that events name and the organisation directory does not know, so that no "
    "liaison is told.",
    action="Add the unit to the directory, or let the platform publish the directory's codes.",
)

SLA_FACTS = Counter(
    name="sla_facts",
    labels=("kind", "target"),
    meaning="Facts about clocks: started, warning, breached, paused, resumed, met, cancelled, "
    "recomputed, withdrawn, arbitration_required (R25, R29).",
    action="`breached` of one target jumping: a unit, or a calendar; `recomputed` and `withdrawn` "
    "rise when another policy comes into force: `hotline policy effect` says what it moved.",
)
SLA_UNDETERMINED = Counter(
    name="sla_undetermined",
    labels=("calendar",),
    meaning="Clocks without a deadline, because their calendar does not know a year.",
    action="Any: add the year to the calendar in a new version of the policy; they are then "
    "reckoned anew.",
)
SLA_LATE_RETURNS = Counter(
    name="sla_late_returns",
    labels=("unit",),
    meaning="Units that asked to return a dispatch later than the policy lets them (R29).",
    action="Rising for one unit: speak to it; the hotline may refuse such a return.",
)
SLA_DROPPED_MARKS = Counter(
    name="sla_dropped_marks",
    labels=(),
    meaning="Marks of a ticket's history that were dropped because there were too many.",
    action="Any: a platform repeats itself on one ticket; see in the log which.",
)
SLA_RESULTS = Counter(
    name="sla_results",
    labels=("within",),
    meaning="Results told to citizens (R4), by the time since the reply passed inspection or the "
    "ticket was closed: up to 1m, 10m, 1h, 4h, 1d, or later.",
    action="The share of 1m falls: publishers send approvals late, or a clock is behind.",
)

HTTP_REQUESTS = Counter(
    name="http_requests",
    labels=("route", "method", "status"),
    meaning="Requests answered over HTTP; status 499: the client left before the answer.",
    action="5xx other than 503: a defect, see `request.failed` in the log.",
)
HTTP_SECONDS = Histogram(
    name="http_request_seconds",
    labels=("route",),
    buckets=_FAST,
    meaning="From a request's head to its answer, the time its body took to arrive included.",
    action="p99 of the entrance above 250 ms: the log waits for Kafka, or the loop is full.",
)
HTTP_IN_FLIGHT = Gauge(
    name="http_requests_in_flight",
    labels=(),
    meaning="Requests in work.",
    action="Near HOTLINE_HTTP_MAX_REQUESTS: clients will be answered 503; add a process.",
)
ENTRANCE_EVENTS = Counter(
    name="entrance_events",
    labels=("caller", "status"),
    meaning="Events that came by HTTP, by token and by the status that each was answered with.",
    action="4xx rising for one token: its operator reads the reasons in the answers.",
)
ENTRANCE_IN_FLIGHT = Gauge(
    name="entrance_events_in_flight",
    labels=(),
    meaning="Events taken by HTTP and not yet acknowledged by Kafka.",
    action="Near HOTLINE_HTTP_MAX_EVENTS: Kafka or PostgreSQL is slow; publishers get 503.",
)

CALLBACK_FACTS = Counter(
    name="callback_facts",
    labels=("kind",),
    meaning="Facts of callback tasks: scheduled, due, attempted, rescheduled, cancelled, answered, "
    "uncontacted, recheck, waived (R33-R36).",
    action="No `due` in calling hours although tickets were closed a week before: see clock lag.",
)
CALLBACK_TRIES = Counter(
    name="callback_tries",
    labels=("channel", "hour", "outcome"),
    meaning="Tries to ask a citizen after a close, by the local hour, and what came of them (R37).",
    action="Fewer `answered` at an hour than at others: move people, or the slots of the policy.",
)
CALLBACK_ENDED = Counter(
    name="callback_ended",
    labels=("department", "branch", "result"),
    meaning="Tasks that ended, by the unit asked about and the first branch of the leaf: "
    "`answered`, `uncontacted`, or `nobody_tried` where no try was reported, which says nothing of "
    "the citizen (R37); `other` for what the directory or the tree does not know.",
    action="The share of `uncontacted` above the others' for one unit: its numbers of citizens, or "
    "its hours; by handler and leaf see hotline.callbacks.",
)
CALLBACK_NOT_TRIED = Counter(
    name="callback_not_tried",
    labels=("slot",),
    meaning="Slots that passed although a callback was due in them and nobody tried.",
    action="Any rate: the dialler stands still, or too few people call back.",
)
CALLBACK_STRAY_ANSWERS = Counter(
    name="callback_stray_answers",
    labels=("source",),
    meaning="Answers to callbacks that belong to no task in force: of an earlier close, or of an "
    "open ticket.",
    action="Rising for one source: it asks from a list of its own instead of hotline.callbacks.",
)
CALLBACK_CALENDAR_UNKNOWN = Counter(
    name="callback_calendar_unknown",
    labels=("calendar",),
    meaning="Callbacks that became due on days that the calendar of calling hours does not know; "
    "its hours were kept, days off were not.",
    action="Any: add the year to the calendar in a new version of the policy.",
)

TICKETS_WITHOUT_OWNER = Gauge(
    name="tickets_without_owner",
    labels=("step",),
    meaning="Open steps of tickets that nobody answers for (R5); each read model worker sees all.",
    action="Above 0: the dispatch names no unit, or the hotline's own step no person; see the "
    "look-up of the ticket, and have the platform send it.",
)
READMODEL_UNREADABLE = Counter(
    name="readmodel_unreadable",
    labels=("topic", "reason"),
    meaning="Records of the log or of facts that gave no row.",
    action="Any: select from readmodel.unreadable; correct the reader, then rebuild.",
)

CATALOG: tuple[Metric, ...] = tuple(
    declared for declared in list(globals().values()) if isinstance(declared, Metric)
)
"""All of the above, in order."""

_Collector = prometheus.Counter | prometheus.Gauge | prometheus.Histogram
_Labelled = str | int


class Metrics:
    """The declared metrics on one registry.

    Labels are given by name and must be those declared: ``metrics.add(RECORDS, 970,
    service="dedup", partition=3)``. Raises ``ValueError`` naming them otherwise.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        self._collectors: dict[str, _Collector] = {}
        for metric in CATALOG:
            name, labels = PREFIX + metric.name, metric.labels
            collector: _Collector
            if isinstance(metric, Histogram):
                collector = prometheus.Histogram(
                    name, metric.meaning, labels, buckets=metric.buckets, registry=self.registry
                )
            elif isinstance(metric, Counter):
                collector = prometheus.Counter(name, metric.meaning, labels, registry=self.registry)
            else:
                collector = prometheus.Gauge(name, metric.meaning, labels, registry=self.registry)
            self._collectors[metric.name] = collector

    def add(self, metric: Counter, amount: float = 1, **labels: _Labelled) -> None:
        """Raises a counter."""
        child = self._child(metric, labels)
        assert isinstance(child, prometheus.Counter)
        child.inc(amount)

    def set(self, metric: Gauge, level: float, **labels: _Labelled) -> None:
        """Sets a gauge."""
        child = self._child(metric, labels)
        assert isinstance(child, prometheus.Gauge)
        child.set(level)

    def observe(self, metric: Histogram, amount: float, **labels: _Labelled) -> None:
        """Adds to a distribution."""
        child = self._child(metric, labels)
        assert isinstance(child, prometheus.Histogram)
        child.observe(amount)

    def read(self, metric: Metric, **labels: _Labelled) -> float:
        """The current level or count (of a histogram: of observations); 0 if never touched."""
        name = metric.exposed + ("_count" if isinstance(metric, Histogram) else "")
        given = {label: str(value) for label, value in labels.items()}
        return self.registry.get_sample_value(name, given) or 0.0

    def forget(self, **labels: _Labelled) -> None:
        """Drops the gauges that have these labels, when a partition goes to another worker.

        A level that nobody keeps up would be a lie; counters stay.
        """
        given = {label: str(value) for label, value in labels.items()}
        for metric in CATALOG:
            if isinstance(metric, Gauge) and given.keys() <= set(metric.labels):
                self._collectors[metric.name].remove_by_labels(given)

    def exposition(self) -> tuple[bytes, str]:
        """The page that Prometheus scrapes, and its content type."""
        return prometheus.generate_latest(self.registry), prometheus.CONTENT_TYPE_LATEST

    @staticmethod
    def catalog() -> tuple[Metric, ...]:
        """Every metric there is."""
        return CATALOG

    def _child(self, metric: Metric, labels: Mapping[str, _Labelled]) -> _Collector:
        if labels.keys() != set(metric.labels):
            raise ValueError(
                f"metric {metric.name!r} has labels {metric.labels}, given {tuple(labels)}"
            )
        collector = self._collectors[metric.name]
        return collector.labels(**labels) if labels else collector


def _of_the_process() -> Metrics:
    metrics = Metrics()
    prometheus.ProcessCollector(registry=metrics.registry)
    prometheus.PlatformCollector(registry=metrics.registry)
    prometheus.GCCollector(registry=metrics.registry)
    return metrics


# A creation time beside each counter would double the page, and nothing reads it.
prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]

METRICS = _of_the_process()
"""This process's, memory and CPU included."""
