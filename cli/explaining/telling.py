"""Shows a story: for a person by rich, for a program as JSON."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.explaining.clocks import Clock, Days, Statement, Task
from cli.explaining.prose import Prose
from cli.explaining.speaker import minute
from cli.explaining.story import Aside, Happening, Judgement, Notice, Story
from cli.explaining.words import Words

Language = Literal["en", "zh", "both"]
COLOURS = {
    "new": "green",
    "candidate": "yellow",
    "confirmed": "red",
    "excluded": "blue",
    "overturned": "magenta",
}
CLOCK_COLOURS = {
    "warning": "yellow",
    "breached": "red",
    "paused": "blue",
    "met": "green",
    "answered": "green",
    "uncontacted": "red",
}
ZH = "cyan"


def show(story: Story, console: Console, language: Language = "both") -> None:
    """Print the whole story."""
    for part in rendered(story, language):
        console.print(part)


def rendered(story: Story, language: Language = "both") -> Iterator[RenderableType]:
    """Its parts, in order."""
    teller = _Teller(language)
    yield teller.heading(story)
    if story.happenings:
        yield teller.rule("What happened", "办理经过", len(story.happenings))
        yield teller.happenings(story.happenings, story.ticket)
    if story.judgements:
        yield teller.rule("Is it a repeat, and why", "是否重复及理由", len(story.judgements))
        for before, judgement in zip((None, *story.judgements), story.judgements, strict=False):
            yield teller.judgement(judgement, before)
    if story.first is not None:
        yield teller.rule("The first complaint, and how it was handled", "首次投诉处理情况")
        yield Padding(Prose(teller.both(story.first.said)), (0, 0, 0, 1))
        if story.first.happenings:
            yield teller.happenings(story.first.happenings, story.first.ticket)
    if story.clocks:
        yield teller.rule("Deadlines", "时限", len(story.clocks))
        for clock in story.clocks:
            yield teller.clock(clock)
    if story.tasks:
        yield teller.rule("Callbacks", "回访", len(story.tasks))
        for task in story.tasks:
            yield teller.task(task)
    if story.notices:
        yield teller.rule("Who was told what", "告知", len(story.notices))
        yield teller.notices(story.notices)
    if story.letters:
        yield teller.rule("Put aside", "死信", len(story.letters))
        yield teller.letters(story.letters)


class _Teller:
    def __init__(self, language: Language) -> None:
        self.language = language

    def both(self, said: Words, *, style: str = "") -> Text:
        """One line a language; one alone if they are the same."""
        if self.language == "en" or (self.language == "both" and said.en == said.zh):
            return Text(said.en, style=style)
        if self.language == "zh":
            return Text(said.zh, style=style)
        return Text.assemble((said.en, style), "\n", (said.zh, style or ZH))

    def short(self, en: str, zh: str) -> str:
        """A label: both on one line."""
        return {"en": en, "zh": zh, "both": f"{en} {zh}"}[self.language]

    def rule(self, en: str, zh: str, count: int | None = None) -> Rule:
        title = self.short(en, zh) + ("" if count is None else f" ({count})")
        return Rule(Text(title, style="bold"), align="left", style="dim")

    def heading(self, story: Story) -> Text:
        text = Text.assemble((story.ticket, "bold"))
        if story.judgements:
            last = story.judgements[-1]
            said = self.short(last.said.en.partition(" (was")[0], last.said.zh.partition("（原")[0])
            text.append("  ")
            text.append(said, style=COLOURS.get(last.verdict, ""))
        text.append(f"  {story.zone}", style="dim")
        return text

    def happenings(self, happenings: Sequence[Happening], ticket: str) -> Table:
        table = _table()
        table.add_column(justify="right", style="dim", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        usual = happenings[0].publisher
        together = {each.recorded_said for each in happenings}
        if len(happenings) > 1 and len(together) == 1 and "" not in together:
            (recorded,) = together
            told = self.short(f"all recorded {recorded}", f"均于 {recorded} 记录")
            table.add_row("", "", Text(told, style="dim"))
        else:
            together = set()
        for each in happenings:
            when = Text(_when(each.at))
            if each.recorded_said and not together:
                label = "记录" if self.language == "zh" else "recorded"
                when.append(f"\n{label} {each.recorded_said}", style="dim")
            said = self.both(each.said)
            aside = [] if each.subject == ticket else [each.subject]
            if each.publisher != usual:
                aside.append(each.publisher)
            if aside:
                said.append(f"  [{', '.join(aside)}]", style="dim")
            for text in each.quoted:
                quoted = f"“{text}”" if self.language == "en" else f"「{text}」"
                said.append(f"\n{quoted}", style="italic")
            if each.anomaly_said:
                said.append("\n⚠ ", style="yellow")
                said.append(self.short(*each.anomaly_said), style="yellow")
            own = each.sequence if each.subject == ticket else None
            table.add_row("" if own is None else str(own), when, Prose(said))
        return table

    def judgement(self, each: Judgement, before: Judgement | None) -> RenderableType:
        """A revision; what is as in the one before is not said again."""
        head = Text.assemble(
            (f" {each.revision}  ", "dim"),
            f"{_when(each.at)}  ",
            (self.short(*each.said), f"bold {COLOURS.get(each.verdict, '')}"),
            (f"  {each.rule} {each.reason}", "dim"),
        )
        table = _table()
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        rows: list[tuple[str, str, Words]] = [
            ("why", "理由", each.why),
            ("stated because", "起因", each.cause),
            ("window", "窗口", each.window),
            ("chain", "链", each.chain),
            *(("earlier", "先前工单", evidence) for evidence in each.evidence),
            ("rests on", "认定依据", each.rests_on),
            ("root cause", "根因", each.root_cause),
            ("charged to", "首次处理", each.charged_to),
            ("tell", "话术", each.prompt),
            ("marked", "人工认定", each.mark),
            ("mark without effect", "未生效认定", each.refused),
        ]
        known = (
            ()
            if before is None
            else (before.window, before.chain, before.rests_on, before.charged_to, *before.evidence)
        )
        for en, zh, said in rows:
            if said and said not in known:
                table.add_row(self.short(en, zh), Prose(self.both(said)))
        if before is None or before.policy != each.policy:
            table.add_row(self.short("policy", "规则版本"), Text(each.policy, style="dim"))
        return Group(Prose(head), Padding(table, (0, 0, 0, 3)))

    def clock(self, clock: Clock) -> RenderableType:
        """A clock: its rule, what was stated of it, and which days counted."""
        last = clock.statements[-1]
        head = Text.assemble(
            " ",
            (self.short(*clock.title), "bold"),
            (f"  {clock.id}" if ":" in clock.id else "", "dim"),
            f"  {clock.whose}" if clock.whose else "",
            "  ",
            (self.short(*last.said), CLOCK_COLOURS.get(last.kind, "")),
        )
        table = _table()
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        if clock.rule:
            table.add_row(self.short("rule", "规则"), Prose(self.both(clock.rule)))
        for each in clock.statements:
            table.add_row(_when(each.at), self._stated(each))
        for days in clock.days:
            table.add_row("", self._days(days))
        if clock.held:
            table.add_row("", Prose(self.both(clock.held)))
        return Group(Prose(head), Padding(table, (0, 0, 0, 3)))

    def task(self, task: Task) -> RenderableType:
        table = _table()
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for each in task.statements:
            table.add_row(_when(each.at), self._stated(each))
        head = Text.assemble(
            " ", (self.short(f"close {task.round}", f"第 {task.round} 次结案"), "bold")
        )
        head.append(f"  {task.id}", style="dim")
        return Group(Prose(head), Padding(table, (0, 0, 0, 3)))

    def _stated(self, each: Statement) -> Prose:
        said = Text(self.short(*each.said), style=CLOCK_COLOURS.get(each.kind, ""))
        if each.moved_from is not None and each.due is not None:
            said.append(f"  {minute(each.moved_from)} → {minute(each.due)}")
        elif each.due is not None:
            said.append(f"  {minute(each.due)}")
        if each.cause:
            said.append(f"  ({self.short(*each.cause)})", style="dim")
        said.append("\n")
        said.append(self.both(each.why))
        return Prose(said)

    def _days(self, days: Days) -> Text:
        label = self.short("counts", "计入") if days.counted else self.short("not", "不计")
        return Text(
            f"{days.said}: {label} — {self.short(*days.why)}", style="" if days.counted else "dim"
        )

    def notices(self, notices: Sequence[Notice]) -> Table:
        table = _table()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for each in notices:
            said = self.both(each.said)
            if each.alarm:
                said.append("\n⚠ ", style="yellow")
                said.append(self.short(*each.alarm), style="yellow")
            table.add_row(_when(each.at), self.short(*each.to), Prose(said))
        return table

    def letters(self, letters: Sequence[Aside]) -> Table:
        table = _table()
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, style="dim")
        table.add_column(overflow="fold")
        for each in letters:
            said = self.both(
                Words(
                    f"{each.said.en}: {each.detail}; {each.waits_for.en}",
                    f"{each.said.zh}：{each.detail}；{each.waits_for.zh}",
                )
            )
            table.add_row(minute(each.at), f"{each.service} {each.reason}", Prose(said))
        return table


def document(story: Story) -> dict[str, Any]:
    """All of it for a program, texts in full."""
    return {
        "ticket": story.ticket,
        "time_zone": story.zone,
        "events": [_event(each) for each in story.happenings],
        "verdicts": [
            {
                "revision": each.revision,
                "verdict": each.verdict,
                "time": _iso(each.at),
                "said": each.said._asdict(),
                "why": each.why._asdict(),
                "cause": each.cause._asdict(),
                "window": _or_none(each.window),
                "chain": _or_none(each.chain),
                "evidence": [evidence._asdict() for evidence in each.evidence],
                "rests_on": _or_none(each.rests_on),
                "root_cause": _or_none(each.root_cause),
                "charged_to": _or_none(each.charged_to),
                "prompt": _or_none(each.prompt),
                "mark": _or_none(each.mark),
                "refused_mark": _or_none(each.refused),
                "policy": each.policy,
                "fact": dict(each.fact),
            }
            for each in story.judgements
        ],
        "first_ticket": None
        if story.first is None
        else {
            "ticket": story.first.ticket,
            "said": story.first.said._asdict(),
            "events": [_event(each) for each in story.first.happenings],
        },
        "clocks": [
            {
                "clock": each.id,
                "title": each.title._asdict(),
                "rule": _or_none(each.rule),
                "department": each.whose or None,
                "statements": [_stated(one) for one in each.statements],
                "held": _or_none(each.held),
                "days": [
                    {
                        "first": days.first.isoformat(),
                        "last": days.last.isoformat(),
                        "counted": days.counted,
                        "why": days.why._asdict(),
                    }
                    for days in each.days
                ],
            }
            for each in story.clocks
        ],
        "callbacks": [
            {
                "task": each.id,
                "round": each.round,
                "statements": [_stated(one) for one in each.statements],
            }
            for each in story.tasks
        ],
        "notices": [
            {
                "time": _iso(each.at),
                "to": each.to._asdict(),
                "said": each.said._asdict(),
                "alarm": _or_none(each.alarm),
                "fact": dict(each.fact),
            }
            for each in story.notices
        ],
        "dead_letters": [
            {
                "time": _iso(each.at),
                "service": each.service,
                "reason": each.reason,
                "detail": each.detail,
                "position": each.position or None,
                "said": each.said._asdict(),
                "waits_for": each.waits_for._asdict(),
            }
            for each in story.letters
        ],
        "scanned": dict(story.scanned),
    }


def _event(each: Happening) -> dict[str, Any]:
    return {
        "sequence": each.sequence,
        "subject": each.subject,
        "kind": each.kind,
        "time": _iso(each.at),
        "recorded": _iso(each.recorded),
        "source": each.publisher,
        "said": each.said._asdict(),
        "anomaly": each.anomaly,
        "anomaly_said": _or_none(each.anomaly_said),
        "data": dict(each.data),
    }


def _stated(each: Statement) -> dict[str, Any]:
    return {
        "time": _iso(each.at),
        "kind": each.kind,
        "said": each.said._asdict(),
        "why": each.why._asdict(),
        "cause": _or_none(each.cause),
        "due": _iso(each.due),
        "moved_from": _iso(each.moved_from),
        "policy": each.policy,
        "fact": dict(each.fact),
    }


def _table() -> Table:
    return Table(box=None, show_header=False, pad_edge=True, padding=(0, 1))


def _when(local: datetime | None) -> str:
    return "?" if local is None else minute(local)


def _iso(local: datetime | None) -> str | None:
    return None if local is None else local.isoformat()


def _or_none(said: Words) -> dict[str, str] | None:
    return said._asdict() if said else None
