"""``POST /v1/contacts/assess``: an answer while the citizen is on the line, whatever fails (R53).

The database gets a fixed time. What it has not said by then is «unknown» in the answer, and named
in ``degraded``: never an error, never a wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from policy.bundle import Bundle, Policy
from rules.matter import NOTHING, matter_of
from rules.words import PROMPTS, Said
from runtime import log
from runtime.engine.ports import Unavailable
from runtime.http.tokens import Principal
from schemas.ids import is_anonymous
from services.lookup import wording
from services.lookup.assessing import Asked, Opinion, opinion
from services.lookup.question import Question, content_of
from services.lookup.store import Found, Person, Store
from vault.aliases import DatabaseDirectory

UNKNOWN: Final = "unknown"
SHOWN: Final = 10
"""Earlier tickets in an answer: what an agent can take in."""
T = TypeVar("T")
Masking = Callable[[dict[str, Any]], dict[str, Any]]
"""As intake masks what goes on: words are compared with what the log says."""


class _Budget:
    """The time that is left; nothing waits longer, even for a connection that hangs."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = clock() + seconds

    async def spend(self, work: Awaitable[T], what: str, degraded: list[str]) -> T | None:
        """What the work gives; None, and named in ``degraded``, if it fails or takes too long."""
        task = asyncio.ensure_future(work)
        # Not ``wait_for``: giving a connection back may itself wait for a database that hangs.
        done, _ = await asyncio.wait({task}, timeout=max(0.0, self._until - self._clock()))
        if not done:
            task.add_done_callback(_forget)
            task.cancel()
            degraded.append(what)
            return None
        try:
            return task.result()
        except Unavailable as error:
            log.get("hotline.lookup").warning("assess.degraded", part=what, error=str(error))
        except Exception:
            # A fault of ours, for the log; who has a citizen on the line gets what there is.
            log.get("hotline.lookup").exception("assess.failed", part=what)
        degraded.append(what)
        return None


