"""What must hold of a run. Only the logs are asked, and in the end the store; never the task."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from runtime.core import BLOCKED, SYSTEM, TASK_KEY, TIMER_SUBJECT, AnyPartition, to_ms
from runtime.engine.task import TaskRecord
from runtime.stores.codec import wake_ms
from schemas.dead_letter import DeadLetter
from schemas.topics import DEAD_LETTERS, changelog
from tests.kit.fold import Event, Ticket, fold
from tests.kit.reminders import ALARMS_IN, ALARMS_OUT, Reminders, Told
from tests.kit.sealing import SEALER
from tests.simulation.broker import Txn
from tests.simulation.history import Plan
from tests.simulation.world import INPUTS, Broken, World

CHANGELOG: Final = changelog(Reminders.name).name
FINAL_REASONS: Final = {"no_value", "invalid", "duplicate"}
"""Of letters that end an input; the others wait to be put back."""


def holds(condition: object, text: str) -> None:
    if not condition:
        raise Broken(text)


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a ticket, in the order of the commits."""

    txn: int
    clock_ms: int
    kind: str
    """seen, rang, letter, timer."""
    id: str = ""
    seen: int = 0
    at_ms: int = 0
    number: int = -1
    """Of the input, of a letter."""
    reason: str = ""
    detail: str = ""
    attempt: int = 1


@dataclass
class Book:
    """What a run has left."""

    steps: dict[str, list[Step]] = field(default_factory=lambda: defaultdict(list))
    by_input: dict[int, list[Step]] = field(default_factory=lambda: defaultdict(list))
    effects: set[str] = field(default_factory=set)
    records: list[TaskRecord] = field(default_factory=list)


class Watch:
    """Looks at each commit of the task at the moment when it is decided."""

    def __init__(self) -> None:
        self.last: TaskRecord | None = None
        self.broken: Broken | None = None
        """The first; what is seen in a callback of the loop would else only be logged."""

    def __call__(self, txn: Txn) -> None:
        try:
            self._look(txn)
        except Broken as broken:
            self.broken = self.broken or broken

    def _look(self, txn: Txn) -> None:
        raw = [e.value for e in txn.entries if e.topic == CHANGELOG and e.key == b"__task__"]
        if not raw:
            return
        holds(len(raw) == 1, f"{len(raw)} task records in a transaction")
        record = msgspec.json.decode(raw[0] or b"", type=TaskRecord)
        last, self.last = self.last, record
        if last is None:
            holds(record.batch == 1, f"the first batch has number {record.batch}")
            return
        holds(record.batch == last.batch + 1, f"I2: batch {record.batch} after {last.batch}")
        holds(record.clock_ms >= last.clock_ms, f"I7: the clock went back: {last} {record}")
        for topic, offset in last.positions.items():
            holds(record.positions[topic] >= offset, f"I2: {topic} went back: {last} {record}")


def check(world: World, part: AnyPartition) -> None:
    """All invariants, once the run is over. Raises ``Broken``."""
    book = _read(world)
    plan = world.plan
    _each_input_ends_once(plan, book, fixed=world.fixed)
    last = {ticket: _walk(world, book, ticket) for ticket in _tickets(plan)}
    _state_is_the_fold(world, part, last)
    _changelog_is_the_store(world, part)
    _offsets_are_the_task_records(world, book)


def _tickets(plan: Plan) -> list[str]:
    return sorted({each.event.ticket for each in plan.inputs if each.event is not None})


def _read(world: World) -> Book:
    book = Book()
    for txn in world.broker.history:
        clock_ms = 0
        for entry in txn.entries:
            if entry.topic == CHANGELOG and entry.key == TASK_KEY.encode():
                record = msgspec.json.decode(entry.value or b"", type=TaskRecord)
                book.records.append(record)
                clock_ms = record.clock_ms
        for entry in txn.entries:
            if entry.topic == ALARMS_OUT.name:
                told = Told.model_validate_json(entry.value or b"")
                holds(told.id not in book.effects, f"I2: effect {told.id} twice: {told}")
                book.effects.add(told.id)
                kind = told.type.split(".")[2]
                at_ms = to_ms(told.time)
                cause = told.causationid or ""
                holds(entry.timestamp_ms == at_ms, f"timestamp of {told}")
                step = Step(txn.number, clock_ms, kind, cause, told.data["seen"], at_ms)
                book.steps[told.subject].append(step)
            elif entry.topic == DEAD_LETTERS.name:
                letter = DeadLetter.from_record(entry.value, entry.headers).opened(SEALER)
                _file(world, book, letter, txn.number, clock_ms)
    return book


