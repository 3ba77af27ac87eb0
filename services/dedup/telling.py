"""The words of a fact: why, what shows the root cause, what the agent tells (R15, R21, R23)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rules.words import (
    ELEMENT_WORDS,
    EVIDENCE,
    NOBODY,
    OUTCOME_NOT_SAID,
    OUTCOME_WORDS,
    PROMPTS,
    PROOF_BY_CITIZEN,
    PROOF_BY_FINDING,
    REASONS,
    Said,
)
from services.dedup.causes import Found
from services.dedup.state import Ticket


class _Words:
    """The words of a reason, each made when the sentence names it: most name one or two."""

    __slots__ = ("_opens", "_ticket", "_tz")

    def __init__(self, ticket: Ticket, opens: str, tz: ZoneInfo) -> None:
        self._ticket, self._opens, self._tz = ticket, opens, tz

    def __getitem__(self, name: str) -> str:
        ticket, mark, ruled = self._ticket, self._ticket.mark, self._ticket.ruled
        match name:
            case "opens":
                return self._opens
            case "first":
                return ticket.link.first
            case "position":
                return str(ticket.link.position)
            case "by":
                return (mark.by if mark else None) or "?"
            case "clause":
                return (mark.clause if mark else None) or "?"
            case "case":
                return (ruled.case if ruled else "") or "?"
            case "score":
                return f"{ruled.score:.2f}" if ruled else "?"
            case "since":
                return day(ruled.since if ruled else None, self._tz)
            case "due":
                return day(ruled.due if ruled else None, self._tz)
        raise KeyError(name)


def reason_words(ticket: Ticket, opens: str, tz: ZoneInfo) -> Said:
    """Why, in both languages."""
    reason, mark = REASONS[ticket.reason], ticket.mark
    words: Any = _Words(ticket, opens, tz)
    if reason.human is not None and mark is not None and mark.verdict:
        return Said(reason.human.en.format_map(words), reason.human.zh.format_map(words))
    return Said(reason.en.format_map(words), reason.zh.format_map(words))


def prompt(ticket: Ticket, rests_on: Mapping[str, Any] | None, tz: ZoneInfo) -> Said | None:
    """What the agent tells the citizen about the earlier ticket; None where there is nothing."""
    said = PROMPTS.get(ticket.reason)
    if ticket.verdict != "excluded" or said is None or rests_on is None:
        return None
    department = rests_on.get("department")
    called_back = day(rests_on.get("called_back_at"), tz)
    proof = PROOF_BY_CITIZEN if rests_on.get("resolved") else PROOF_BY_FINDING
    words = {
        "case": rests_on["ticket"],
        "since": day(rests_on.get("since"), tz),
        "due": day(rests_on.get("due_at"), tz),
    }
    return Said(
        *(
            text.format_map(
                {
                    **words,
                    "department": department or nobody,
                    "proof": shown.format(called_back=called_back),
                }
            )
            for text, nobody, shown in zip(said, NOBODY, proof, strict=True)
        )
    )


def cause_data(ticket: Ticket, found: Found) -> dict[str, Any]:
    """``RootCauseShown`` of a confirmed repeat."""
    shown = found.shown
    outcome = OUTCOME_WORDS.get(shown.outcome or "", OUTCOME_NOT_SAID)
    lacking = [ELEMENT_WORDS[name] for name in shown.lacking]
    by = ticket.named_by or "?"
    said = EVIDENCE[shown.evidence]
    en = said.en.format(outcome=outcome.en, lacking=", ".join(each.en for each in lacking), by=by)
    zh = said.zh.format(outcome=outcome.zh, lacking="、".join(each.zh for each in lacking), by=by)
    return {
        "cause": shown.cause,
        "by": found.by,
        "basis": found.basis,
        "ticket": found.ticket,
        "evidence": shown.evidence,
        "evidence_en": en,
        "evidence_zh": zh,
        "outcome": shown.outcome,
        "lacking": shown.lacking or None,
    }


def day(instant: datetime | None, tz: ZoneInfo) -> str:
    return instant.astimezone(tz).date().isoformat() if instant else "?"
