"""Shows what the demo came to."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.demonstration.calling import Call
from cli.demonstration.result import MASK, Masked, Overturn, Result
from cli.demonstration.weeks import Weeks
from cli.explaining import words
from cli.explaining.prose import Prose
from cli.explaining.speaker import clip
from cli.explaining.story import anomaly_said
from cli.explaining.telling import COLOURS, ZH
from cli.sampling.ticket import ZONE
from schemas.topics import CALLBACKS, COMMANDS, SLA

DETAIL_CHARS = 90
STATED: Final = {
    SLA.name: ("facts of clocks", "时限事实"),
    CALLBACKS.name: ("facts of callback tasks", "回访事实"),
    COMMANDS.name: ("commands to the platform", "指令"),
}
WEEKS_SHOWN: Final = (
    ("nobody_replies", "breached resolve", "a deadline missed", "超时"),
    ("never_picks_up", "breached first_contact", "nobody was reached", "未按时联系"),
    ("due_on_a_make_up_day", "breached accept", "due on a make-up day", "调休上班日到期"),
    ("waits_for_the_weather", "paused resolve", "a clock paused", "暂停计时"),
    ("waits_for_the_weather", "resumed resolve", "and resumed", "恢复计时"),
    ("waits_for_the_weather", "met resolve", "and met", "达成"),
    ("typed_in_late", "withdrawn accept", "a breach withdrawn", "撤销超时"),
    ("closed_too_early", "command refuse_close", "not to be closed yet", "不予办结"),
    ("not_resolved", "callback answered", "called back", "回访"),
    ("not_resolved", "command reopen", "a command to reopen", "请求重办"),
    ("not_resolved", "event ticket.reopened", "the platform reopens", "重办"),
    ("comes_back_before_the_call", "callback cancelled", "a callback cancelled", "取消回访"),
    ("answers_nobody", "callback uncontacted", "never reached", "未联系上"),
    ("quiet_for_now", "callback recheck", "to be asked again", "复查"),
)
"""Story, fact (``ClockStory.shows``), and what it shows."""
LIVE_CLOCKS: Final = (
    "The weeks before came within seconds: their deadlines had passed when the first event of a "
    "ticket was told, so breaches were stated, and withdrawn with the next. Below, weeks with "
    "their own time."
)
COLOUR_OF: Final = {"breached": "red", "met": "green", "command": "yellow"}
TOLD_OF_NEW = ("first_contact", "another_matter")
"""Of the reasons for no repeat: the others need no comparison."""
_NUMBER = re.compile(r"\d{11,18}[Xx]?|[零幺二三四五六七八九]{11}|[\w.]+@[\w.]+|皖A\w{5}")


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
    for topic, (en, zh) in STATED.items():
        counts = result.stated.get(topic, {})
        table.add_row(en, zh, f"{sum(counts.values()):,}", Text(_counted(counts), "dim"))
    table.add_row("duplicates dropped", "重复事件剔除", f"{ledger.duplicates:,}")
    anomalies = sum(result.anomalies.values())
    table.add_row("anomalies, kept and flagged", "异常（保留并标记）", f"{anomalies:,}")
    for slug, count in sorted(result.anomalies.items(), key=lambda each: -each[1]):
        said = anomaly_said(slug)
        table.add_row(Text(f"  {slug}", "dim"), Text(said.zh, "dim"), Text(f"{count:,}", "dim"))
    table.add_row("dead letters", "死信", f"{sum(ledger.letters.values()):,}")
    return Group(table, Padding(Text(LIVE_CLOCKS, "dim"), (0, 0, 0, 1)))


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in counts.items())


def weeks(played: Weeks) -> RenderableType:
    """What deadlines and callbacks came to, story by story, and how many of what."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for story, shown, en, zh in WEEKS_SHOWN:
        fact = played.of(story, shown)
        if fact is None:
            continue
        data = fact["data"]
        at = datetime.fromisoformat(fact["time"]).astimezone(ZONE)
        told = (data.get("reason_en"), data.get("reason_zh"))
        said = _both(*told) if all(told) else Prose(Text(data.get("cause") or ""))
        what = Text(f"{en}\n", COLOUR_OF.get(shown.partition(" ")[0], "")) + Text(zh, ZH)
        table.add_row(what, f"{fact['subject']}\n{at:%m-%d %a %H:%M}", said)
    counts = _table()
    counts.add_row("events of history", "历史事件", f"{played.events:,}")
    for topic, (en, zh) in STATED.items():
        found = played.counts(topic)
        counts.add_row(en, zh, f"{sum(found.values()):,}", Text(_counted(found), "dim"))
    return Group(table, counts)


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
        ("after 入账", shown.after, MASK, "green"),
    ):
        lines = Text("\n").join(Text(clip(text, 240)) for text in said.values())
        lines.highlight_regex(pattern, style)
        table.add_row(when, Prose(lines))
    return table


def reasons(result: Result) -> RenderableType:
    """A ticket for each verdict and reason, with the words of its fact."""
    table = _rows()
    order = list(words.VERDICTS)
    for fact in sorted(result.reasons, key=lambda each: order.index(each["data"]["verdict"])):
        data = fact["data"]
        if data["verdict"] == "new" and data["reason"] not in TOLD_OF_NEW:
            continue
        said = words.VERDICTS[data["verdict"]]
        style = COLOURS[data["verdict"]]
        table.add_row(
            Text(f"{data['verdict']}\n{said.zh}", style),
            f"{fact['subject']}\n{data['rule']} {data['reason']}",
            _both(data["reason_en"], data["reason_zh"]),
        )
    return table