def _file(world: World, book: Book, letter: DeadLetter, txn: int, clock_ms: int) -> None:
    if letter.kind == "timer":
        ticket = (letter.subject or "").removeprefix(TIMER_SUBJECT)
        holds(letter.key == ticket.encode(), f"key of {letter}")
        step = Step(txn, clock_ms, "timer", at_ms=letter.timestamp_ms, reason=letter.reason)
        book.steps[ticket].append(step)
        return
    holds(letter.topic == ALARMS_IN.name, f"I10: a letter of {letter.topic}: {letter}")
    holds(letter.offset in world.where, f"I10: a letter of nothing: {letter}")
    given = world.plan.inputs[world.where[letter.offset]]
    same = (letter.key, letter.value, letter.timestamp_ms) == (given.key, given.value, given.at_ms)
    holds(same, f"I10: not the original bytes: {letter}")
    step = Step(
        txn,
        clock_ms,
        "letter",
        number=given.number,
        reason=letter.reason,
        detail=letter.detail,
        attempt=letter.attempt,
    )
    book.by_input[given.number].append(step)
    if given.event is not None:
        holds(letter.subject == given.event.ticket, f"subject of {letter}")
        book.steps[given.event.ticket].append(step)


def _each_input_ends_once(plan: Plan, book: Book, *, fixed: bool) -> None:
    """I1, I10."""
    seen: dict[str, int] = defaultdict(int)
    for steps in book.steps.values():
        for step in steps:
            if step.kind == "seen":
                seen[step.id] += 1
    for given in plan.inputs:
        letters = book.by_input.get(given.number, [])
        attempts = [step.attempt for step in letters]
        holds(attempts == list(range(1, len(attempts) + 1)), f"I10: letters of {given}: {letters}")
        ended = [step for step in letters if step.reason in FINAL_REASONS]
        if given.event is not None and not given.duplicate:
            ends = seen[given.event.id]
            holds(not ended, f"I1: {given} was refused: {ended}")
        else:
            ends = len(ended)
        waits = bool(letters) and not fixed and not ends
        holds(ends == 1 or waits, f"I1: {given} ended {ends} times; letters: {letters}")
        for step in letters:
            if step.reason == "rule_raised":
                why = step.detail.split(":")[0]
                data: Any = given.event.data if given.event is not None else {}
                cause = {"ZeroDivisionError": "boom", "StateTooLarge": "pad"}.get(why)
                known = cause is not None and (cause == "pad" or data.get(cause))
                holds(known, f"I10: {given} failed by {step.detail}")


def _walk(world: World, book: Book, name: str) -> Ticket:
    """I3, I7: what happened to a ticket is what its events and alarms say, in that order."""
    plan, steps = world.plan, book.steps.get(name, [])
    mine = [each for each in plan.inputs if each.event is not None and each.event.ticket == name]
    todo = [each for each in mine if not each.duplicate]
    lettered: dict[int, int] = {}
    for step in steps:
        if step.kind == "letter":
            lettered.setdefault(step.number, step.txn)
    ticket = Ticket()
    for index, step in enumerate(steps):
        if step.kind == "letter":
            continue
        if step.kind == "timer":
            holds(ticket.due_ms == step.at_ms, f"{name}: a timer {step} for {ticket}")
            holds(ticket.boom_at_wake, f"{name}: {step} of {ticket}, which does not raise")
        elif step.kind == "seen":
            given = todo.pop(0) if todo else None
            event = None if given is None else given.event
            expected = None if event is None else event.id
            holds(event is not None and step.id == expected, f"I3: {name}: {step}, not {expected}")
            assert event is not None
            holds(step.at_ms == event.at_ms, f"{name}: instant of {step}")
            passed = ticket.due_ms is not None and ticket.due_ms < event.at_ms
            holds(not passed, f"I7: {name}: {step} before the alarm of {ticket}")
            ticket = ticket.after(event)
            holds(step.seen == ticket.seen, f"I3: {name}: {step}, not {ticket}")
        else:
            holds(ticket.due_ms == step.at_ms, f"I7: {name}: {step} of {ticket}")
            holds(step.seen == ticket.seen, f"I7: {name}: {step} at {ticket}")
            for each in todo:
                if each.at_ms <= step.at_ms:
                    waited = lettered.get(each.number, step.txn + 1) <= step.txn
                    holds(waited, f"I7: {name}: {step} came before {each}")
            by_clock = step.at_ms < step.clock_ms
            later = [other for other in steps[index + 1 :] if other.txn == step.txn]
            by_record = any(_recorded(plan, mine, other) > step.at_ms for other in later)
            # One that raised had come due then, and rings when it is put back.
            again = any(each.kind == "timer" and each.at_ms == step.at_ms for each in steps[:index])
            holds(by_clock or by_record or again, f"I7: {name}: early: {step}")
            ticket = ticket.rung()
    if ticket.due_ms is not None and ticket.due_ms < world.final_ms:
        held = any(step.kind == "timer" for step in steps)
        holds(held and not world.fixed, f"I7: {name}: the alarm of {ticket} never rang")
    if not any(step.kind in ("letter", "timer") for step in steps):
        _is_the_fold(world, name, [each.event for each in todo_all(mine)], steps, ticket)
    return ticket


