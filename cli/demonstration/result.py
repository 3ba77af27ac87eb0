"""What the demo came to: the accounts, one repeat to explain, one text before and after. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cli.demonstration.ledger import Ledger, Published, Verdicts, identity_of, judged, settle
from cli.demonstration.recomputing import Comparison, Partitions
from schemas.dead_letter import DeadLetter

WORTH_EXPLAINING: Final = ("confirmed", "candidate", "excluded", "overturned")
"""The first of these that the day has, is explained."""
PROBLEMS_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Masked:
    """A text as the platform sent it, and as it stands on the log (R61)."""

    ticket: str
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Result:
    ledger: Ledger
    verdicts: Verdicts
    comparisons: Mapping[str, Comparison]
    """By service: what was computed again."""
    anomalies: Mapping[str, int]
    examples: Mapping[str, DeadLetter]
    """A dead letter of each reason."""
    waiting: int
    """Dead letters of services behind intake: there should be none."""
    repeat: str | None
    """The ticket to explain."""
    masked: Masked | None

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing doubled, and the same as without Kafka."""
        same = all(each.same for each in self.comparisons.values())
        return self.ledger.balanced and self.verdicts.balanced and same and not self.waiting

    def problems(self) -> Iterator[str]:
        """What does not add up."""
        found: dict[str, Sequence[str]] = {
            "lost": self.ledger.lost,
            "there twice": self.ledger.doubled,
            "never published": self.ledger.unknown,
            "tickets without a verdict": self.verdicts.unjudged,
            "facts stated twice": self.verdicts.doubled,
            "revisions out of order": self.verdicts.gaps,
        }
        for service, each in self.comparisons.items():
            found[f"{service} computed again differs"] = each.different
        for what, names in found.items():
            if names:
                more = ", …" if len(names) > PROBLEMS_SHOWN else ""
                yield f"{len(names)} {what}: {', '.join(names[:PROBLEMS_SHOWN])}{more}"
        if self.waiting:
            yield f"{self.waiting} dead letters behind intake: a rule raised"


def conclude(
    published: Sequence[Published],
    tickets: Partitions,
    repeats: Partitions,
    letters: Partitions,
    comparisons: Mapping[str, Comparison],
    parked: Mapping[str, int],
) -> Result:
    """Everything that the demo tells, from what was published and what the topics hold.

    Args:
        parked: how many events of a ticket wait for its receipt.
    """
    log = [orjson.loads(each.value) for each in _flat(tickets)]
    facts = [orjson.loads(each.value) for each in _flat(repeats)]
    lettered = [DeadLetter.from_record(each.value, each.headers) for each in _flat(letters)]
    verdicts = judged(log, facts)
    repeat = _worth_explaining(verdicts)
    examples: dict[str, DeadLetter] = {}
    for letter in lettered:
        examples.setdefault(letter.reason, letter)
    return Result(
        ledger=settle(published, log, lettered, parked),
        verdicts=verdicts,
        comparisons=comparisons,
        anomalies=dict(Counter(event["anomaly"] for event in log if event.get("anomaly"))),
        examples=examples,
        waiting=sum(letter.service != "intake" for letter in lettered),
        repeat=repeat,
        masked=_masked(published, log, repeat),
    )


def _flat(partitions: Partitions) -> Iterator[Any]:
    for _, records in sorted(partitions.items()):
        yield from records


def _worth_explaining(verdicts: Verdicts) -> str | None:
    """A repeat whose first ticket was handled to the end, if there is one: it tells the most."""

    def told(fact: Mapping[str, Any]) -> tuple[int, int, int]:
        data = fact["data"]
        first = data.get("first") or {}
        return (-WORTH_EXPLAINING.index(data["verdict"]), len(first), data["revision"])

    repeats = [
        fact for fact in verdicts.holding.values() if fact["data"]["verdict"] in WORTH_EXPLAINING
    ]
    return max(repeats, key=told)["subject"] if repeats else None


def _masked(
    published: Sequence[Published], log: Sequence[Mapping[str, Any]], wanted: str | None
) -> Masked | None:
    """Of the explained ticket if its text was masked, else of the first that was."""
    sent = {identity_of(each.value): each.value for each in reversed(published)}
    found: Masked | None = None
    for event in log:
        if event["type"] != "hotline.ticket.received.v1":
            continue
        before, after = (
            orjson.loads(sent[f"{event['source']} {event['id']}"])["data"],
            event["data"],
        )
        if before.get("text") == after.get("text") or "complainant" not in before:
            continue
        shown = Masked(
            event["subject"],
            {"text": before["text"], "complainant": _compact(before["complainant"])},
            {"text": after["text"], "complainant": _compact(after["complainant"])},
        )
        if event["subject"] == wanted:
            return shown
        found = found or shown
    return found


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode()
