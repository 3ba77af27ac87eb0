"""From a task to the fact that says how it stands, and to the command that reopens a ticket."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from policy.bundle import Policy
from rules.asked import PHONE
from schemas.events.commands import CommandReopen
from schemas.facts.callbacks import CALLBACK_TYPES
from schemas.ids import effect_id
from services.callback.state import CLOSED, Choice, Task, Ticket, Try
from services.callback.telling import (
    BY_CITIZEN,
    BY_POPULATION,
    CHANNELS,
    FOLLOW_UPS,
    OUTCOMES,
    REASONS,
    SLOTS,
    Said,
)

SERVICE: Final = "callback"
SOURCE: Final = "hotline/callback"
TO_COME: Final = frozenset(("scheduled", "due"))
"""Facts whose ``attempt`` is the try to come."""

_TYPES: Final[dict[str, str]] = {
    model.model_fields["type"].default.split(".")[2]: model.model_fields["type"].default
    for model in CALLBACK_TYPES
}
_TASK: Final = "callback_task"
_COMMAND: Final[str] = CommandReopen.model_fields["type"].default


@dataclass(frozen=True, slots=True)
class Occasion:
    """What the facts of one decision have in common."""

    subject: str
    """The ticket."""
    key: str
    now: datetime
    policy: Policy
    cause: str
    """Identity of the event, or ``timer <due instant>``."""
    kind: str
    """``ticket_closed``, ``due`` …: the cause in the fact."""
    traceparent: str | None = None


def task_id(key: str, close: str, again: int = 0) -> str:
    """Of the task of a close: the same at every replay; of one that was cancelled by mistake and is
    armed again, another."""
    discriminator = f"{CLOSED} {again}" if again else CLOSED
    return effect_id(
        service=SERVICE, state_key=key, fact_type=_TASK, cause=close, discriminator=discriminator
    )


def fact(
    occasion: Occasion,
    what: str,
    ticket: Ticket,
    task: Task,
    reason: str,
    *,
    tried: Try | None = None,
    reasons: tuple[str, ...] = (),
    command: str = "",
) -> tuple[str, bytes]:
    """Id and JSON of a fact of ``task``, whose ``revision`` is this fact's and ``fact`` the id of
    the one before.

    Built from states that are typed already, so it is not validated again. Tests hold every fact
    against its published model.
    """
    policy = occasion.policy
    tz = policy.time_zone
    type_ = _TYPES[what]
    id_ = effect_id(
        service=SERVICE,
        state_key=occasion.key,
        fact_type=type_,
        cause=occasion.cause,
        discriminator=f"{task.id} {task.revision}",
    )
    done = len(task.tried)
    planned = task.live and task.due_at is not None and what != "attempted"
    due = task.due_at.astimezone(tz) if task.due_at is not None and planned else None
    outcome = tried.outcome if tried is not None else None
    if reason in ("not_tried", "no_try_reported"):
        outcome = "not_tried"
    said = _words(occasion, ticket, task, reason, tried, due)
    data: dict[str, Any] = {
        "task": task.id,
        "round": task.round,
        "check": task.check,
        "checks": task.checks,
        "closed_at": task.closed_at.astimezone(tz),
        "due_at": due,
        "until": task.until.astimezone(tz) if task.until is not None and planned else None,
        "slot": task.slot if planned else ((tried.slot or None) if tried is not None else None),
        "channel": task.channel if planned else (tried.channel if tried is not None else None),
        "attempt": done + 1 if what in TO_COME else done,
        "attempts": policy.callback.attempts if PHONE in task.plan else 1,
        "choice": _choice(task.choice) if planned else None,
        "outcome": outcome,
        "outcomes": outcomes_of(task) or None,
        "tried_at": tried.at.astimezone(tz) if tried is not None else None,
        "hour": tried.at.astimezone(tz).hour if tried is not None else None,
        "resolved": task.resolved,
        "satisfied": task.satisfied,
        "reasons": reasons or None,
        "follow_up": task.follow_up or None,
        "command": command or None,
        "department": ticket.department,
        "team": ticket.team,
        "handler": ticket.handler,
        "leaf": ticket.leaf,
        "reason": reason,
        "reason_en": said.en,
        "reason_zh": said.zh,
        "cause": occasion.kind,
        "revision": task.revision,
        "replaces": task.fact or None,
    }
    document = _document(occasion, ticket, id_, type_, data)
    return id_, document


def reopen(
    occasion: Occasion, ticket: Ticket, task: Task, cause: str, reason: str, rounds: int
) -> tuple[str, bytes]:
    """Id and JSON of ``command.reopen`` (R34). One of a task at most, so the task names it."""
    id_ = effect_id(
        service=SERVICE,
        state_key=occasion.key,
        fact_type=_COMMAND,
        cause=occasion.cause,
        discriminator=task.id,
    )
    said = _words(occasion, ticket, task, reason, None, None)
    data: dict[str, Any] = {
        "reason": reason,
        "reason_zh": said.zh,
        "reason_en": said.en,
        "department": ticket.department,
        "caused_by": occasion.cause,
        "round": rounds,
        "hops": 0,
        "cause": cause,
        "resolved": task.resolved,
        "satisfied": task.satisfied,
    }
    return id_, _document(occasion, ticket, id_, _COMMAND, data)


def outcomes_of(task: Task) -> dict[str, int]:
    """How often each outcome, of all checks."""
    found: dict[str, int] = {}
    for each in task.tries:
        found[each.outcome] = found.get(each.outcome, 0) + 1
    if task.not_tried:
        found["not_tried"] = task.not_tried
    return found


def _document(
    occasion: Occasion, ticket: Ticket, id_: str, type_: str, data: dict[str, Any]
) -> bytes:
    document = {
        "specversion": "1.0",
        "id": id_,
        "source": SOURCE,
        "type": type_,
        "time": occasion.now,
        "subject": occasion.subject,
        "datacontenttype": "application/json",
        "citizen": ticket.citizen,
        "recordedtime": occasion.now,
        "causationid": occasion.cause,
        "policyversion": occasion.policy.version,
        "traceparent": occasion.traceparent,
        "leaf": ticket.leaf,
        "data": _present(data),
    }
    return orjson.dumps(_present(document), option=orjson.OPT_UTC_Z)


def _present(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Without absent fields."""
    return {name: value for name, value in fields.items() if value is not None}