def todo_all(mine: Sequence[Any]) -> Iterator[Any]:
    """All but the repeated ones."""
    return (each for each in mine if not each.duplicate)


def _recorded(plan: Plan, mine: Sequence[Any], step: Step) -> int:
    if step.kind == "seen":
        return step.at_ms
    if step.kind == "letter":
        return plan.inputs[step.number].at_ms
    return 0


def _is_the_fold(
    world: World, name: str, events: list[Event], steps: Sequence[Step], last: Ticket
) -> None:
    """I5 for a ticket that nothing went wrong with: exactly the plain fold."""
    folded = fold(events, world.final_ms)
    facts = [
        (step.kind, step.id if step.kind == "seen" else "", step.at_ms, step.seen) for step in steps
    ]
    holds(facts == folded.facts, f"I5: {name}: {facts}, not {folded.facts}")
    holds(last == folded.ticket, f"I5: {name}: {last}, not {folded.ticket}")


def _state_is_the_fold(world: World, part: AnyPartition, last: dict[str, Ticket]) -> None:
    """I5: what is kept is what the walk came to."""
    found = {}
    for key in list(part.keys()):
        state: Any = part.load(key)
        raw = part.store.get(key) if part.store is not None else None
        assert raw is not None
        decoded = part.codec.decode(raw, upgrade=part.processor.upgrade)
        holds(state == decoded, f"I6: {key}: cached {state}, stored {decoded}")
        found[key] = (
            state.seen,
            state.last,
            wake_ms(state.wake_at),
            state.urgency,
            len(state.pad),
            state.boom_at_wake,
        )
    wanted = {
        key: (each.seen, each.last, each.due_ms, each.urgency, each.pad, each.boom_at_wake)
        for key, each in last.items()
        if each.seen
    }
    holds(found == wanted, f"I5: states {found}, not {wanted}")
    if world.fixed:
        holds(not part.blocked, f"I10: still blocked: {part.blocked}")


def _changelog_is_the_store(world: World, part: AnyPartition) -> None:
    """I6: the store is the compaction of the changelog, and so are the indexes."""
    compacted: dict[str, bytes] = {}
    for entry in world.broker.log(CHANGELOG).committed():
        key = (entry.key or b"").decode()
        if entry.value is None:
            compacted.pop(key, None)
        else:
            compacted[key] = entry.value
    assert part.store is not None
    stored = dict(part.store.items())
    holds(stored == compacted, f"I6: store {stored}, changelog {compacted}")
    wakes = {
        key: due_ms
        for key, raw in compacted.items()
        if not key.startswith(SYSTEM) and (due_ms := part.codec.peek_wake(raw)) is not None
    }
    holds(part.wake_ms == wakes, f"I6: timers {part.wake_ms}, changelog {wakes}")
    blocked = {key.removeprefix(BLOCKED) for key in compacted if key.startswith(BLOCKED)}
    holds(set(part.blocked) == blocked, f"I6: blocked {part.blocked}, changelog {blocked}")


def _offsets_are_the_task_records(world: World, book: Book) -> None:
    """I4, in the end."""
    holds(book.records, "nothing was committed")
    positions, committed = book.records[-1].positions, world.broker.offsets
    for topic in INPUTS:
        holds(
            positions[topic.name] == committed.get(topic.name),
            f"I4: {topic.name}: task record {positions}, committed {committed}",
        )
