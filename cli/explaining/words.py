"""What is said in English and Chinese: one sentence a kind of event, and the words inside.

A sentence names fields of ``data`` in braces. What stands in brackets is left out where one of its
fields is missing: platforms may publish five of these fields or all of them (contract.md). What
people wrote or said is not in the sentence: it is quoted once, for both languages (``QUOTED``).
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple


class Words(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def __bool__(self) -> bool:
        return bool(self.en or self.zh)


NOTHING: Final = Words("", "")

_PART = re.compile(r"\[([^\[\]]*)\]")
_FIELD = re.compile(r"\{(\w+)\}")


def fields_of(template: str) -> frozenset[str]:
    """Names in braces."""
    return frozenset(_FIELD.findall(template))


def fill(template: Words, values: Mapping[str, Words]) -> Words:
    """Both sentences with their fields; a part in brackets only if all of its fields are there."""
    return Words(*(_fill(text, values, index) for index, text in enumerate(template)))


def _fill(text: str, values: Mapping[str, Words], language: int) -> str:
    def part(match: re.Match[str]) -> str:
        return match[1] if fields_of(match[1]) <= values.keys() else ""

    def field(match: re.Match[str]) -> str:
        return values[match[1]][language] if match[1] in values else "?"

    return _FIELD.sub(field, _PART.sub(part, text))


QUOTED: Final = ("text", "question", "answer", "findings", "handling")
"""Free texts that are quoted beside the sentence, in this order."""

SENTENCES: Final[dict[str, Words]] = {
    # contacts
    "contact.received": Words(
        "The citizen came[ by {channel}][, taken by {agent}][, about {leaf}]",
        "市民[经{channel}]来访热线[，话务员 {agent}][，涉及{leaf}]",
    ),
    "contact.answered": Words(
        "Answered on the spot[ by {agent}][, after {knowledge_entry}]",
        "当场答复[，话务员 {agent}][，依据知识库 {knowledge_entry}]",
    ),
    "call.recorded": Words(
        "Telephone call[ {direction}][ ({purpose})][ by {caller}][: {outcome}]"
        "[, {duration_seconds}]",
        "通话记录[，{direction}][（{purpose}）][，{caller}][：{outcome}][，{duration_seconds}]",
    ),
    # the ticket
    "ticket.received": Words(
        "Received[ by {channel}][ (agent {agent})][ as a {request_type}][ on {leaf}]"
        "[: {title}][; against {department}]",
        "[{channel}]受理[（话务员 {agent}）][，{request_type}][，{leaf}][：{title}]"
        "[；涉及{department}]",
    ),
    "ticket.imported": Words(
        "Taken over from the old system[ as {state}][, received {received_at}][ by {channel}]"
        "[ on {leaf}][: {title}][; with {department}]",
        "存量工单导入[，状态：{state}][，受理于 {received_at}][，{channel}][，{leaf}][：{title}]"
        "[；{department}]",
    ),
    "ticket.amended": Words(
        "Amended[ by {by}][: {changes}][; because {reason}]",
        "工单修改[，{by}][：{changes}][；原因：{reason}]",
    ),
    "ticket.not_accepted": Words(
        "Not accepted[ by {by}][, under {clause}][: {reason}][; pointed to {referred_to}]",
        "不予受理[，{by}][，依据 {clause}][：{reason}][；指引至 {referred_to}]",
    ),
    "ticket.withdrawn": Words(
        "Withdrawn[ by the {withdrawn_by}][ (entered by {by})][: {reason}]",
        "撤单[，{withdrawn_by}][（{by} 录入）][：{reason}]",
    ),
    "ticket.merged": Words(
        "Merged into {parent}[: {children}][, by {by}][; {reason}]",
        "并单，主单 {parent}[：{children}][，{by}][；{reason}]",
    ),
    "ticket.split": Words(
        "{parent} split[ into {children}][, by {by}][; {reason}]",
        "拆单，原单 {parent}[，子单 {children}][，{by}][；{reason}]",
    ),
    "ticket.progressed": Words(
        "Progress[ from {department}][ ({handler})]",
        "过程反馈[，{department}][（{handler}）]",
    ),
    "ticket.closed": Words(
        "Closed[ by {by}][, {resolved}][: {reason}]",
        "结案[，{by}][，{resolved}][：{reason}]",
    ),
    "ticket.reopened": Words(
        "Reopened[: {cause}][ ({reason})][, by {by}][, back to {department}]",
        "重办[：{cause}][（{reason}）][，{by}][，退回{department}]",
    ),
    # who has to handle it
    "ticket.dispatched": Words(
        "Dispatched[ to {department}][ as {role}][ by {by}][, due {reply_due_at}][: {note}]",
        "派单[至{department}][（{role}）][，派单员 {by}][，办结时限 {reply_due_at}][：{note}]",
    ),
    "dispatch.accepted": Words(
        "Accepted[ by {department}][, handler {handler}]",
        "签收[，{department}][，承办人 {handler}]",
    ),
    "return.requested": Words(
        "{department} asks to return it[: {reason}][; proposes {proposed_department}]",
        "{department}申请退单[：{reason}][；建议{proposed_department}]",
    ),
    "return.approved": Words(
        "Return[ by {department}] approved[ by {by}][: {reason}]",
        "同意[{department}]退单[，{by}][：{reason}]",
    ),
    "return.refused": Words(
        "Return[ by {department}] refused[ by {by}][: {reason}]",
        "驳回[{department}]退单[，{by}][：{reason}]",
    ),
    "ticket.designated": Words(
        "The arbiter[ ({arbiter})] designates {department}[, due {due_at}][: {reason}]",
        "仲裁[（{arbiter}）]指定{department}承办[，时限 {due_at}][：{reason}]",
    ),
    # deadlines
    "extension.requested": Words(
        "{department} asks for more time[, until {new_due_at}][: {reason}]",
        "{department}申请延期[至 {new_due_at}][：{reason}]",
    ),
    "extension.granted": Words(
        "Extension granted[ by {by}], until {new_due_at}[: {reason}]",
        "同意延期至 {new_due_at}[，{by}][：{reason}]",
    ),
    "extension.refused": Words(
        "Extension refused[ by {by}][: {reason}]", "驳回延期[，{by}][：{reason}]"
    ),
    "hold.started": Words(
        "Put on hold[ by {by}][, until about {expected_until}][: {reason}]",
        "挂起[，{by}][，预计至 {expected_until}][：{reason}]",
    ),
    "hold.ended": Words("Off hold[, by {by}][: {reason}]", "解挂[，{by}][：{reason}]"),
    # finding out and agreeing
    "verification.requested": Words(
        "{department} is asked to verify[; by {by}][, due {due_at}]",
        "请{department}核实[；{by}][，时限 {due_at}]",
    ),
    "verification.answered": Words(
        "Verified[ by {department}][ ({handler})][, {confirmed}]",
        "核实答复[，{department}][（{handler}）][，{confirmed}]",
    ),
    "solution.proposed": Words(
        "Solution put to the citizen[ by {handler}]", "协商方案[，{handler}]"
    ),
    "solution.agreed": Words(
        "The citizen agreed[, due {due_at}][ (recorded by {recorded_by})]",
        "协商一致[，时限 {due_at}][（{recorded_by} 记录）]",
    ),
    # reply and close
    "reply.submitted": Words(
        "Reply[ of {department}][ ({handler})][; told by {reply_method}][; {resolved}]",
        "办结回复[，{department}][（{handler}）][；回复方式：{reply_method}][；{resolved}]",
    ),
    "reply.approved": Words(
        "Reply passed inspection[ by {by}][: {note}]", "回复审核通过[，{by}][：{note}]"
    ),
    "reply.rejected": Words(
        "Reply rejected[ by {by}][: {reason}][; missing {missing}][; due again {due_at}]",
        "回复被驳回[，{by}][：{reason}][；缺少{missing}][；重新回复时限 {due_at}]",
    ),
    "close.requested": Words(
        "Close asked for[ by {by}][: {reason}]", "申请办结[，{by}][：{reason}]"
    ),
    # the citizen
    "citizen.chased": Words(
        "The citizen asked where it stands[, by {channel}][ (agent {agent})]",
        "市民催办[，{channel}][（话务员 {agent}）]",
    ),
    "evidence.added": Words("New evidence[, entered by {by}]", "补充材料[，{by} 录入]"),
    "callback.answered": Words(
        "Callback[ {attempt}][ by {asked_by}]: {contacted}[ ({outcome})][, {resolved}]"
        "[, {satisfied}][; {reasons}]",
        "[第{attempt}次]回访[，{asked_by}]：{contacted}[（{outcome}）][，{resolved}][，{satisfied}]"
        "[；{reasons}]",
    ),
    "identity.linked": Words(
        "Two names of the citizen turned out to be one person[, by {by}][: {reason}]",
        "身份归并：两个身份为同一市民[，{by}][：{reason}]",
    ),
    # raised attention
    "escalation.requested": Words(
        "Registered as {level}[ by {by}][: {reason}][; reported to {report_to}]",
        "登记报备：{level}[，{by}][：{reason}][；报备对象 {report_to}]",
    ),
    "escalation.acknowledged": Words(
        "Escalation acknowledged[ by {by}][ of {department}][, news by {due_at}]",
        "确认收悉[，{by}][，{department}][，{due_at} 前反馈]",
    ),
    "remedy.opened": Words(
        "Service error found[ by {by}][: {error}][; {department}][, to be put right by {due_at}]",
        "发现服务差错[，{by}][：{error}][；{department}][，补救时限 {due_at}]",
    ),
    "remedy.done": Words("Put right[ by {by}][: {result}]", "补救完成[，{by}][：{result}]"),
    "supervision.ordered": Words(
        "Supervision ordered[ by {by}][, {department} has to answer][ by {due_at}]",
        "督办[，{by}][，责成{department}][，时限 {due_at}]",
    ),
    "supervision.answered": Words(
        "Supervision answered[ by {department}][ ({by})]",
        "督办反馈[，{department}][（{by}）]",
    ),
    "enforcement.handed_over": Words(
        "Handed over to {body}[ by {by}][, case {reference}][: {reason}]",
        "移送{body}[，{by}][，案件 {reference}][：{reason}]",
    ),
    # what a human decided
    "verdict.marked": Words(
        "A human marked it[ ({by})]: {mark}[, {reason}][, under {clause}]"
        "[; the earlier ticket is {earlier_ticket}][; cause: {root_cause}]",
        "人工认定[（{by}）]：{mark}[，{reason}][，依据 {clause}][；先前工单 {earlier_ticket}]"
        "[；根因：{root_cause}]",
    ),
    "finding.recorded": Words(
        "Inquiry[ by {by}]: {false_closure}[; {department}][ ({handler})]",
        "查实[，{by}]：{false_closure}[；{department}][（{handler}）]",
    ),
    # commands of ours, and receipts
    "command.reopen": Words(
        "We asked the platform to reopen it: {cause}[; {department}]",
        "请求平台重办：{cause}[；{department}]",
    ),
    "command.refuse_close": Words(
        "We asked the platform not to close it yet: {reason}[; {department}]",
        "请求平台暂不办结：{reason}[；{department}]",
    ),
    "command.applied": Words(
        "The platform did what command {command_id} asked",
        "指令 {command_id} 已执行",
    ),
    "command.refused": Words(
        "The platform refused command {command_id}[: {reason}]",
        "指令 {command_id} 被拒绝[：{reason}]",
    ),
    "notice.delivered": Words(
        "Notice {notice_id} delivered[ by {channel}][, {read}]",
        "通知 {notice_id} 已送达[，{channel}][，{read}]",
    ),
    "notice.failed": Words(
        "Notice {notice_id} not delivered[ by {channel}][: {reason}][; {final}]",
        "通知 {notice_id} 未送达[，{channel}][：{reason}][；{final}]",
    ),
}
"""By kind: the type without ``hotline.`` and version."""

FIRST: Final = Words(
    "{ticket}[, of {time}][, with {department}][, handler {handler}][; replied {replied_at}]"
    "[ ({reply_resolved})][; closed {closed_at}][; called back {called_back_at}][: {contacted}]"
    "[, {resolved}][, {satisfied}]",
    "{ticket}[，{time}][，{department}][，承办人 {handler}][；{replied_at} 回复]"
    "[（{reply_resolved}）][；{closed_at} 结案][；{called_back_at} 回访][：{contacted}]"
    "[，{resolved}][，{satisfied}]",
)
"""首次投诉处理情况 (R22)."""

MARK: Final = Words(
    "{mark}[, {reason}][, under {clause}][; earlier ticket {earlier_ticket}][ — {text}]"
    "[ (marked by {by}][, {at})]",
    "{mark}[，{reason}][，依据 {clause}][；先前工单 {earlier_ticket}][ — {text}]"
    "[（{by} 认定][，{at}）]",
)

_CHANNEL = {
    "phone": Words("phone", "电话"),
    "web": Words("the web", "网站"),
    "wechat": Words("WeChat", "微信"),
    "app": Words("the app", "手机应用"),
    "mini_program": Words("the mini program", "小程序"),
    "sms": Words("text message", "短信"),
    "email": Words("e-mail", "电子邮件"),
    "letter": Words("letter", "来信"),
    "visit": Words("visit", "来访"),
    "fax": Words("fax", "传真"),
    "media": Words("the media", "媒体"),
    "other_agency": Words("another agency", "其他单位转来"),
    "other": Words("another channel", "其他渠道"),
}
_URGENCY = {
    "normal": Words("normal", "一般"),
    "urgent": Words("urgent", "紧急"),
    "very_urgent": Words("very urgent", "非常紧急"),
}
REQUEST_TYPES: Final = {
    "consultation": Words("consultation", "咨询"),
    "help": Words("request for help", "求助"),
    "complaint": Words("complaint", "投诉"),
    "report": Words("report", "举报"),
    "suggestion": Words("suggestion", "建议"),
    "praise": Words("praise", "表扬"),
}
EXCLUSIONS: Final = {
    "closed_no_new_evidence": Words(
        "closed with a reasonable result and no new evidence", "已合理办结且无新证据"
    ),
    "in_progress": Words("the earlier ticket is still being handled", "先前工单尚在办理"),
    "policy_expectation": Words("what is expected is against the rules", "诉求超出政策规定"),
    "new_fault_same_kind": Words("a new fault of the same kind", "同类新故障"),
}
MARKS: Final = {
    "confirm": Words("it is a repeat", "是重复投诉"),
    "exclude": Words("not counted as a repeat", "不计重复"),
    "overturn": Words("the verdict was wrong", "推翻原认定"),
    "correct_cause": Words("the verdict stands, its cause was another", "认定不变，更正根因"),
}

ENUMS: Final[dict[str, dict[str, Words]]] = {
    "channel": _CHANNEL,
    "request_type": REQUEST_TYPES,
    "urgency": _URGENCY,
    "level": _URGENCY,
    "mark": MARKS,
    "reason": EXCLUSIONS,
    "direction": {"inbound": Words("in", "呼入"), "outbound": Words("out", "呼出")},
    "purpose": {
        "intake": Words("intake", "来电受理"),
        "first_contact": Words("first contact", "首次联系"),
        "progress": Words("news for the citizen", "告知进展"),
        "reply": Words("the reply", "答复结果"),
        "callback": Words("callback", "回访"),
        "verification": Words("verification", "核实"),
        "other": Words("other", "其他"),
    },
    "outcome": {
        "answered": Words("answered", "已接通"),
        "no_answer": Words("no answer", "无人接听"),
        "rejected": Words("rejected", "拒接"),
        "inconvenient": Words("not convenient then", "不方便接听"),
        "unknown_caller": Words("not taken from an unknown caller", "陌生来电未接"),
        "busy": Words("busy", "占线"),
        "powered_off": Words("phone off", "关机"),
        "poor_signal": Words("poor signal", "信号差"),
        "out_of_service": Words("number out of service", "停机或空号"),
        "wrong_number": Words("wrong number", "号码错误"),
        "other": Words("not reached", "其他"),
    },
    "role": {
        "lead": Words("lead", "主办"),
        "supporting": Words("supporting unit", "协办"),
    },
    "reply_method": _CHANNEL | {"not_told": Words("nobody: not told", "未回复市民")},
    "cause": {
        "not_resolved": Words("not resolved, says the citizen", "回访未解决"),
        "dissatisfied": Words("the citizen is dissatisfied", "回访不满意"),
        "repeat": Words("the citizen came again", "重复投诉"),
        "false_reply": Words("the reply was false", "虚假回单"),
        "reply_rejected": Words("the reply was rejected", "审核驳回"),
        "new_evidence": Words("new evidence", "有新材料"),
        "other": Words("another cause", "其他原因"),
    },
    "withdrawn_by": {
        "citizen": Words("citizen", "市民撤诉"),
        "agent": Words("agent", "话务员误建"),
        "platform": Words("platform", "平台撤单"),
    },
    "state": {
        "received": Words("received", "待派单"),
        "dispatched": Words("dispatched", "待签收"),
        "accepted": Words("being handled", "办理中"),
        "return_requested": Words("return asked for", "退单待审"),
        "on_hold": Words("on hold", "挂起"),
        "replied": Words("replied", "已回单"),
        "close_requested": Words("close asked for", "待结案"),
        "closed": Words("closed", "已结案"),
        "reopened": Words("reopened", "重办"),
    },
    "missing": {
        "cause": Words("cause", "投诉产生原因"),
        "findings": Words("findings", "查证情况"),
        "handling": Words("handling", "处理意见"),
        "reply_method": Words("way of reply", "回复方式"),
        "contacted_at": Words("time of contact", "联系时间"),
        "citizen_response": Words("what the citizen said", "回复市民情况"),
        "resolved": Words("whether resolved", "问题是否解决"),
        "satisfied": Words("whether satisfied", "市民是否满意"),
    },
    "reasons": {"not_resolved": Words("not resolved", "问题未解决")},
    "root_cause": {
        "unresolved_process": Words("not resolved: the process", "未解决：流程原因"),
        "unresolved_perfunctory": Words("not resolved: perfunctory", "未解决：敷衍了事"),
        "false_reply": Words("false reply", "虚假回单"),
        "step_missed": Words("a step was missed", "遗漏环节"),
        "not_contacted": Words("the citizen was not contacted", "未联系市民"),
        "record_untraceable": Words("the record cannot be traced", "记录无法追溯"),
    },
}
"""By field, then value. A value that is not here stands as it is (a platform's own code)."""

FLAGS: Final[dict[str, tuple[Words, Words]]] = {
    "resolved": (Words("resolved", "已解决"), Words("not resolved", "未解决")),
    "reply_resolved": (
        Words("resolved, says the department", "部门称已解决"),
        Words("not resolved, says the department", "部门称未解决"),
    ),
    "satisfied": (Words("satisfied", "满意"), Words("not satisfied", "不满意")),
    "contacted": (Words("reached", "已联系上"), Words("not reached", "未联系上")),
    "confirmed": (Words("it is so", "属实"), Words("it is not so", "不属实")),
    "false_closure": (
        Words("the close was false", "属虚假办结"),
        Words("the close was not false", "不属虚假办结"),
    ),
    "final": (Words("given up", "不再重试"), Words("will be tried again", "将重试")),
    "read": (Words("read", "已读"), Words("not read yet", "未读")),
}
"""Yes and no."""

SATISFACTION: Final = (
    Words("very dissatisfied (1 of 5)", "非常不满意（1/5）"),
    Words("dissatisfied (2 of 5)", "不满意（2/5）"),
    Words("fairly satisfied (3 of 5)", "基本满意（3/5）"),
    Words("satisfied (4 of 5)", "满意（4/5）"),
    Words("very satisfied (5 of 5)", "非常满意（5/5）"),
)

CHANGED: Final = {
    "request_type": Words("request type", "诉求类型"),
    "title": Words("title", "标题"),
    "text": Words("text", "诉求内容"),
    "leaf": Words("leaf", "末端节点"),
    "category_path": Words("category path", "分类路径"),
    "urgency": Words("urgency", "紧急程度"),
    "complainant": Words("complainant", "诉求人"),
    "anonymous": Words("anonymous", "匿名"),
    "confidential": Words("confidential", "保密"),
    "reply_wanted": Words("reply wanted", "需要回复"),
    "reply_by": Words("way of the reply", "答复方式"),
    "matter": Words("object of the complaint", "涉事主体"),
    "place": Words("place", "事发地点"),
    "department": Words("department", "涉及部门"),
    "due_at": Words("due", "承诺时限"),
    "occurred_at": Words("happened at", "事发时间"),
    "attachments": Words("attachments", "附件"),
}
"""Fields of an amendment."""

VERDICTS: Final = {
    "new": Words("new: no repeat", "新诉求，非重复"),
    "candidate": Words("candidate: perhaps a repeat", "疑似重复投诉"),
    "confirmed": Words("confirmed: a repeat", "重复投诉"),
    "excluded": Words("excluded: not counted", "不计重复"),
    "overturned": Words("overturned: no repeat", "人工推翻，非重复"),
}

CAUSES: Final = {
    "ticket_received": Words("the ticket was received", "工单受理"),
    "ticket_imported": Words("the ticket was imported", "存量工单导入"),
    "ticket_received_again": Words("the ticket was received again", "工单再次受理"),
    "late_ticket": Words("an earlier ticket was recorded late", "更早的工单迟到补录"),
    "leaf_amended": Words("its leaf was corrected", "末端节点更正"),
    "ticket_amended": Words("the ticket was amended", "工单修改"),
    "withdrawn": Words("the ticket was withdrawn", "工单撤单"),
    "not_accepted": Words("the ticket was not accepted", "工单不予受理"),
    "reopened": Words("the ticket was reopened", "工单重办"),
    "human_mark": Words("a human marked it", "人工认定"),
    "identity_linked": Words("two aliases turned out to be one person", "身份归并"),
    "contact_received": Words("the citizen made contact", "市民来电"),
    "contact_answered": Words("the contact was answered without a ticket", "直接答复"),
    "citizen_chased": Words("the citizen chased it", "市民催办"),
    "evidence_added": Words("the citizen added evidence", "补充材料"),
    "ticket_dispatched": Words("the ticket was dispatched", "派单"),
    "ticket_designated": Words("the ticket was designated", "指定承办"),
    "dispatch_accepted": Words("the dispatch was accepted", "签收"),
    "extension_granted": Words("its deadline was extended", "延期同意"),
    "reply_submitted": Words("the department replied", "回单"),
    "reply_approved": Words("the reply was approved", "审核通过"),
    "reply_rejected": Words("the reply was rejected", "审核驳回"),
    "ticket_closed": Words("the ticket was closed", "结案"),
    "ticket_reopened": Words("the ticket was reopened", "重办"),
    "callback_answered": Words("the citizen was called back", "回访"),
    "call_recorded": Words("a call was recorded", "通话记录"),
    "finding_recorded": Words("an inquiry found whether it was false", "查实"),
    "deadline": Words("its time had come", "到时"),
    "close_requested": Words("a close was asked for", "申请结案"),
    "ticket_progressed": Words("progress was reported", "过程反馈"),
    "ticket_withdrawn": Words("the ticket was withdrawn", "工单撤单"),
    "ticket_not_accepted": Words("the ticket was not accepted", "工单不予受理"),
    "return_requested": Words("the unit asked to return it", "申请退单"),
    "return_approved": Words("the return was approved", "退单同意"),
    "return_refused": Words("the return was refused", "退单驳回"),
    "extension_requested": Words("an extension was asked for", "申请延期"),
    "extension_refused": Words("the extension was refused", "延期驳回"),
    "solution_proposed": Words("a solution was proposed to the citizen", "提出方案"),
    "solution_agreed": Words("a solution was agreed with the citizen", "协商一致"),
    "verification_requested": Words("a question was put to a unit", "发起核实"),
    "verification_answered": Words("the question was answered", "核实答复"),
    "supervision_ordered": Words("a leader asked for it", "督办"),
    "supervision_answered": Words("the leader was answered", "督办反馈"),
}
EARLIER_CAUSE: Final = Words("of an earlier ticket: {cause}", "更早工单：{cause}")

MATCHED: Final = {
    "citizen": Words("citizen", "市民"),
    "leaf": Words("leaf", "末端节点"),
    "place": Words("place", "地点"),
    "object": Words("object", "主体"),
    "department": Words("department", "部门"),
    "text": Words("text", "内容"),
    "linked": Words("linked by hand", "人工关联"),
}
"""What was compared, and parts of a score (R13)."""

STATES: Final = {
    "open": Words("being handled", "处理中"),
    "overdue": Words("past its deadline", "已超时限"),
    "closed": Words("closed", "已结案"),
}
"""How the earlier ticket stood when the citizen came again (R17, R18)."""

BASES: Final = {
    "first": Words("by the first handling", "依据首次处理"),
    "previous": Words("by the handling before", "依据上一次处理"),
}
"""Whose handling shows a root cause (R23)."""

PHASES: Final = {
    "received": Words("only received", "刚受理"),
    "dispatched": Words("with a department", "已派单"),
    "replied": Words("answered", "已回单"),
    "reopened": Words("reopened", "重办中"),
    "closed": Words("closed", "已结案"),
    "withdrawn": Words("withdrawn", "已撤单"),
    "not_accepted": Words("not accepted", "不予受理"),
}
ANOMALIES: Final = {
    "unknown_ticket": Words("nothing told of this ticket before", "此前没有该工单的受理记录"),
    "received_late": Words(
        "the receipt came after other events of the ticket", "受理记录晚于工单的其他事件"
    ),
    "received_twice": Words("the ticket had been received before", "工单重复受理"),
    "another_parent": Words("it names another ticket as the parent", "所指主单并非本工单"),
    "nobody_to_link": Words(
        "one of the two identities tells nobody apart", "其中一个身份标识无法识别"
    ),
}
ANOMALY_UNASKED: Final = Words(
    "does not fit: nothing asked for it before", "与工单状态不符：此前没有相应的申请"
)
ANOMALY_WHEN: Final = Words(
    "does not fit: the ticket was {phase} then", "与工单状态不符：当时{phase}"
)

CITIZEN: Final = Words("the citizen", "诉求人")
VACANT: Final = Words("nobody fills {role}", "{role} 空缺")

LETTERS: Final = {
    "not_json": Words("no JSON", "不是 JSON"),
    "not_utf8": Words("not UTF-8", "不是 UTF-8 编码"),
    "null_value": Words("empty record", "空记录"),
    "too_large": Words("too large", "过大"),
    "binary_malformed": Words("malformed CloudEvents headers", "CloudEvents 头不合规"),
    "not_cloudevent": Words("no CloudEvent", "不是 CloudEvents 事件"),
    "unknown_type": Words("unknown type of event", "未知事件类型"),
    "unknown_version": Words("unknown version of the type", "未知事件版本"),
    "invalid": Words("a field is missing or wrong", "字段缺失或有误"),
    "repeated_name": Words("a name stands twice", "字段名重复"),
    "too_deep": Words("nested too deep", "嵌套过深"),
    "time_in_future": Words("its time lies in the future", "时间在未来"),
    "command_not_ours": Words("a command that is none of ours", "非本系统签发的指令"),
    "id_reused": Words("its id was used for another content", "事件编号被另一内容占用"),
    "rule_raised": Words("a rule failed on it", "规则出错"),
    "timer_raised": Words("a rule failed on a deadline", "到期规则出错"),
    "blocked": Words("waits behind another record", "排在出错记录之后等待"),
    "invalid_redrive": Words("what was put back is no letter", "重投内容无效"),
}
"""Reasons of dead letters."""

# Clocks and callback tasks

STATED: Final = {
    "started": Words("started", "开始计时"),
    "warning": Words("warning at", "预警"),
    "breached": Words("BREACHED", "超时"),
    "paused": Words("paused", "暂停计时"),
    "resumed": Words("runs on", "恢复计时"),
    "met": Words("met", "达成"),
    "cancelled": Words("cancelled", "取消"),
    "recomputed": Words("deadline moved", "时限变更"),
    "withdrawn": Words("breach withdrawn", "撤销超时"),
    "arbitration_required": Words("arbitration required", "提请仲裁"),
    "scheduled": Words("scheduled", "已安排"),
    "due": Words("call now", "应回访"),
    "attempted": Words("nobody reached", "未接通"),
    "rescheduled": Words("put off", "改期"),
    "answered": Words("answered", "已回访"),
    "uncontacted": Words("ended without an answer", "未获回访结果"),
    "recheck": Words("to be asked again", "复查"),
    "waived": Words("nobody to ask", "不回访"),
}
"""What a fact of a clock or a task says, by its kind."""

ARBITRATION: Final = Words("returns and bounces", "退单与流转")
DAY_KINDS: Final = {
    "workday": Words("working day", "工作日"),
    "weekend": Words("weekend", "周末"),
    "holiday": Words("holiday", "节假日"),
    "make_up": Words("make-up working day", "调休上班"),
    "half_day": Words("half day", "半天"),
    "override": Words("by the bundle", "日历另行规定"),
}
DAY_OF_START: Final = Words("the day it began, counted from the next", "起始当日，次日起算")
PROVISIONAL: Final = Words("not yet published", "尚未公布")
