"""Every error that stops a worker or a command, each with a stable slug and a line for a person."""


class HotlineError(Exception):
    """Base. ``slug`` is stable (alerts and tests match it); the text names field and value."""

    def __init__(self, slug: str, text: str) -> None:
        super().__init__(f"{slug}: {text}")
        self.slug = slug
        self.text = text


class SettingsInvalid(HotlineError):
    """Settings that contradict each other or name what is not there.

    Operator action: correct the named variable (docs/operations/settings.md) and start again.
    """

    def __init__(self, text: str) -> None:
        super().__init__("settings_invalid", text)


class BrokerUnreachable(HotlineError):
    """No broker answered when a worker started; one that runs waits through an outage instead.

    Operator action: start the broker, or correct HOTLINE_KAFKA_BOOTSTRAP (and, where the listener
    asks for it, HOTLINE_KAFKA_SECURITY_PROTOCOL and the login).
    """

    def __init__(self, bootstrap: str, detail: str) -> None:
        super().__init__(
            "broker_unreachable",
            f"no answer from HOTLINE_KAFKA_BOOTSTRAP={bootstrap!r}: {detail}; "
            "start the broker, or correct the variable",
        )


class TopicMissing(HotlineError):
    """A topic that a worker needs does not exist; workers never create topics.

    Operator action: run ``hotline topics create``, with the same topic prefix as the worker.
    """

    def __init__(self, topic: str) -> None:
        super().__init__(
            "topic_missing", f"topic {topic!r} does not exist; run `hotline topics create`"
        )
        self.topic = topic


class WrongPartitionCount(HotlineError):
    """A topic has another number of partitions than declared, so keys would land elsewhere.

    Operator action: set HOTLINE_PARTITIONS to what the cluster has; to change the number itself,
    migrate to new topics by replay. Never add partitions to a topic in place.
    """

    def __init__(self, topic: str, *, found: int, expected: int) -> None:
        super().__init__(
            "wrong_partition_count",
            f"topic {topic!r} has {found} partitions, {expected} expected; "
            "set HOTLINE_PARTITIONS to match, or migrate by replay",
        )
        self.topic, self.found, self.expected = topic, found, expected


class NotCoPartitioned(HotlineError):
    """An assignment gave a worker partition p of one input and not of the others.

    Operator action: members of the group subscribe to different topics (two versions at once):
    stop all workers of the service, then start one version.
    """

    def __init__(self, service: str, detail: str) -> None:
        super().__init__("not_co_partitioned", f"inputs of {service!r} are split: {detail}")


class StateTooLarge(HotlineError):
    """The state of one key outgrew HOTLINE_MAX_STATE_BYTES.

    Operator action: look at the key (`hotline explain`); a finer state key is a change of the
    service. Raising the limit helps only below the broker's ``message.max.bytes``.
    """

    def __init__(self, key: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            "state_too_large",
            f"the state of key {key!r} has {size_bytes} bytes, the limit is {limit_bytes}",
        )
        self.key, self.bytes, self.limit = key, size_bytes, limit_bytes


class StateMismatch(HotlineError):
    """The changelog's ``__task__`` record disagrees with the group's committed offsets.

    Operator action: somebody reset the group's offsets, or the changelog lost records. Do not
    start again before it is known which: reset both (a replay from the log rebuilds the state), or
    restore the offsets that the message names.
    """

    def __init__(
        self, service: str, partition: int, *, recorded: object, committed: object
    ) -> None:
        super().__init__(
            "state_mismatch",
            f"{service} partition {partition}: the changelog says the state reflects {recorded}, "
            f"the group has committed {committed}",
        )


class FencedOut(HotlineError):
    """Another worker took the partition over; this task is dead and must write nothing more.

    Operator action: none if it happens at a rebalance. If it repeats, two deployments share a
    transactional id (HOTLINE_GROUP_PREFIX, HOTLINE_TOPIC_PREFIX), or this machine stalls for longer
    than the session time-out.
    """

    def __init__(self, service: str, partition: int) -> None:
        super().__init__("fenced_out", f"{service} partition {partition} belongs to another worker")


class Stalled(HotlineError):
    """There is lag and nothing moved for HOTLINE_WATCHDOG_SECONDS: the process gives up.

    Operator action: none, the supervisor restarts it. If it repeats, look at the broker's health
    and at ``hotline_last_progress_timestamp_seconds``.
    """

    def __init__(self, service: str, detail: str) -> None:
        super().__init__("stalled", f"{service}: no progress: {detail}")


class CommitUnknown(HotlineError):
    """The outcome of a commit could not be settled, even by asking the changelog.

    Operator action: none, a restart settles it (InitProducerId). If it repeats, the transaction
    coordinator is not reachable.
    """

    def __init__(self, service: str, partition: int, detail: str) -> None:
        super().__init__("commit_unknown", f"{service} partition {partition}: {detail}")


class StoreCorrupt(HotlineError):
    """The local store cannot be read. It is marked, and rebuilt from the changelog at next start.

    Operator action: none for the data. If it repeats on one machine, check its disk.
    """

    def __init__(self, path: str, detail: str) -> None:
        super().__init__("store_corrupt", f"local store {path!r}: {detail}")


class StoreAhead(HotlineError):
    """The local store reflects more of the changelog than there is: the topic was made anew.

    Operator action: if that was meant, delete the service's folder in HOTLINE_DATA_DIR, or start
    with HOTLINE_STORE=memory; else find out who deleted the changelog before anything is started.
    """

    def __init__(self, topic: str, partition: int, *, start: int, end: int) -> None:
        super().__init__(
            "store_ahead",
            f"the local store is at {start} of {topic} partition {partition}, which ends at {end}",
        )


class StoreInUse(HotlineError):
    """Another process, or a task that is still closing, holds the local store.

    Operator action: two workers share HOTLINE_DATA_DIR: give each its own.
    """

    def __init__(self, path: str) -> None:
        super().__init__("store_in_use", f"local store {path!r} is open elsewhere")


class CannotOpen(HotlineError):
    """Sealed bytes cannot be opened with the keys at hand.

    Operator action: give this process the key ring of the deployment (HOTLINE_KEY_FILE or
    HOTLINE_KEYS), with every version that ever wrote: `hotline keys list` on both sides.
    """

    def __init__(self, version: int, detail: str) -> None:
        super().__init__("cannot_open", f"sealed with key version {version}: {detail}")


class StateUnreadable(HotlineError):
    """A state in the changelog does not fit the service's state type, even after ``upgrade``.

    Operator action: a newer version wrote it, or ``state_version`` was not raised with a change of
    layout. Run the version that wrote it, or deploy one whose ``upgrade`` knows that layout.
    """

    def __init__(self, version: int, current: int, detail: str) -> None:
        super().__init__(
            "state_unreadable",
            f"state of version {version}, this program reads {current}: {detail}",
        )
        self.version, self.current = version, current


class PositionAhead(HotlineError):
    """The database was filled further than the topic goes: the topic was made anew.

    Operator action: if that was meant, ``hotline readmodel rebuild``; else find out who deleted the
    topic before anything is started.
    """

    def __init__(
        self, service: str, topic: str, partition: int, *, position: int, end: int
    ) -> None:
        super().__init__(
            "position_ahead",
            f"{service} has written {topic} partition {partition} up to {position}, which ends at "
            f"{end}",
        )
