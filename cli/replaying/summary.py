"""``summary.json``: how many of what; repeats with numerator and denominator (R16)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rich.table import Table

from cli.replaying.output import LATE, Counts, kind_of
from schemas.facts.callbacks import CALLBACK_TYPES

REPEATED = ("candidate", "confirmed")
DIMENSIONS = ("department", "leaf", "month")


def last_revisions(facts: Iterable[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """The verdict that holds for each ticket: the last in the order of the topic.

    Revision 0 was stated without the ticket's receipt (docs/decisions/0030): what it cannot know is
    what was stated before.
    """
    last: dict[str, Mapping[str, Any]] = {}
    for fact in facts:
        subject = fact["subject"]
        before = last.get(subject)
        last[subject] = fact if before is None or fact["data"]["revision"] else _on(before, fact)
    return last


def _on(before: Mapping[str, Any], fact: Mapping[str, Any]) -> Mapping[str, Any]:
    """A fact of revision 0, with what the one before it knows of the ticket."""
    known, said = before["data"], fact["data"]
    told = {name: value for name, value in said["dimensions"].items() if value is not None}
    data = {
        **said,
        "dimensions": {**known["dimensions"], **told},
        "recontact": known["recontact"],
        "counted": known["counted"] and said["counted"],
    }
    return {**fact, "data": data}


def repeat_counts(verdicts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """R16 重复投诉量 and 重复投诉率: net of exclusions and raw, in total and by dimension.

    The rate's denominator is 投诉量, every counted ticket. Raw re-contacts include what was
    excluded (ruling 4), so that excluding cannot hide them.
    """
    total: Counter[str] = Counter()
    parts: dict[str, dict[str, Counter[str]]] = {name: {} for name in DIMENSIONS}
    for fact in verdicts:
        data = fact["data"]
        if not data["counted"]:
            continue
        tally = Counter(
            complaints=1,
            repeats=int(data["verdict"] in REPEATED),
            recontacts=int(data["recontact"]),
        )
        total += tally
        for name in DIMENSIONS:
            value = data["dimensions"].get(name) or "unknown"
            parts[name].setdefault(value, Counter()).update(tally)
    return {
        "total": _rates(total),
        **{
            f"by_{name}": {value: _rates(tally) for value, tally in sorted(values.items())}
            for name, values in parts.items()
        },
    }


def _rates(tally: Counter[str]) -> dict[str, Any]:
    complaints = tally["complaints"]
    return {
        "complaints": complaints,
        "repeats": tally["repeats"],
        "repeat_rate": round(tally["repeats"] / complaints, 6) if complaints else None,
        "recontacts": tally["recontacts"],
        "recontact_rate": round(tally["recontacts"] / complaints, 6) if complaints else None,
    }


CLOCK_COUNTS = ("started", "met", LATE, "breached", "withdrawn", "cancelled", "recomputed")
"""Of a target, in the order of the table."""


def clock_counts(counts: Counts) -> dict[str, Any]:
    """Facts of clocks by target (R25). A breach that was withdrawn is counted in both."""
    targets: dict[str, dict[str, int]] = {}
    for (target, kind), count in sorted(counts.clocks.items()):
        targets.setdefault(target, {})[kind] = count
    total: Counter[str] = Counter()
    for (_, kind), count in counts.clocks.items():
        total[kind] += count
    return {"total": dict(sorted(total.items())), "by_target": targets}


def callback_counts(counts: Counts) -> dict[str, int]:
    """Facts of callback tasks (R33-R38) by kind."""
    names = [model.model_fields["type"].default for model in CALLBACK_TYPES]
    return {kind_of(name): counts.types[name] for name in names if counts.types[name]}


def command_counts(counts: Counts) -> dict[str, int]:
    """Commands by kind: those of the replay, not those that history has on its log."""
    return dict(sorted(counts.commands.items()))


def summarise(
    counts: Counts, *, events: int, profile: str, through: str, until: datetime, seconds: float
) -> dict[str, Any]:
    """What a replay came to."""
    verdicts = last_revisions(counts.verdicts)
    return {
        "profile": profile,
        "policy_versions": sorted(counts.policies),
        "through": through,
        "until": until.isoformat(),
        "events": events,
        "seconds": round(seconds, 3),
        "events_per_second": round(events / seconds) if seconds else None,
        "records": dict(sorted(counts.records.items())),
        "types": dict(sorted(counts.types.items())),
        "tickets": len(verdicts),
        "verdicts": dict(sorted(Counter(v["data"]["verdict"] for v in verdicts.values()).items())),
        "reasons": dict(sorted(Counter(v["data"]["reason"] for v in verdicts.values()).items())),
        "revisions": len(counts.verdicts) - len(verdicts),
        "repeats": repeat_counts(verdicts.values()),
        "sla": clock_counts(counts),
        "callbacks": callback_counts(counts),
        "commands": command_counts(counts),
        "anomalies": dict(sorted(counts.anomalies.items())),
        "dead_letters": dict(sorted(counts.letters.items())),
    }


def tables(summary: Mapping[str, Any]) -> list[Table]:
    """The same for a person."""
    main = Table(title=f"{summary['profile']}, through {summary['through']}", show_header=False)
    main.add_column()
    main.add_column(justify="right")
    rows = {
        "events in": f"{summary['events']:,}",
        "seconds": f"{summary['seconds']:,.1f}  ({summary['events_per_second'] or 0:,}/s)",
        "tickets judged": f"{summary['tickets']:,}",
        **{f"  {name}": f"{count:,}" for name, count in summary["verdicts"].items()},
        "revisions of verdicts": f"{summary['revisions']:,}",
        "callback tasks": f"{summary['callbacks'].get('scheduled', 0):,}",
        **{f"  {name}": f"{count:,}" for name, count in summary["callbacks"].items()},
        "commands": f"{sum(summary['commands'].values()):,}",
        **{f"  {name}": f"{count:,}" for name, count in summary["commands"].items()},
        "events flagged as anomalies": f"{sum(summary['anomalies'].values()):,}",
        "dead letters": f"{sum(summary['dead_letters'].values()):,}",
    }
    for name, value in rows.items():
        main.add_row(name, value)
    found = [main]
    total = summary["repeats"]["total"]
    rates = Table(title="repeats (R16)")
    for name in ("", "complaints", "repeats", "rate", "raw re-contacts", "raw rate"):
        rates.add_column(name, justify="left" if not name else "right")
    by_leaf = summary["repeats"]["by_leaf"]
    worst = sorted(by_leaf, key=lambda leaf: -by_leaf[leaf]["repeats"])[:10]
    for name, each in (("all", total), *((leaf, by_leaf[leaf]) for leaf in worst)):
        rates.add_row(
            name,
            f"{each['complaints']:,}",
            f"{each['repeats']:,}",
            "–" if each["repeat_rate"] is None else f"{each['repeat_rate']:.1%}",
            f"{each['recontacts']:,}",
            "–" if each["recontact_rate"] is None else f"{each['recontact_rate']:.1%}",
        )
    found.append(rates)
    clocks = summary["sla"]
    if clocks["total"]:
        table = Table(title="clocks (R25): facts by target")
        for name in ("", *CLOCK_COUNTS):
            table.add_column(name.replace("_", " "), justify="left" if not name else "right")
        for name, each in (*clocks["by_target"].items(), ("all", clocks["total"])):
            if any(kind in each for kind in CLOCK_COUNTS):  # arbitration is no clock's
                table.add_row(name, *(f"{each.get(kind, 0):,}" for kind in CLOCK_COUNTS))
        found.append(table)
    if summary["dead_letters"]:
        letters = Table("dead letters", "count", title="what could not be taken, and why")
        for reason, count in summary["dead_letters"].items():
            letters.add_row(reason, f"{count:,}")
        found.append(letters)
    return found