def causes(result: Result) -> RenderableType:
    """A repeat for each root cause, and what shows it (R23)."""
    table = _rows()
    for fact in result.causes:
        cause = fact["data"]["root_cause"]
        said = words.ENUMS["root_cause"][cause["cause"]]
        table.add_row(
            Text(f"{cause['cause']}\n{said.zh}"),
            f"{fact['subject']}\nfirst 首次 {fact['data']['chain']['first_ticket']}",
            _both(cause["evidence_en"], cause["evidence_zh"]),
        )
    return table


def overturn(shown: Overturn) -> RenderableType:
    """What the rule had said, and what holds."""
    table = _rows()
    for when, data in (("before 原认定", shown.before), ("after 现认定", shown.after)):
        said = words.VERDICTS[data["verdict"]]
        table.add_row(
            when,
            Text(f"{data['verdict']}\n{said.zh}", COLOURS[data["verdict"]]),
            _both(data["reason_en"], data["reason_zh"]),
        )
    mark = shown.after.get("mark") or {}
    table.add_row("", shown.ticket, Text(mark.get("text") or "", ZH))
    return table


def notice(shown: Mapping[str, Any]) -> RenderableType:
    """What the citizen is told on receipt (R2)."""
    return Padding(_both(shown["data"]["text_en"], shown["data"]["text_zh"]), (0, 0, 0, 1))


def call(shown: Call) -> RenderableType:
    """What the agent asked, was told, and what became of the ticket."""
    verdict = shown.answer["verdict"]
    held, after = shown.story["verdict"], shown.overturned
    phone = shown.question["identities"][0]["value"]
    lines: list[RenderableType] = [
        Text("POST /v1/contacts/assess", "bold")
        + Text(f"  phone {phone}, leaf {shown.question['leaf']}: {shown.milliseconds:.0f} ms", ZH),
        _indented(
            Text(f"{verdict['verdict']} {verdict['rule']} {verdict['reason']}", "bold"),
            _both(verdict["reason_en"], verdict["reason_zh"]),
            Text("say to the citizen 答复口径", "dim"),
            _both(shown.answer["say"]["en"], shown.answer["say"]["zh"]),
        ),
        Text("POST /v1/events", "bold")
        + Text(f"  {shown.event['subject']}, with a new picture: {shown.taken['status']}", ZH),
        Text(f"GET /v1/tickets/{shown.event['subject']}", "bold")
        + Text(
            f"  events {len(shown.story['events'])}, facts {len(shown.story['facts'])}; "
            f"verdict after {shown.seconds:.1f} s",
            ZH,
        ),
        _indented(
            Text(f"{held['verdict']} {held['rule']} {held['reason']}", COLOURS[held["verdict"]]),
            _both(held["reason_en"], held["reason_zh"]),
        ),
        Text("POST /v1/events", "bold") + Text("  an inspector overturns it", ZH),
        _indented(
            Text(f"{after['verdict']} {after['rule']} {after['reason']}", COLOURS["overturned"]),
            _both(after["reason_en"], after["reason_zh"]),
        ),
    ]
    return Padding(Group(*lines), (0, 0, 0, 1))


def _indented(*lines: RenderableType) -> RenderableType:
    return Padding(Group(*lines), (0, 0, 0, 3))


def _both(en: str, zh: str) -> RenderableType:
    return Prose(Text(f"{en}\n{zh}"))


def _rows() -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
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
        what = f"{each.outputs:,} records and {each.states:,} states"
        same = "the same, byte for byte"
        if not each.states:
            what = f"{each.outputs:,} last verdicts of citizens whose identities were linked"
            same = "the same (how often one was restated depends on which partition was ahead)"
        lines.append(
            Text.assemble(
                ("✓ " if each.same else "✗ ", style),
                f"{service.partition(',')[0]} computed again in memory: {what} "
                f"{'are' if each.same else 'are not all'} {same}",
            )
        )
    if result.weeks is not None:
        each = result.weeks.comparison
        lines.append(
            Text.assemble(
                ("✓ " if each.same else "✗ ", style),
                f"the three weeks computed again in memory: {each.outputs:,} records "
                f"{'are' if each.same else 'are not all'} the same, byte for byte",
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
        "reasons": {
            f"{fact['data']['verdict']} {fact['data']['reason']}": fact["subject"]
            for fact in result.reasons
        },
        "root_causes": {
            fact["data"]["root_cause"]["cause"]: fact["subject"] for fact in result.causes
        },
        "overturned": None
        if result.overturn is None
        else {
            "ticket": result.overturn.ticket,
            "before": result.overturn.before["reason"],
            "after": result.overturn.after["reason"],
        },
        "notice": None if result.notice is None else result.notice["data"]["text_zh"],
        "call": None
        if result.call is None
        else {
            "assessed": result.call.answer["verdict"]["reason"],
            "say": result.call.answer["say"],
            "milliseconds": round(result.call.milliseconds, 1),
            "ticket": result.call.event["subject"],
            "verdict": result.call.story["verdict"]["verdict"],
            "reason": result.call.story["verdict"]["reason"],
            "overturned": result.call.overturned["verdict"],
            "seconds": round(result.call.seconds, 2),
        },
        "stated": result.stated,
        "weeks": None
        if result.weeks is None
        else {
            "events": result.weeks.events,
            "same": result.weeks.comparison.same,
            "outputs": result.weeks.comparison.outputs,
            "sla": result.weeks.counts(SLA.name),
            "callbacks": result.weeks.counts(CALLBACKS.name),
            "commands": result.weeks.counts(COMMANDS.name),
            "shown": {
                shown: fact["subject"]
                for story, shown, _, _ in WEEKS_SHOWN
                if (fact := result.weeks.of(story, shown)) is not None
            },
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
