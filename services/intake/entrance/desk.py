"""What happens to a request: counted, judged, claimed, published, answered, in that order (R1).

Nothing is answered 202 before Kafka has it. An event that was claimed and not published (a crash,
an outage) is published when it is sent again; one that was published twice, intake drops.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final, Protocol

from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from policy.bundle import Bundle
from runtime import log
from runtime.engine.ports import Unavailable
from runtime.http.problems import Problem, busy
from runtime.http.tokens import Principal
from runtime.metrics import ENTRANCE_EVENTS, ENTRANCE_IN_FLIGHT, METRICS, Metrics
from services.intake.entrance.body import Body
from services.intake.entrance.judging import Admitted, Answer, judge, reused
from services.intake.entrance.settings import EntranceSettings
from services.intake.seen import Claim, Published

TRY_AGAIN_S: Final = 2
"""What publishers are told when Kafka or PostgreSQL is down: about as long as reopening takes."""
YIELD_EVERY: Final = 20
"""Events judged (about 2 ms) before other requests get their turn."""


class Inbox(Protocol):
    """Where events go."""

    async def publish(self, events: Sequence[Admitted]) -> None:
        """Returns when all are acknowledged. Raises ``Unavailable``."""


class Claims(Protocol):
    """As ``services.intake.seen.SeenEvents``."""

    async def claim(self, events: Sequence[Published]) -> Sequence[Claim]:
        """For what the id of each event stands. Raises ``Unavailable``."""


class Desk:
    """Takes requests of one process."""

    def __init__(
        self,
        settings: EntranceSettings,
        *,
        policy: Bundle,
        inbox: Inbox,
        seen: Claims,
        metrics: Metrics = METRICS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._policy = policy
        self._inbox = inbox
        self._seen = seen
        self._metrics = metrics
        self._clock = clock
        self._events = 0
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._limit = RateLimitItemPerSecond(settings.rate_events, settings.rate_seconds)

    async def take(self, body: Body, caller: Principal) -> list[Answer]:
        """An answer to each event of a request, in its order.

        Raises:
            Problem: 429 or 503; then nothing is acknowledged, and the whole is to be sent again.
        """
        await self._charge(caller, len(body.events))
        with self._in_work(len(body.events)):
            judged = await self._judge(body, caller)
            answers = await self._settle(judged)
        for status, count in Counter(answer.status for answer in answers).items():
            self._metrics.add(ENTRANCE_EVENTS, count, caller=caller.name, status=str(status))
        return answers

    async def _charge(self, caller: Principal, events: int) -> None:
        """By sources, not by token: two tokens of one publisher share its limit."""
        cost = max(1, events)
        sources = "\n".join(sorted(caller.sources))
        if await self._limiter.hit(self._limit, sources, cost=cost):
            return
        window = await self._limiter.get_window_stats(self._limit, sources)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        raise Problem(
            429,
            "too_many_events",
            f"more than {self._settings.rate_events} events in {self._settings.rate_seconds} s:"
            f" send again in {seconds} s",
            headers={"Retry-After": str(seconds)},
        )

    @contextmanager
    def _in_work(self, events: int) -> Iterator[None]:
        if self._events + events > self._settings.max_events:
            raise busy("too_many_events_in_work", "too much is in work: send again", seconds=1)
        self._count(events)
        try:
            yield
        finally:
            self._count(-events)

    def _count(self, events: int) -> None:
        self._events += events
        self._metrics.set(ENTRANCE_IN_FLIGHT, self._events)

    async def _judge(self, body: Body, caller: Principal) -> list[Admitted | Answer]:
        now = self._clock()
        policy = self._policy.at(now)
        most = self._settings.max_record_bytes
        judged = []
        for number, carried in enumerate(body.events, start=1):
            judged.append(judge(carried, caller, now, policy, max_event_bytes=most))
            if number % YIELD_EVERY == 0:
                await asyncio.sleep(0)
        return judged

    async def _settle(self, judged: Sequence[Admitted | Answer]) -> list[Answer]:
        """Claim the ids, publish what may pass, and say so of each."""
        admitted = [each for each in judged if isinstance(each, Admitted)]
        claims = iter(await self._written(admitted))
        return [
            each if isinstance(each, Answer) else _answer(each.event, next(claims))
            for each in judged
        ]

    async def _written(self, admitted: Sequence[Admitted]) -> Sequence[Claim]:
        """For what each id stands; what does not contradict that is in Kafka now."""
        if not admitted:
            return ()
        try:
            async with asyncio.timeout(self._settings.answer_seconds):
                claims = await self._seen.claim([each.event for each in admitted])
                await self._inbox.publish(_to_publish(admitted, claims))
        except (Unavailable, TimeoutError) as error:
            log.get("hotline.entrance").warning("entrance.unavailable", error=repr(error))
            raise busy(
                "unavailable",
                "Kafka or PostgreSQL does not answer now; nothing of this request is acknowledged:"
                " send all of it again",
                seconds=TRY_AGAIN_S,
            ) from error
        return claims


def _to_publish(admitted: Sequence[Admitted], claims: Sequence[Claim]) -> Sequence[Admitted]:
    """What was claimed before is published again: whether Kafka got it then, nobody knows."""
    once: dict[bytes, Admitted] = {}
    for each, claim in zip(admitted, claims, strict=True):
        if not claim.reused_by(each.event):
            once.setdefault(each.event.identity, each)
    return list(once.values())


def _answer(event: Published, claim: Claim) -> Answer:
    return reused(event) if claim.reused_by(event) else Answer(event.id, duplicate=not claim.new)
