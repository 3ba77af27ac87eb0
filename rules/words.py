"""What the rules say, in English and Chinese: reasons, what shows a root cause, what to tell."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple


class Said(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def fill(self, words: Mapping[str, object]) -> "Said":
        return Said(self.en.format_map(words), self.zh.format_map(words))


@dataclass(frozen=True, slots=True)
class Reason:
    """May name ``{opens}``, ``{since}``, ``{due}`` (local dates), ``{first}``, ``{case}``,
    ``{position}``, ``{score}``, ``{by}``, ``{clause}``."""

    rule: str
    en: str
    zh: str
    human: Said | None = None
    """When a human gave it (R15); None where that makes no difference."""

    @property
    def said(self) -> Said:
        return Said(self.en, self.zh)


REASONS: Final[dict[str, Reason]] = {
    "first_contact": Reason(
        "R12",
        "No earlier ticket of this citizen on this leaf since {opens}.",
        "该市民自 {opens} 起在同一末端节点没有更早的工单。",
    ),
    "same_citizen_and_leaf": Reason(
        "R12",
        "Contact {position} of this citizen on this leaf; the first was {first}, the window opened "
        "{opens}. Possibly a repeat: a human decides.",
        "同一市民、同一末端节点的第 {position} 次诉求, 首次为 {first}, 窗口自 {opens} 起。"
        "可能是重复投诉, 待人工认定。",
    ),
    "same_matter_likely": Reason(
        "R13",
        "Probably the same matter as {case} (score {score}), not surely enough for a rule: a human "
        "decides.",
        "与 {case} 很可能是同一问题 (相似度 {score}), 但不足以由规则认定, 待人工认定。",
    ),
    "shared_number": Reason(
        "R12",
        "Known only by a number that several people use, so perhaps another citizen than that of "
        "{case}: a human decides.",
        "仅凭多人共用的号码识别, 与 {case} 未必是同一市民, 待人工认定。",
    ),
    "result_not_inspected": Reason(
        "R17",
        "The citizen had said that {case} was resolved, but nobody is known to have approved its "
        "reply, so the result is not surely reasonable: a human decides.",
        "市民曾表示 {case} 已解决, 但未见回单审核通过, 处理结果是否合理尚不能确定, 待人工认定。",
    ),
    "unresolved_before": Reason(
        "R12",
        "The same matter as {case} (score {score}), which was closed on {since} without a result "
        "that is known to be reasonable: a repeat.",
        "与 {case} 为同一问题 (相似度 {score}), 该工单于 {since} 结案, 但未得到合理的处理结果: "
        "重复投诉。",
    ),
    "overdue_before": Reason(
        "R18",
        "The same matter as {case} (score {score}), still open after its deadline of {due}: being "
        "handled is no answer any more, a repeat.",
        "与 {case} 为同一问题 (相似度 {score}), 该工单已超过办理时限 {due} 仍未办结, "
        "不再视为处理中: 重复投诉。",
    ),
    "closed_new_evidence": Reason(
        "R17",
        "{case} was closed on {since} with a reasonable result, but there is new evidence: a "
        "repeat.",
        "{case} 已于 {since} 得到合理的处理结果, 但市民提出了新的证据: 重复投诉。",
    ),
    "another_matter": Reason(
        "R13",
        "Earlier tickets on this leaf since {opens} are about another place, object or department.",
        "自 {opens} 起同一末端节点的更早工单涉及其他地点、主体或部门, 一码归一码。",
    ),
    "anonymous": Reason(
        "R12", "Nobody knows who called: never a repeat.", "匿名诉求, 不作为重复投诉。"
    ),
    "no_leaf": Reason(
        "R14",
        "The ticket has no known leaf, so there is nothing to compare.",
        "工单没有明确的末端节点, 无从比较。",
    ),
    "request_type_not_counted": Reason(
        "R12",
        "The policy counts no tickets of this request type.",
        "按规则, 该诉求类型不计入重复投诉。",
    ),
    "withdrawn": Reason("R16", "The ticket was withdrawn.", "工单已撤单, 不计入。"),
    "not_accepted": Reason("R16", "The ticket was not accepted.", "工单不予受理, 不计入。"),
    "became_ticket": Reason(
        "R16",
        "The contact became ticket {case}, which counts instead.",
        "该来电已生成工单 {case}, 由工单计入。",
    ),
    "case_gone": Reason(
        "R16",
        "The earlier ticket of this contact does not count any more.",
        "该来电所涉的更早工单已不计入。",
    ),
    "answered_without_ticket": Reason(
        "R17",
        "The citizen came again about {case}, which has no result that is known to be reasonable, "
        "and no ticket is known of it: a human decides.",
        "市民就 {case} 再次来电, 该工单未得到合理的处理结果, 本次也未见生成工单, 待人工认定。",
    ),
    "exclusion_overturned": Reason(
        "R15",
        "A human overturned the rule's exclusion ({by}): possibly a repeat.",
        "人工推翻了规则作出的排除 ({by}): 可能是重复投诉。",
    ),
    "asked_about_ticket": Reason(
        "R18",
        "The citizen asked about {case}; without a leaf no more is known of it here.",
        "市民询问 {case} 的情况; 未给出末端节点, 无法进一步判断。",
    ),
    "recorded_too_late": Reason(
        "R12",
        "Recorded later than the policy waits for: earlier tickets may no longer be kept, and none "
        "of those known is in the window (from {opens}).",
        "记录时间超过规则允许的迟到期限: 更早的工单可能已不再保留, 已知的工单均不在窗口内 "
        "(自 {opens} 起)。",
    ),
    "marked_confirmed": Reason(
        "R15", "A human confirmed the repeat ({by}).", "人工认定为重复投诉 ({by})。"
    ),
    "marked_overturned": Reason(
        "R15", "A human found that it is no repeat ({by}).", "人工认定不是重复投诉 ({by})。"
    ),
    "marked_excluded": Reason(
        "R15", "A human excluded it, without a reason ({by}).", "人工排除, 未说明理由 ({by})。"
    ),
    "closed_no_new_evidence": Reason(
        "R17",
        "{case} was closed on {since} with a reasonable result, and there is no new evidence: no "
        "new ticket, the earlier result is explained.",
        "{case} 已于 {since} 得到合理的处理结果, 且未提出新的证据: 依据前期处理结果解释说明, "
        "不再生成工单。",
        Said(
            "Excluded by a human ({by}): closed with a reasonable result, and no new evidence.",
            "人工排除 ({by}): 已得到合理的处理结果, 且未提出新的证据。",
        ),
    ),
    "in_progress": Reason(
        "R18",
        "{case} was still being handled when the citizen came (due {due}): no new ticket, its "
        "progress is explained.",
        "市民来电时 {case} 尚在处理流程中 (时限 {due}): 说明目前进展, 必要时催办, 不再生成工单。",
        Said(
            "Excluded by a human ({by}): the earlier ticket is still being handled.",
            "人工排除 ({by}): 先前的同一问题尚在处理流程中。",
        ),
    ),
    "policy_expectation": Reason(
        "R19",
        "Excluded by a human ({by}): what is expected is against the rules ({clause}).",
        "人工排除 ({by}): 无法达到期望值, 依据 {clause}。",
    ),
    "new_fault_same_kind": Reason(
        "R20",
        "{case} was mended, proven after its close on {since}; this is a new fault of its kind, "
        "not a repeat: a new ticket at once.",
        "{case} 于 {since} 结案后已证实解决, 本次为重新出现的相同类型故障, "
        "属同类问题而非重复投诉: 及时另行处理。",
        Said(
            "Excluded by a human ({by}): the earlier fault was mended; this is a new one of its "
            "kind.",
            "人工排除 ({by}): 上一次问题已解决, 重新出现相同类型的故障。",
        ),
    ),
}
"""By slug. The slugs are part of the contract: never renamed, only added."""

PROMPTS: Final[dict[str, Said]] = {
    "closed_no_new_evidence": Said(
        "Explain the result of {case} (closed {since}, handled by {department}). No new ticket "
        "unless there is new evidence; if there is, register it.",
        "请依据 {case} 的处理结果 ({since} 结案, {department} 办理) 向市民解释说明; "
        "未提出新的证据不再生成工单, "
        "如有新证据请登记。",
    ),
    "in_progress": Said(
        "{case} is being handled by {department}, due {due}. Tell the citizen where it stands and "
        "calm; chase it if need be. No new ticket.",
        "{case} 正由 {department} 处理, 时限 {due}。请说明目前进展, 安抚情绪, 必要时催办; "
        "不再生成工单。",
    ),
    "new_fault_same_kind": Said(
        "Explain that the last fault ({case}) was mended: closed {since} by {department}, "
        "{proof}. This is a new fault; a new ticket goes to the department at once.",
        "请向市民解释: 上次问题 ({case}) 已解决, {department} 于 {since} 办结, {proof}; "
        "此次是新出现的故障, "
        "将及时安排相关部门处理。",
    ),
}
"""What the agent tells the citizen, by the reason of an exclusion (R17, R18, R21)."""

PROOF_BY_CITIZEN: Final = Said(
    "the citizen said so on {called_back}", "市民于 {called_back} 回访时确认已解决"
)
PROOF_BY_FINDING: Final = Said("an inquiry found it true", "经查实确已办结")
NOBODY: Final = Said("a department not known", "承办单位")

EVIDENCE: Final[dict[str, Said]] = {
    "finding": Said("An inquiry found the reply false.", "经查实, 首次回单为虚假回单。"),
    "nobody_reached": Said(
        "The citizen was called and never reached: {outcome}.",
        "首次处理时未联系上市民: {outcome}。",
    ),
    "reached_late": Said(
        "The citizen was reached only after the time set for it.",
        "首次处理时未在规定时限内联系上市民。",
    ),
    "citizen_denies": Said(
        "The reply said «resolved», the citizen said it was not.",
        "回单称已解决, 市民表示未解决。",
    ),
    "for_forms_sake": Said(
        "The elements of the reply are filled in for form's sake.",
        "回单要素敷衍填写, 内容过于简单。",
    ),
    "says_nothing": Said(
        "The reply says next to nothing; it cannot be traced what was done.",
        "回单过于简单, 无法追溯首次处理情况。",
    ),
    "elements_lacking": Said(
        "The reply lacks: {lacking}.",
        "回单缺少要素: {lacking}。",
    ),
    "no_reply": Said("It was closed without a reply.", "首次处理未回单即结案。"),
    "no_callback": Said(
        "Nobody called back within the time set after the close.",
        "结案后未在规定时间内回访市民。",
    ),
    "not_told": Said(
        "The citizen was not told of the result.",
        "处理结果未反馈给市民。",
    ),
    "not_resolved": Said("It was not resolved.", "首次处理未解决问题。"),
    "still_open": Said(
        "It was still open when the citizen came again.",
        "市民再次来电时首次工单仍未办结。",
    ),
    "nothing_else_known": Said(
        "Closed without a result that is known to be reasonable; no more is known.",
        "首次处理未得到合理的结果, 其他情况不详。",
    ),
    "human": Said("A human named it ({by}).", "人工认定 ({by})。"),
}
"""What shows a root cause, by slug (R23)."""

ELEMENT_WORDS: Final[dict[str, Said]] = {
    "cause": Said("cause", "投诉产生原因"),
    "findings": Said("findings", "查证情况"),
    "handling": Said("handling", "处理意见"),
    "reply_method": Said("how the citizen was told", "回复方式"),
    "contacted_at": Said("when the citizen was contacted", "联系时间"),
    "citizen_response": Said("what the citizen was told and said", "回复市民情况"),
    "resolved": Said("whether resolved", "问题是否解决"),
    "satisfied": Said("whether satisfied", "市民是否满意"),
}
"""The eight elements (R46)."""

OUTCOME_WORDS: Final[dict[str, Said]] = {
    "no_answer": Said("no answer", "无人接听"),
    "rejected": Said("rejected", "拒接"),
    "inconvenient": Said("not convenient", "不方便接听"),
    "unknown_caller": Said("unknown caller, not taken", "陌生来电不接"),
    "busy": Said("busy", "占线"),
    "powered_off": Said("switched off", "关机"),
    "poor_signal": Said("poor signal", "信号差"),
    "out_of_service": Said("out of service", "停机或空号"),
    "wrong_number": Said("wrong number", "号码错误"),
    "other": Said("another reason", "其他原因"),
}
"""Why nobody was reached (R26)."""
OUTCOME_NOT_SAID: Final = Said("no reason given", "未说明原因")