def _forget(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()  # looked at, so that nobody complains of it


class Assessments:
    """Answers what an agent asks at call start, and again when the leaf is known."""

    def __init__(
        self,
        store: Store,
        directory: DatabaseDirectory,
        bundle: Bundle,
        masked: Masking,
        *,
        budget: timedelta,
        text_budget: timedelta,
    ) -> None:
        self._store = store
        self._directory = directory
        self._bundle = bundle
        self._masked = masked
        self._budget = budget.total_seconds()
        self._text_budget = text_budget.total_seconds()

    async def answer(self, question: Question, caller: Principal, now: datetime) -> dict[str, Any]:
        """The whole answer; parts that are not known by the end of the budget are ``unknown``."""
        budget = _Budget(self._text_budget if question.has_text else self._budget)
        degraded: list[str] = []
        citizen, status, shared = await self._who(question, caller, now, budget, degraded)
        person: Person | None = None
        if citizen is not None:
            found = self._store.tickets_of(citizen)
            person = await budget.spend(found, "tickets", degraded)
        elif status != UNKNOWN or "citizen" not in degraded:
            person = Person((), 1)  # surely nobody that we know
        policy = self._bundle.at(now)
        known = {
            "citizen": {
                "status": status,
                "citizen": citizen,
                "linked": person.linked if person is not None and citizen is not None else None,
            }
        }
        asked = self._asked(question, shared, now)
        return known | _told(asked, person, policy, degraded)

    async def _who(
        self,
        question: Question,
        caller: Principal,
        now: datetime,
        budget: _Budget,
        degraded: list[str],
    ) -> tuple[str | None, str, bool]:
        """Pseudonym, ``known`` | ``unknown`` | ``shared`` | ``anonymous``, and whether shared."""
        if question.citizen is not None:
            if is_anonymous(question.citizen):
                return None, "anonymous", False
            return question.citizen, "known", False
        if not question.identities:
            return None, "anonymous", False
        before = len(degraded)
        found = await budget.spend(
            self._directory.lookup(question.identities, question.source or caller.name, now),
            "citizen",
            degraded,
        )
        if found is None or len(degraded) > before:
            return None, UNKNOWN, False
        return found.citizen, "shared" if found.shared else "known", found.shared

    def _asked(self, question: Question, shared: bool, now: datetime) -> Asked:
        content = question.content()
        matter = matter_of(content_of(self._masked(content))) if content else NOTHING
        return Asked(
            at=now,
            leaf=question.leaf,
            ticket=question.ticket,
            channel=question.channel.value if question.channel else None,
            matter=matter,
            has_text=question.has_text,
            shared=shared,
            new_evidence=question.new_evidence,
            occurred_at=question.occurred_at,
        )


def _told(
    asked: Asked, person: Person | None, policy: Policy, degraded: list[str]
) -> dict[str, Any]:
    """The answer but for who it is. Pure."""
    answer: dict[str, Any] = {
        "open": UNKNOWN,
        "earlier": UNKNOWN,
        "leaf": None,
        "verdict": UNKNOWN,
        "new_ticket": UNKNOWN,
        "chase": UNKNOWN,
        "say": UNKNOWN,
        "prompt": None,
        "profile": UNKNOWN,
        "degraded": degraded,
        "policyversion": policy.version,
    }
    if person is None:
        return answer
    tickets = person.tickets
    answer["open"] = [_open(each, asked.at, policy) for each in tickets if each.brief.step][:SHOWN]
    answer["earlier"] = [_ended(each, policy) for each in tickets if not each.brief.step][:SHOWN]
    found = opinion(asked, tickets, policy)
    if found.judgement is None:
        degraded.append("leaf")
        return answer
    node = policy.categories.node(found.leaf or "")
    answer["leaf"] = {
        "code": found.leaf,
        "by": found.leaf_by,
        "zh": node.zh if node else None,
        "en": node.en if node else None,
    }
    answer["verdict"] = _verdict(found, asked, policy)
    no_ticket = found.judgement.verdict == "excluded" and found.judgement.reason in PROMPTS
    answer["new_ticket"] = not (no_ticket and found.judgement.reason != "new_fault_same_kind")
    answer["chase"] = found.judgement.state in ("open", "overdue") and (
        found.judgement.verdict in ("excluded", "confirmed")
    )
    answer["say"] = _both(wording.say(found, asked.at, policy))
    answer["prompt"] = _both(wording.prompt(found, policy))
    return answer


def _verdict(found: Opinion, asked: Asked, policy: Policy) -> dict[str, Any]:
    judgement = found.judgement
    assert judgement is not None, "asked only of what was judged"
    words = wording.why(found, asked.at, asked.channel, policy)
    return {
        "verdict": judgement.verdict,
        "reason": judgement.reason,
        "rule": wording.rule(judgement.reason),
        "reason_zh": words.zh,
        "reason_en": words.en,
        "case": judgement.case or None,
        "score": judgement.match.score if judgement.case else None,
        "parts": judgement.match.parts if judgement.case else None,
        "state": judgement.state or None,
        "since": _instant(judgement.since),
        "due_at": _instant(judgement.due),
    }


def _open(each: Found, now: datetime, policy: Policy) -> dict[str, Any]:
    brief = each.brief
    step = brief.step
    assert step is not None, "an open ticket has a step"
    _, stage = wording.stage_of(brief)
    owner: Mapping[str, Any] | None = None
    if step.owner is not None:
        unit = step.owner.unit
        owner = {
            "unit": unit,
            "unit_name": None if unit is None else wording.unit_name(unit, policy.organisation),
            "team": step.owner.team,
            "person": step.owner.person,
        }
    return {
        "ticket": brief.ticket,
        "title": brief.title,
        "leaf": brief.leaf,
        "received_at": _instant(brief.received_at),
        "stage": {"step": step.name, **_both(stage), "since": _instant(step.since)},
        "owner": owner,
        "due_at": _instant(each.due_at),
        "overdue": each.due_at is not None and each.due_at < now,
        "paused": each.paused,
        "chases": brief.chases,
        "last_chase_at": _instant(brief.last_chase_at),
        "reopens": brief.reopens,
        "verdict": each.verdict,
    }


def _ended(each: Found, policy: Policy) -> dict[str, Any]:
    brief = each.brief
    reply, callback = brief.reply, brief.callback
    slug, stage = wording.stage_of(brief)
    return {
        "ticket": brief.ticket,
        "title": brief.title,
        "leaf": brief.leaf,
        "received_at": _instant(brief.received_at),
        "phase": slug,
        **_both(stage),
        "closed_at": _instant(brief.closing.at if brief.closing else None),
        "department": brief.handling.charged_to.department,
        "result": (reply.words if reply else "") or None,
        "resolved_by_department": reply.resolved if reply else None,
        "resolved_by_citizen": callback.resolved if callback else None,
        "satisfied": callback.satisfied if callback else None,
        "verdict": each.verdict,
    }


def _both(said: Said) -> dict[str, str]:
    return {"zh": said.zh, "en": said.en}


def _instant(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
