"""Shows what the demo came to."""

import re
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.demonstration.result import Masked, Result
from cli.explaining import words
from cli.explaining.prose import Prose
from cli.explaining.speaker import clip
from cli.explaining.story import anomaly_said
from cli.explaining.telling import COLOURS, ZH

DETAIL_CHARS = 90
_MASK = re.compile(r"\[[a-z_]+\]")
_NUMBER = re.compile(r"\d{11,18}[Xx]?")


def heading(en: str, zh: str) -> Rule:
    return Rule(Text(f"{en} {zh}", style="bold"), align="left", style="dim")


def outcome(result: Result) -> RenderableType:
    """What came out of the day."""
    table = _table()
    ledger, verdicts = result.ledger, result.verdicts
    table.add_row("records published", "发布记录", f"{ledger.published:,}")
    table.add_row("events on the log", "入账事件", f"{ledger.events:,}")
    table.add_row("tickets", "工单", f"{verdicts.tickets:,}")
    for verdict, said in words.VERDICTS.items():
        count = verdicts.by_verdict.get(verdict, 0)
        if count:
            style = COLOURS[verdict]
            table.add_row(Text(f"  {said.en}", style), Text(said.zh, style), f"{count:,}")
    table.add_row("revisions of verdicts", "认定变更", f"{verdicts.revisions:,}")
    table.add_row("duplicates dropped", "重复事件剔除", f"{ledger.duplicates:,}")
    anomalies = sum(result.anomalies.values())
    table.add_row("anomalies, kept and flagged", "异常（保留并标记）", f"{anomalies:,}")
    for slug, count in sorted(result.anomalies.items(), key=lambda each: -each[1]):
        said = anomaly_said(slug)
        table.add_row(Text(f"  {slug}", "dim"), Text(said.zh, "dim"), Text(f"{count:,}", "dim"))
    table.add_row("dead letters", "死信", f"{sum(ledger.letters.values()):,}")
    return table


def letters(result: Result) -> RenderableType:
    """What could not be taken, and why."""
    table = _table()
    for reason, count in sorted(result.ledger.letters.items(), key=lambda each: -each[1]):
        said = words.LETTERS.get(reason, words.Words(reason, reason))
        letter = result.examples[reason]
        table.add_row(
            said.en, said.zh, f"{count:,}", Text(clip(letter.detail, DETAIL_CHARS), "dim")
        )
    return table


def masked(shown: Masked) -> RenderableType:
    """One text as it came and as it is kept."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for when, said, pattern, style in (
        ("before 原文", shown.before, _NUMBER, "red"),
        ("after 入账", shown.after, _MASK, "green"),
    ):
        lines = Text("\n").join(Text(clip(text, 240)) for text in said.values())
        lines.highlight_regex(pattern, style)
        table.add_row(when, Prose(lines))
    return table


def accounts(result: Result) -> RenderableType:
    """The line that must add up, and the proofs."""
    ledger, verdicts = result.ledger, result.verdicts
    refused = sum(ledger.letters.values())
    sign = "=" if ledger.balanced else "≠"
    style = "green" if result.balanced else "bold red"
    lines = [
        Text.assemble(
            ("✓ " if ledger.balanced else "✗ ", style),
            f"published {ledger.published:,} {sign} on the log {ledger.events:,} + duplicates "
            f"{ledger.duplicates:,} + dead letters {refused:,} + waiting for a receipt "
            f"{ledger.parked:,}",
            (f"   发布 {sign} 入账 + 重复 + 死信 + 待受理", ZH),
        ),
        Text.assemble(
            ("✓ " if verdicts.balanced else "✗ ", style),
            f"{verdicts.tickets:,} tickets judged, each revision once, no fact twice",
            ("   每件工单均已认定，无遗漏、无重复", ZH),
        ),
    ]
    for service, each in result.comparisons.items():
        lines.append(
            Text.assemble(
                ("✓ " if each.same else "✗ ", style),
                f"{service} computed again in memory: {each.outputs:,} records and {each.states:,} "
                f"states {'are' if each.same else 'are not all'} the same, byte for byte",
            )
        )
    problems = [Text(f"  {problem}", "bold red") for problem in result.problems()]
    return Padding(Group(*lines, *problems), (0, 0, 0, 1))


def document(result: Result, *, killed: bool, seconds: dict[str, float]) -> dict[str, Any]:
    """The same for a program."""
    ledger, verdicts = result.ledger, result.verdicts
    return {
        "balanced": result.balanced,
        "problems": list(result.problems()),
        "worker_killed": killed,
        "ledger": {
            "published": ledger.published,
            "events": ledger.events,
            "duplicates": ledger.duplicates,
            "dead_letters": dict(ledger.letters),
            "waiting_for_receipt": ledger.parked,
            "lost": list(ledger.lost),
            "doubled": list(ledger.doubled),
        },
        "tickets": verdicts.tickets,
        "verdicts": verdicts.by_verdict,
        "revisions": verdicts.revisions,
        "anomalies": dict(result.anomalies),
        "computed_again": {
            service: {"outputs": each.outputs, "states": each.states, "same": each.same}
            for service, each in result.comparisons.items()
        },
        "explained": result.repeat,
        "masked": None
        if result.masked is None
        else {
            "ticket": result.masked.ticket,
            "before": dict(result.masked.before),
            "after": dict(result.masked.after),
        },
        "seconds": {name: round(spent, 2) for name, spent in seconds.items()},
    }


def _table() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(style=ZH, no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    return table
