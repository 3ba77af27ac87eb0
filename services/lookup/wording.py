"""What the agent tells the citizen, in words (R17, R18, R21). Pure."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from policy.bundle import Policy
from policy.organisation import Organisation
from rules.repeats import Judgement
from rules.ticket.brief import Brief
from rules.ticket.view import Owner
from rules.words import NOBODY, PROMPTS, PROOF_BY_CITIZEN, PROOF_BY_FINDING, REASONS, Said
from services.lookup.assessing import Opinion
from services.lookup.store import Found

STAGES: Final[dict[str, Said]] = {
    "dispatch": Said("to be passed to a department", "待派单"),
    "accept": Said("passed on, to be accepted", "已派单, 待签收"),
    "handle": Said("being handled", "办理中"),
    "return": Said("the department asks to return it", "退单审核中"),
    "hold": Said("on hold", "挂起"),
    "review": Said("answered, under review", "已回单, 审核中"),
    "close": Said("answered, to be closed", "已回单, 待结案"),
    "closed": Said("closed", "已结案"),
    "withdrawn": Said("withdrawn", "已撤单"),
    "not_accepted": Said("not accepted", "不予受理"),
}
"""Where a ticket stands, by its open step, else by its phase."""
UNIT_NOT_KNOWN: Final = Said("the department in charge", "承办单位")
_HOTLINE: Final = Said("the hotline", "热线中心")

_SAY: Final[dict[str, Said]] = {
    "in_progress": Said(
        "Your earlier ticket {case} about this is {stage}, with {owner}{due}. I note that you "
        "asked and pass it on; no new ticket is needed.",
        "您反映的这个问题已有工单 {case}, 目前{stage}, 由{owner}负责{due}。"
        "我已为您登记催办, 不需要重复建单。",
    ),
    "overdue_before": Said(
        "Your earlier ticket {case} about this is {stage}, with {owner}, and its deadline has "
        "passed{due}. I register your complaint again and chase it.",
        "您反映的这个问题已有工单 {case}, 目前{stage}, 由{owner}负责, 已超过办理时限{due}。"
        "我为您再次登记并催办。",
    ),
    "closed_no_new_evidence": Said(
        "Your earlier ticket {case} about this was closed on {since} by {owner}{result}. If you "
        "have anything new to show, I register it at once.",
        "您反映的这个问题 (工单 {case}) 已由{owner}于 {since} 办结{result}。"
        "如果您有新的证据或材料, 我马上为您登记。",
    ),
    "new_fault_same_kind": Said(
        "The last one (ticket {case}) was fixed on {since} by {owner}{result}; this is a new "
        "fault. I register a new ticket for it at once.",
        "上一次的问题 (工单 {case}) 已由{owner}于 {since} 解决{result}; 这次是新出现的故障, "
        "我马上为您另行登记派单。",
    ),
    "closed_new_evidence": Said(
        "Your earlier ticket {case} was closed on {since}{result}. As you bring something new, I "
        "register it with your material.",
        "您此前的工单 {case} 已于 {since} 办结{result}。您提供了新的证据, "
        "我为您重新登记并附上材料。",
    ),
    "unresolved_before": Said(
        "I see your earlier ticket {case}, closed on {since}{result}. As it is not resolved, I "
        "register it again; your earlier ticket goes with it.",
        "我看到您此前的工单 {case} 已于 {since} 结案{result}。由于问题仍未解决, "
        "我为您再次登记, 并关联此前的工单。",
    ),
}
"""By the reason of the judgement."""
_PERHAPS: Final = Said(
    "There is an earlier ticket {case} on the same subject ({stage}). Please ask the citizen "
    "whether it is the same matter.",
    "该市民有一张同类工单 {case} ({stage}), 请向市民核实是否为同一问题。",
)
_SHARED: Final = Said(
    "Several people use this number. Ask who is calling before you speak of ticket {case}.",
    "该号码由多人共用。请先核实来电人身份, 再谈工单 {case}。",
)
_NOTHING: Final = Said(
    "No earlier ticket on this: register it as new.", "没有同类的更早工单, 请按新诉求登记。"
)

_RESULT: Final = Said(": {words}", ", 处理结果: {words}")
_CONFIRMED: Final = Said(
    "; you said on {day} that it was resolved", ", 您于 {day} 回访时表示已解决"
)
_DUE: Final = Said(", due {day}", ", 时限 {day}")
_LATE: Final = Said(", due {day} and late", ", 时限 {day}, 已超时")


def stage_of(brief: Brief) -> tuple[str, Said]:
    """The slug of where the ticket stands, and its words."""
    slug = brief.step.name if brief.step is not None else brief.phase or ""
    return slug, STAGES.get(slug, Said("not known", "不详"))


def owner_words(owner: Owner | None, organisation: Organisation) -> Said:
    """Who has it, by the name that the directory gives."""
    if owner is None or not (owner.unit or owner.person):
        return UNIT_NOT_KNOWN
    if owner.unit is None:
        return _HOTLINE
    name = unit_name(owner.unit, organisation)
    return Said(name, name)


def unit_name(code: str, organisation: Organisation) -> str:
    """The name of a unit; an unknown one as the platform writes it."""
    unit = organisation.unit(code)
    return unit.name if unit is not None else code


def say(opinion: Opinion, at: datetime, policy: Policy) -> Said:
    """What to tell the citizen at this instant."""
    judgement, case = opinion.judgement, opinion.case
    if judgement is None:
        return Said("", "")
    if case is None:
        return _NOTHING
    shared = judgement.reason == "shared_number"
    said = _SHARED if shared else _SAY.get(judgement.reason, _PERHAPS)
    return _filled(said, judgement, case, at, policy)


def why(opinion: Opinion, at: datetime, channel: str | None, policy: Policy) -> Said:
    """The reason of the likely verdict, as the verdict itself will say it (R15)."""
    judgement, case, zone = opinion.judgement, opinion.case, policy.time_zone
    assert judgement is not None, "asked only of what was judged"
    window = policy.repeat.window(opinion.leaf, channel)
    position = case.position if case is not None else None
    return REASONS[judgement.reason].said.fill(
        {
            "opens": day(window.opens(at, zone), zone),
            "first": (case.first if case is not None else None) or judgement.case or "?",
            "position": "?" if position is None else position + 1,
            "by": "?",
            "clause": "?",
            "case": judgement.case or "?",
            "score": f"{judgement.match.score:.2f}",
            "since": day(judgement.since, zone),
            "due": day(judgement.due, zone),
        }
    )


def rule(reason: str) -> str:
    """The requirement that a reason comes from."""
    return REASONS[reason].rule


def prompt(opinion: Opinion, policy: Policy) -> Said:
    """What the agent has to see to, as the verdict itself will say it (R17, R18, R21)."""
    judgement, case, zone = opinion.judgement, opinion.case, policy.time_zone
    said = PROMPTS.get(judgement.reason) if judgement is not None else None
    if said is None or judgement is None or case is None:
        return Said("", "")
    handling = case.brief.handling
    proof = PROOF_BY_CITIZEN if handling.resolved else PROOF_BY_FINDING
    called_back = day(handling.called_back_at, zone)
    department = handling.charged_to.department
    name = None if department is None else unit_name(department, policy.organisation)
    texts = [
        text.format(
            case=judgement.case,
            since=day(judgement.since, zone),
            due=day(judgement.due, zone),
            department=name or nobody,
            proof=shown.format(called_back=called_back),
        )
        for text, nobody, shown in zip(said, NOBODY, proof, strict=True)
    ]
    return Said(*texts)


def day(at: datetime | None, zone: ZoneInfo) -> str:
    """The local date."""
    return "?" if at is None else at.astimezone(zone).date().isoformat()


def minute(at: datetime, zone: ZoneInfo) -> str:
    """The local date and time."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def _filled(said: Said, judgement: Judgement, case: Found, at: datetime, policy: Policy) -> Said:
    zone, brief = policy.time_zone, case.brief
    _, stage = stage_of(brief)
    owner = owner_words(_owner(brief), policy.organisation)
    due_at = case.due_at or (None if case.paused else judgement.due)
    # Repeat detection knows what the platform promised; that a clock of the policy ran out too.
    is_late = judgement.reason == "in_progress" and due_at is not None and due_at < at
    named = _LATE if is_late else _DUE
    texts = []
    for language in range(2):
        due = "" if due_at is None else named[language].format(day=minute(due_at, zone))
        words = {
            "case": brief.ticket,
            "stage": stage[language],
            "owner": owner[language],
            "due": due,
            "since": day(judgement.since, zone),
            "result": _result(brief, language, zone),
        }
        texts.append(said[language].format_map(words))
    return Said(*texts)


def _owner(brief: Brief) -> Owner | None:
    if brief.step is not None:
        return brief.step.owner
    hands = brief.handling.charged_to
    return Owner(hands.department, hands.team, hands.handler) if hands.department else None


def _result(brief: Brief, language: int, zone: ZoneInfo) -> str:
    """The earlier result (R17), and the citizen's own word for it (R21)."""
    words = (brief.reply.words if brief.reply else "") or (
        brief.closing.words if brief.closing else ""
    )
    found = _RESULT[language].format(words=words.rstrip("。. ")) if words else ""
    callback = brief.callback
    if callback is not None and callback.contacted and callback.resolved:
        found += _CONFIRMED[language].format(day=day(callback.at, zone))
    return found
