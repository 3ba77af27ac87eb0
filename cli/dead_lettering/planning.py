"""What of the letters to put back, and in which order."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from schemas.dead_letter import DeadLetter, LetterId

WAITING_REASONS = frozenset({"rule_raised", "timer_raised", "blocked", "cannot_open"})
"""Of letters that hold a ticket's place in order; the others were refused, and nothing waits."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A letter where it lies."""

    id: LetterId
    letter: DeadLetter
    at_ms: int
    """When it was written, by its record."""

    @property
    def block(self) -> str:
        """Names the block it belongs to, by the record that began it."""
        return self.letter.blocked_by or self.letter.position

    @property
    def waits(self) -> bool:
        """Whether it holds a place in the order of its subject."""
        return self.letter.subject is not None and self.letter.reason in WAITING_REASONS


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass of a redrive: letters of one subject, in order, then the end marker."""

    subject: str
    partition: int
    letters: tuple[Filed, ...]
    put_back: int
    """Letters of this block that were put back before and with this pass."""
    begins: bool
    """Whether the letter that began the block is still there (it may have expired)."""


def blockers(filed: Iterable[Filed], subject: str) -> tuple[str, ...]:
    """The subject and, before it, the timers that its letters wait behind."""
    filed = list(filed)
    behind = {one.block for one in filed if one.waits and one.letter.subject == subject}
    timers = {
        one.letter.subject: None
        for one in filed
        if one.letter.kind == "timer" and one.letter.position in behind and one.letter.subject
    }
    return (*timers, subject)


def passes(filed: Iterable[Filed], back: Collection[LetterId], subject: str) -> tuple[Pass, ...]:
    """What of a subject has not been put back, one pass a partition, in the original order.

    A letter that failed again has the place of its first letter: what came in meanwhile follows.
    """
    partitions: dict[int, list[Filed]] = {}
    for one in sorted(filed, key=lambda one: one.id):
        if one.waits and one.letter.subject == subject:
            partitions.setdefault(one.letter.partition, []).append(one)
    found = []
    for partition, letters in sorted(partitions.items()):
        pending = [one for one in letters if one.id not in back]
        if not pending:
            continue
        first: dict[str, LetterId] = {}
        for one in letters:
            first.setdefault(one.letter.position, one.id)
        pending.sort(key=lambda one: first[one.letter.position])
        block = _block(letters, pending)
        began = block[0].letter
        found.append(
            Pass(
                subject=subject,
                partition=partition,
                letters=tuple(pending),
                put_back=len(block),
                begins=began.blocked_by is None
                or (began.attempt == 1 and began.blocked_by.startswith("timer-")),
            )
        )
    return tuple(found)


def _block(letters: Sequence[Filed], pending: Sequence[Filed]) -> list[Filed]:
    """The letters that the engine has counted since the block of the pending ones began.

    Names of blocks are not enough: what failed again may wait behind a timer now. So: all that
    shares a name or an original with a pending letter, from the last beginning on.
    """
    begun = max((n for n, one in enumerate(letters) if one.letter.blocked_by is None), default=0)
    since = list(letters[begun:])
    known = {name for one in pending for name in (one.block, one.letter.position)}
    while True:
        linked = [one for one in since if one.block in known or one.letter.position in known]
        names = {name for one in linked for name in (one.block, one.letter.position)}
        if names <= known:
            return linked or list(pending)
        known |= names
