"""The reasons of a verdict, each with its rule and its words in English and Chinese."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """May name ``{opens}`` (a local date), ``{first}``, ``{position}``, ``{by}``, ``{clause}``."""

    rule: str
    en: str
    zh: str


REASONS: dict[str, Reason] = {
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
        "Excluded by a human ({by}): closed with a reasonable result, and no new evidence.",
        "人工排除 ({by}): 已得到合理的处理结果, 且未提出新的证据。",
    ),
    "in_progress": Reason(
        "R18",
        "Excluded by a human ({by}): the earlier ticket is still being handled.",
        "人工排除 ({by}): 先前的同一问题尚在处理流程中。",
    ),
    "policy_expectation": Reason(
        "R19",
        "Excluded by a human ({by}): what is expected is against the rules ({clause}).",
        "人工排除 ({by}): 无法达到期望值, 依据 {clause}。",
    ),
    "new_fault_same_kind": Reason(
        "R20",
        "Excluded by a human ({by}): the earlier fault was mended; this is a new one of its kind.",
        "人工排除 ({by}): 上一次问题已解决, 重新出现相同类型的故障。",
    ),
}
"""By slug. The slugs are part of the contract: never renamed, only added."""
