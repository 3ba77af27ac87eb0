"""What the demo came to: the accounts, one repeat to explain, one text before and after. Pure."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from cli.demonstration.calling import Call
from cli.demonstration.ledger import Ledger, Published, Verdicts, identity_of, judged, settle
from cli.demonstration.recomputing import Comparison, Partitions
from cli.demonstration.weeks import Weeks
from cli.replaying.output import kind_of
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
class Overturn:
    """A verdict before and after a human's word (R15)."""

    ticket: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


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
    reasons: Sequence[Mapping[str, Any]]
    """A fact for each verdict and reason that holds, the reasons of a verdict by how often."""
    causes: Sequence[Mapping[str, Any]]
    """A fact for each root cause that holds (R23)."""
    overturn: Overturn | None
    notice: Mapping[str, Any] | None
    """The acknowledgement of the ticket with the masked text (R2)."""
    call: Call | None
    stated: Mapping[str, Mapping[str, int]]
    """Facts of clocks and callbacks, and commands, by kind."""
    weeks: Weeks | None
    """Deadlines and callbacks that came due."""

    @property
    def balanced(self) -> bool:
        """Nothing lost, nothing doubled, and the same as without Kafka."""
        same = all(each.same for each in self.comparisons.values())
        weeks = self.weeks is None or self.weeks.balanced
        accounted = self.ledger.balanced and self.verdicts.balanced
        return accounted and same and weeks and not self.waiting

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
        if self.weeks is not None:
            found["three weeks computed again differ"] = self.weeks.comparison.different
            found["facts that the three weeks lack"] = self.weeks.missing
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
    notices: Partitions,
    call: Call | None,
    stated: Mapping[str, Partitions],
    weeks: Weeks | None,
) -> Result:
    """Everything that the demo tells, from what was published and what the topics hold.

    Args:
        parked: how many events of a ticket wait for its receipt.
        call: what was asked and published over HTTP meanwhile.
        stated: facts of clocks and callbacks, and commands, by topic.
        weeks: what was played besides.
    """
    log = [orjson.loads(each.value) for each in _flat(tickets)]
    facts = [orjson.loads(each.value) for each in _flat(repeats)]
    lettered = [DeadLetter.from_record(each.value, each.headers) for each in _flat(letters)]
    verdicts = judged(log, facts)
    repeat = _worth_explaining(verdicts)
    masked = _masked(published, log)
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
        masked=masked,
        reasons=_each(verdicts, lambda data: (data["verdict"], data["reason"])),
        causes=_each(verdicts, lambda data: (data.get("root_cause") or {}).get("cause")),
        overturn=_overturn(facts),
        notice=_notice(notices, masked),
        call=call,
        stated={
            topic: dict(sorted(Counter(kind_of(type_in(each)) for each in _flat(records)).items()))
            for topic, records in stated.items()
        },
        weeks=weeks,
    )


def type_in(record: Any) -> str:
    """CloudEvents type of a fact."""
    return str(orjson.loads(record.value)["type"])


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


def _each(verdicts: Verdicts, name: Callable[[Mapping[str, Any]], Any]) -> list[Mapping[str, Any]]:
    """A fact for each name that the verdicts in force give, the most frequent first."""
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for fact in verdicts.holding.values():
        if (named := name(fact["data"])) is not None:
            found[named].append(fact)
    # Of those that say the same a story's, for it was told for that; its number begins with a 9.
    return [
        max(facts, key=lambda fact: "-9" in fact["subject"])
        for facts in sorted(found.values(), key=lambda facts: -len(facts))
    ]


def _overturn(facts: Sequence[Mapping[str, Any]]) -> Overturn | None:
    """A repeat that a human took back, with what the rule had said."""
    before: dict[str, Mapping[str, Any]] = {}
    found: Overturn | None = None
    for fact in facts:
        data, ticket = fact["data"], fact["subject"]
        earlier = before.get(ticket)
        if data["verdict"] != "overturned":
            before[ticket] = data
        elif earlier is not None:
            found = Overturn(ticket, earlier, data)
            if earlier["verdict"] == "confirmed":
                return found
    return found


def _notice(notices: Partitions, masked: Masked | None) -> Mapping[str, Any] | None:
    for record in _flat(notices) if masked is not None else ():
        notice: dict[str, Any] = orjson.loads(record.value)
        first = notice["data"]["notice"] == "citizen.acknowledged"
        if first and masked is not None and notice["subject"] == masked.ticket:
            return notice
    return None


MASK: Final = re.compile(r"\[[a-z_]+\]")
"""What stands where something was masked."""


def _masked(published: Sequence[Published], log: Sequence[Mapping[str, Any]]) -> Masked | None:
    """The text in which the most kinds of things were masked."""
    sent = {identity_of(each.value): each.value for each in reversed(published)}
    found: Masked | None = None
    most = 0
    for event in log:
        if event["type"] != "hotline.ticket.received.v1":
            continue
        before = orjson.loads(sent[f"{event['source']} {event['id']}"])["data"]
        after = event["data"]
        kinds = len(set(MASK.findall(after.get("text") or "")))
        if kinds > most and "complainant" in before:
            most = kinds
            found = Masked(
                event["subject"],
                {"text": before["text"], "complainant": _compact(before["complainant"])},
                {"text": after["text"], "complainant": _compact(after["complainant"])},
            )
    return found


def _compact(value: Any) -> str:
    return orjson.dumps(value).decode()
