"""What a rebalance in the middle of a poll leaves: no record may be missing afterwards (I1)."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from runtime.engine.service import Engine
from runtime.engine.task import Task, TaskState
from tests.kit.reminders import ALARMS_IN
from tests.unit.runtime.test_engine_watchdog import a_task, an_engine

TP = TopicPartition(ALARMS_IN.name, 0)


class Rebalancing:
    """A consumer that is rebalanced while it is asked: what it returns was read by the new task's
    position, and its own position has moved on."""

    def __init__(self, engine: Engine, successor: Task | None) -> None:
        self.engine = engine
        self.successor = successor
        self.position_after = 8

    async def getmany(self, *_: TopicPartition, **__: Any) -> dict[TopicPartition, list[Any]]:
        self.engine._generation += 1
        self.engine.tasks = {} if self.successor is None else {0: self.successor}
        self.engine._stopped.set()  # one round is enough
        record = ConsumerRecord(TP.topic, 0, 7, 0, 0, b"k", b"v", None, 1, 1, ())
        return {TP: [record]}

    def assignment(self) -> set[TopicPartition]:
        return {TP} if self.successor is not None else set()

    def seek(self, tp: TopicPartition, offset: int) -> None:
        assert tp == TP
        self.position_after = offset


def successor(state: TaskState) -> Task:
    task = a_task()
    task.state = state
    task._expected = {ALARMS_IN.name: 7}
    return task


@pytest.mark.parametrize(
    ("after", "position"),
    [
        (successor(TaskState.RUNNING), 7),
        (successor(TaskState.RECOVERING), 8),  # it will seek itself
        (None, 8),
    ],
    ids=["reads already", "still recovers", "elsewhere"],
)
async def test_what_was_read_for_the_task_before_is_read_again(
    after: Task | None, position: int
) -> None:
    engine = an_engine()
    before = a_task()
    engine.tasks = {0: before}
    consumer = Rebalancing(engine, after)
    engine._consumer = consumer
    await Engine._poll.fun(engine)
    assert (consumer.position_after, before.buffered) == (position, 0)
