"""From what was read of a ticket to its story: what happened, what was said of it, and why.

Pure: no topic, no clock, no output. Every sentence is there in English and Chinese.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cli.explaining import words
from cli.explaining.clocks import Clock, Task, clocks_of, tasks_of
from cli.explaining.material import Document, Material, Seen
from cli.explaining.speaker import Speaker, alike, join, kind_of, minute
from cli.explaining.words import Words, fill

SAME_TIME: Final = timedelta(minutes=1)
"""Recorded so soon after it happened, there is nothing to tell about it."""
HANDLING: Final = frozenset(
    {
        *("ticket.received", "ticket.imported", "ticket.dispatched", "ticket.designated"),
        *("dispatch.accepted", "return.approved", "reply.submitted", "reply.rejected"),
        *("reply.approved", "ticket.closed", "callback.answered", "ticket.reopened"),
        *("ticket.withdrawn", "ticket.not_accepted", "finding.recorded"),
    }
)
"""How a ticket was handled, without what only reports on the way (R22)."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of the ticket, or a contact or call about it."""

    at: datetime | None
    """When it happened, by the publisher."""
    recorded: datetime | None
    """When the hotline learnt of it."""
    sequence: int | None
    kind: str
    subject: str
    publisher: str
    identity: str
    said: Words
    quoted: tuple[str, ...]
    """What people wrote or said, in their own language."""
    anomaly: str | None
    anomaly_said: Words
    data: Mapping[str, Any]

    @property
    def recorded_said(self) -> str:
        """As far as it differs from when it happened; empty if it does not."""
        if self.at is None or self.recorded is None or abs(self.recorded - self.at) < SAME_TIME:
            return ""
        if self.recorded.date() == self.at.date():
            return self.recorded.strftime("%H:%M")
        return minute(self.recorded)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One revision of the verdict."""

    revision: int
    verdict: str
    at: datetime | None
    rule: str
    reason: str
    said: Words
    why: Words
    cause: Words
    """What led to this revision, and which event."""
    window: Words
    chain: Words
    evidence: tuple[Words, ...]
    """Earlier tickets: what is the same, what differs (R13)."""
    rests_on: Words
    """The earlier ticket that decided, how surely it is of the matter, how it stood (R13, R17)."""
    root_cause: Words
    """Of a confirmed repeat, and what shows it (R23)."""
    charged_to: Words
    """Who first handled it (R22)."""
    prompt: Words
    """What the agent tells the citizen (R17, R18, R21)."""
    mark: Words
    refused: Words
    """A mark that changed nothing (R19)."""
    replaces: str | None
    policy: str
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notice:
    """What somebody was told of the ticket (R2, R3)."""

    at: datetime | None
    to: Words
    said: Words
    alarm: Words
    """Where nobody fills the role that should have been told (R5)."""
    fact: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Aside:
    """A dead letter of the ticket."""

    at: datetime
    service: str
    reason: str
    detail: str
    said: Words
    waits_for: Words
    """What it waits behind, or what became of it."""
    position: str


@dataclass(frozen=True, slots=True)
class First:
    """首次投诉 and how it was handled (R22)."""

    ticket: str
    said: Words
    """As known when the last verdict was stated."""
    happenings: tuple[Happening, ...]
    """As the log says now."""


@dataclass(frozen=True, slots=True)
class Story:
    ticket: str
    zone: str
    happenings: tuple[Happening, ...]
    judgements: tuple[Judgement, ...]
    clocks: tuple[Clock, ...]
    tasks: tuple[Task, ...]
    notices: tuple[Notice, ...]
    letters: tuple[Aside, ...]
    first: First | None
    """None when no verdict names an earlier one."""
    scanned: Mapping[str, int]


def tell(material: Material, speaker: Speaker) -> Story:
    """The story of the ticket of which ``material`` was collected."""
    happenings = _happenings([*material.events, *material.contacts()], material.ticket, speaker)
    by_identity = {each.identity: each for each in happenings}
    judgements: list[Judgement] = []
    for fact in material.facts:
        judgements.append(_judgement(fact, judgements, by_identity, speaker))
    return Story(
        ticket=material.ticket,
        zone=str(speaker.zone),
        happenings=happenings,
        judgements=tuple(judgements),
        clocks=clocks_of(material.clocks, speaker),
        tasks=tasks_of(material.tasks, speaker),
        notices=tuple(_notice(each, speaker) for each in material.notices),
        letters=tuple(_aside(each, material.blockers, speaker) for each in material.letters),
        first=_first(material, speaker),
        scanned=dict(material.scanned),
    )


def _happenings(events: Sequence[Document], ticket: str, speaker: Speaker) -> tuple[Happening, ...]:
    """In the order in which the hotline learnt of them: what a verdict could know by then."""

    def order(event: Document) -> tuple[str, int, int]:
        local = speaker.local(event.get("recordedtime") or event.get("time"))
        mine = event.get("subject") == ticket
        return "" if local is None else local.isoformat(), int(mine), event.get("sequence") or 0

    return tuple(_happening(event, speaker) for event in sorted(events, key=order))


def _happening(event: Document, speaker: Speaker) -> Happening:
    recorded = speaker.local(event.get("recordedtime"))
    anomaly = event.get("anomaly")
    return Happening(
        at=speaker.local(event.get("time")),
        recorded=recorded,
        sequence=event.get("sequence"),
        kind=kind_of(event),
        subject=str(event.get("subject", "")),
        publisher=str(event.get("source", "")),
        identity=f"{event.get('source', '')} {event.get('id', '')}",
        said=speaker.event(event, recorded),
        quoted=speaker.quoted(event),
        anomaly=anomaly,
        anomaly_said=anomaly_said(anomaly) if anomaly else words.NOTHING,
        data=event.get("data") or {},
    )


def anomaly_said(slug: str) -> Words:
    """Why the fact does not fit, in words; a slug nobody knows stands for itself."""
    if slug in words.ANOMALIES:
        return words.ANOMALIES[slug]
    _, when, phase = slug.partition("_when_")
    if slug.endswith("_unasked"):
        return words.ANOMALY_UNASKED
    if not when:
        return alike(slug)
    return fill(words.ANOMALY_WHEN, {"phase": words.PHASES.get(phase, alike(phase))})


def _judgement(
    fact: Document,
    before: Sequence[Judgement],
    by_identity: Mapping[str, Happening],
    speaker: Speaker,
) -> Judgement:
    data = fact["data"]
    at = speaker.local(fact.get("time"))
    verdict = data["verdict"]
    said = words.VERDICTS.get(verdict, alike(verdict))
    replaced = next((each for each in before if each.fact["id"] == data.get("replaces")), None)
    if replaced is not None and replaced.verdict != verdict:
        old = words.VERDICTS.get(replaced.verdict, alike(replaced.verdict))
        said = Words(f"{said.en} (was {replaced.verdict})", f"{said.zh}（原为{old.zh}）")
    mark = data.get("mark")
    return Judgement(
        revision=data["revision"],
        verdict=verdict,
        at=at,
        rule=data["rule"],
        reason=data["reason"],
        said=said,
        why=Words(data["reason_en"], data["reason_zh"]),
        cause=_cause(data["cause"], fact.get("causationid") or "", by_identity),
        window=_window(data.get("window"), speaker),
        chain=_chain(data.get("chain"), str(fact.get("subject", ""))),
        evidence=_evidence(data, speaker),
        rests_on=_rests_on(data.get("rests_on")),
        root_cause=_root_cause(data.get("root_cause")),
        charged_to=_charged_to(data.get("charged_to")),
        prompt=Words(data["prompt_en"], data["prompt_zh"])
        if data.get("prompt_en")
        else words.NOTHING,
        mark=speaker.say(words.MARK, mark, at) if mark else words.NOTHING,
        refused=speaker.say(words.MARK, data["refused_mark"], at)
        if data.get("refused_mark")
        else words.NOTHING,
        replaces=data.get("replaces"),
        policy=fact.get("policyversion") or "",
        fact=fact,
    )


def _cause(slug: str, causation: str, by_identity: Mapping[str, Happening]) -> Words:
    if slug in words.CAUSES:
        said = words.CAUSES[slug]
    else:
        base = slug.removeprefix("earlier_")
        cause = words.CAUSES.get(base, alike(base))
        said = fill(words.EARLIER_CAUSE, {"cause": cause}) if base != slug else cause
    event = by_identity.get(causation)
    if event is not None and event.sequence is not None:
        return Words(f"{said.en} (event {event.sequence})", f"{said.zh}（事件 {event.sequence}）")
    if causation:
        return Words(f"{said.en} ({causation})", f"{said.zh}（{causation}）")
    return said


def _window(window: Mapping[str, Any] | None, speaker: Speaker) -> Words:
    if not window:
        return words.NOTHING
    length, opens = window["length"], speaker.local(window["opens"])
    since = "?" if opens is None else minute(opens)
    if window["mode"] == "calendar_months":
        return Words(
            f"{length} calendar months, open since {since}", f"{length} 个自然月，自 {since} 起"
        )
    return Words(f"{length} days back, open since {since}", f"前 {length} 天，自 {since} 起")


def _chain(chain: Mapping[str, Any] | None, ticket: str) -> Words:
    if not chain or not chain["position"]:
        return words.NOTHING
    if chain["first_ticket"] == ticket:
        return Words("the first ticket of its chain", "本链首次投诉")
    position, first = chain["position"], chain["first_ticket"]
    return Words(
        f"ticket {position} of the chain that begins with {first}",
        f"自 {first} 起的第 {position} 次诉求",
    )


def _evidence(data: Mapping[str, Any], speaker: Speaker) -> tuple[Words, ...]:
    found = []
    shown = data.get("earlier") or ()
    for each in shown:
        local = speaker.local(each["time"])
        when = "?" if local is None else minute(local)
        same = join(words.MATCHED.get(name, alike(name)) for name in each["matched"])
        other = join(words.MATCHED.get(name, alike(name)) for name in each.get("differs") or ())
        differs = Words(f"; another {other.en}", f"；不同：{other.zh}") if other else words.NOTHING
        found.append(
            Words(
                f"{each['ticket']} of {when}: same {same.en}{differs.en}",
                f"{each['ticket']}（{when}）：相同：{same.zh}{differs.zh}",
            )
        )
    more = data.get("earlier_count", 0) - len(shown)
    if more > 0:
        found.append(Words(f"and {more} earlier ones", f"另有更早的 {more} 件"))
    return tuple(found)


def _notice(fact: Document, speaker: Speaker) -> Notice:
    data = fact["data"]
    person, unit = data.get("person"), data.get("unit_name")
    to = (
        words.CITIZEN
        if unit is None or data["notice"].startswith("citizen.")
        else Words(f"{person or '?'}, {unit}", f"{unit} {person or '?'}")
    )
    alarm = words.NOTHING
    if data.get("vacant"):
        alarm = fill(words.VACANT, {"role": alike(data["vacant"])})
    return Notice(
        at=speaker.local(fact.get("time")),
        to=to,
        said=Words(data["text_en"], data["text_zh"]),
        alarm=alarm,
        fact=fact,
    )


def _rests_on(rests_on: Mapping[str, Any] | None) -> Words:
    if not rests_on:
        return words.NOTHING
    parts = [
        Words(f"{said.en} {value:+.2f}", f"{said.zh} {value:+.2f}")
        for name, value in (rests_on.get("parts") or {}).items()
        for said in [words.MATCHED.get(name, alike(name))]
    ]
    made_of = join(parts)
    state = words.STATES.get(rests_on.get("state") or "", words.NOTHING)
    ticket, score = rests_on["ticket"], f"{rests_on['score']:.2f}"
    return Words(
        f"{ticket}: score {score}"
        + (f" ({made_of.en})" if made_of else "")
        + (f", {state.en} then" if state else ""),
        f"{ticket}：相似度 {score}"
        + (f"（{made_of.zh}）" if made_of else "")
        + (f"，当时{state.zh}" if state else ""),
    )


def _root_cause(found: Mapping[str, Any] | None) -> Words:
    if not found:
        return words.NOTHING
    cause = words.ENUMS["root_cause"].get(found["cause"], alike(found["cause"]))
    if found["by"] == "human":
        basis = words.MARKS["correct_cause"]
    else:
        basis = words.BASES.get(found["basis"], alike(found["basis"]))
    return Words(
        f"{cause.en} — {found['evidence_en']} ({basis.en}, {found['ticket']})",
        f"{cause.zh} — {found['evidence_zh']}（{basis.zh}，{found['ticket']}）",
    )


def _charged_to(charged: Mapping[str, Any] | None) -> Words:
    if not charged:
        return words.NOTHING
    who = [charged[name] for name in ("department", "team", "handler") if charged.get(name)]
    ticket = charged["ticket"]
    if not who:
        return Words(f"who first handled {ticket}: not known", f"{ticket} 的首次处理人不详")
    return Words(f"{', '.join(who)}, for {ticket}", f"{'、'.join(who)}（{ticket}）")


def _aside(letter: Seen, blockers: Mapping[str, Seen], speaker: Speaker) -> Aside:
    return Aside(
        at=letter.at.astimezone(speaker.zone),
        service=letter.service,
        reason=letter.reason,
        detail=letter.detail,
        said=words.LETTERS.get(letter.reason, alike(letter.reason)),
        waits_for=_waits_for(letter, blockers),
        position=letter.position,
    )


def _waits_for(letter: Seen, blockers: Mapping[str, Seen]) -> Words:
    if letter.put_back:
        return Words("was put back", "已重投")
    if not letter.waits:
        return Words("refused; nothing waits for it", "已拒收，无后续等待")
    if letter.blocked_by is None:
        return Words(
            "waits to be put back; what follows waits behind it", "待重投，后续事件随之等待"
        )
    blocker = blockers.get(letter.blocked_by)
    if blocker is None:
        return Words(f"waits behind {letter.blocked_by}", f"排在 {letter.blocked_by} 之后等待")
    why = words.LETTERS.get(blocker.reason, alike(blocker.reason))
    return Words(
        f"waits behind {letter.blocked_by}: {why.en} ({blocker.detail})",
        f"排在 {letter.blocked_by} 之后等待：{why.zh}（{blocker.detail}）",
    )


def _first(material: Material, speaker: Speaker) -> First | None:
    ticket = material.first_ticket
    if ticket is None:
        return None
    fact = material.facts[-1]
    return First(
        ticket=ticket,
        said=speaker.say(words.FIRST, fact["data"]["first"], speaker.local(fact.get("time"))),
        happenings=tuple(
            each
            for each in _happenings(material.first_events, ticket, speaker)
            if each.kind in HANDLING
        ),
    )