def _choice(choice: Choice | None) -> dict[str, Any] | None:
    if choice is None:
        return None
    return {
        "slot": choice.slot,
        "channel": choice.channel,
        "reached": choice.reached,
        "lower": choice.lower,
        "own_reached": choice.own_reached,
        "own_tried": choice.own_tried,
        "population": choice.population,
        "basis": choice.basis,
    }


class _Words:
    """The words of a reason in one language, each made when the sentence names it."""

    __slots__ = ("_due", "_language", "_occasion", "_task", "_ticket", "_tried")

    def __init__(
        self,
        language: int,
        occasion: Occasion,
        ticket: Ticket,
        task: Task,
        tried: Try | None,
        due: datetime | None,
    ) -> None:
        self._language = language
        self._occasion, self._ticket, self._task = occasion, ticket, task
        self._tried, self._due = tried, due

    def __getitem__(self, name: str) -> str:
        task, tried = self._task, self._tried
        tz = self._occasion.policy.time_zone
        match name:
            case "closed":
                return task.closed_at.astimezone(tz).date().isoformat()
            case "days":
                return str(self._occasion.policy.callback.after.days)
            case "round":
                return str(task.round)
            case "channel":
                channel = tried.channel if tried is not None else task.channel
                return self._say(CHANNELS, channel)
            case "before":
                return self._say(CHANNELS, task.plan[task.step - 1])
            case "slot":
                return self._say(SLOTS, task.slot)
            case "attempt":
                return str(len(task.tried) + 1)
            case "tried":
                return _minute(tried.at if tried is not None else None, tz)
            case "outcome":
                return self._say(OUTCOMES, tried.outcome if tried is not None else "other")
            case "due":
                return _minute(self._due, tz)
            case "why":
                return self._why()
            case "missed":
                return str(task.not_tried)
            case "satisfied":
                if task.satisfied is None:
                    return ""
                return (f" ({task.satisfied} of 5)", f"（满意度{task.satisfied}分）")[
                    self._language
                ]
            case "follow_up":
                return self._say(FOLLOW_UPS, task.follow_up)
            case "commands":
                return str(self._ticket.commands)
            case "tries":
                return str(len(task.tried))
            case "outcomes":
                return (", ", "，")[self._language].join(
                    f"{self._say(OUTCOMES, outcome)} {count}"
                    for outcome, count in outcomes_of(task).items()
                )
            case "check":
                return str(task.check)
            case "checks":
                return str(task.checks)
        raise KeyError(name)

    def _why(self) -> str:
        choice = self._task.choice
        if choice is None:
            return ""
        said = BY_CITIZEN if choice.own_tried else BY_POPULATION
        return said[self._language].format(
            own_reached=choice.own_reached,
            own_tried=choice.own_tried,
            reached=choice.reached,
            lower=choice.lower,
            population=choice.population,
        )

    def _say(self, words: Mapping[str, Said], name: str) -> str:
        said = words.get(name)
        return name if said is None else said[self._language]


def _words(
    occasion: Occasion,
    ticket: Ticket,
    task: Task,
    reason: str,
    tried: Try | None,
    due: datetime | None,
) -> Said:
    said = REASONS[reason]
    words: tuple[Any, ...] = tuple(
        _Words(language, occasion, ticket, task, tried, due) for language in (0, 1)
    )
    return Said(said.en.format_map(words[0]), said.zh.format_map(words[1]))


def _minute(instant: datetime | None, tz: Any) -> str:
    return "?" if instant is None else instant.astimezone(tz).isoformat(" ", "minutes")[:16]
