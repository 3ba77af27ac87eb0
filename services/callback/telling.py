"""The words of a fact: why, in English and Chinese (R33–R38)."""

from typing import Final, NamedTuple


class Said(NamedTuple):
    en: str
    zh: str


REASONS: Final[dict[str, Said]] = {
    # scheduled
    "closed": Said(
        "Closed on {closed}: the citizen is asked {days} days later (close no. {round}).",
        "工单于{closed}办结，{days}天后回访（第{round}次办结）。",
    ),
    "reopened_between": Said(
        "The close of {closed} followed a reopening that became known only now: it is asked about.",
        "{closed}的办结之前曾重办（此前未获知），对该次办结回访。",
    ),
    # due
    "time_has_come": Said(
        "Ask now, by {channel}: try {attempt}.",
        "现在回访，方式：{channel}，第{attempt}次。",
    ),
    # attempted
    "not_reached": Said(
        "Nobody was reached at {tried} by {channel}: {outcome}.",
        "{tried}通过{channel}未联系上：{outcome}。",
    ),
    "no_answer_to_message": Said(
        "The message of {tried} by {channel} was not answered in time.",
        "{tried}通过{channel}发送的回访未获答复。",
    ),
    "nothing_said": Said(
        "The citizen was reached at {tried}, but whether it is resolved was not said.",
        "{tried}已联系上，但未说明是否解决。",
    ),
    # rescheduled
    "another_slot": Said(
        "Not reached; another slot: {slot}, {due}, by {channel}. {why}",
        "未联系上，改在其他时段：{slot}，{due}，方式：{channel}。{why}",
    ),
    "another_channel": Said(
        "Not reached by {before}; another channel: {channel}, {due}.",
        "{before}未能联系上，改用其他方式：{channel}，{due}。",
    ),
    "no_try_reported": Said(
        "No try by {before} was reported; another channel: {channel}, {due}.",
        "{before}方式无回访记录，改用其他方式：{channel}，{due}。",
    ),
    "asked_again": Said(
        "Reached, but whether it is resolved was not said; asked again {due} by {channel}. {why}",
        "已联系上但未说明是否解决，{due}再次回访，方式：{channel}。{why}",
    ),
    "not_tried": Said(
        "The slot passed and nobody tried (slot no. {missed}); put off to {due}.",
        "时段已过而无人回访（第{missed}次），顺延至{due}。",
    ),
    "hours_changed": Said(
        "No calling hours at the instant that was planned any more; put off to {due}.",
        "原定时间已不在允许回访的时段内，顺延至{due}。",
    ),
    # cancelled
    "reopened": Said("Reopened: asked again after the next close.", "已重办，下次办结后再回访。"),
    "withdrawn": Said("Withdrawn: there is nothing to ask.", "已撤单，不再回访。"),
    "not_accepted": Said("Not accepted: there is nothing to ask.", "不予受理，不再回访。"),
    # answered
    "resolved": Said("The citizen says it is resolved{satisfied}.", "市民表示已解决{satisfied}。"),
    "resolved_first_check": Said(
        "Resolved, says the citizen{satisfied}; such problems come back, so it is asked again.",
        "市民表示已解决{satisfied}；此类问题易反复，将再次回访。",
    ),
    "dissatisfied": Said(
        "Resolved, but the citizen is dissatisfied{satisfied}: {follow_up}.",
        "已解决但市民不满意{satisfied}：{follow_up}。",
    ),
    "not_resolved": Said(
        "The citizen says it is not resolved: back to the department.",
        "市民表示未解决，退回承办单位重办。",
    ),
    "rounds_used_up": Said(
        "Reopening was asked for {commands} times already: to the arbiter.",
        "已{commands}次要求重办，提请仲裁。",
    ),
    "nothing_said_at_all": Said(
        "Reached, but in no try was said whether it is resolved: to be reviewed.",
        "已联系上，但历次回访均未说明是否解决，转人工复核。",
    ),
    "reopen_refused": Said(
        "The platform refused to reopen it: to the arbiter.",
        "平台拒绝重办，提请仲裁。",
    ),
    "reopen_unanswered": Said(
        "The platform did not answer the command to reopen it: to the arbiter.",
        "平台未响应重办指令，提请仲裁。",
    ),
    # uncontacted
    "every_way_tried": Said(
        "Not reached; tries: {tries} ({outcomes}). This does not mean satisfied.",
        "未联系上，共{tries}次（{outcomes}），不视为满意。",
    ),
    "nobody_tried": Said(
        "No try was reported though it was due {missed} times: nobody is known to have asked. "
        "This does not mean satisfied.",
        "{missed}次到期均无回访记录，无法认定已回访，不视为满意。",
    ),
    # recheck
    "intermittent": Said(
        "Such problems come and go: check {check} of {checks} after the hours of risk, {due}.",
        "此类问题时有时无，风险时段过后第{check}次回访（共{checks}次），{due}。",
    ),
    # waived
    "no_way_back": Said(
        "Anonymous, and came by a channel that nobody can be asked on: not asked.",
        "匿名且来件渠道无法回访，不回访。",
    ),
    "reply_not_wanted": Said("The citizen wants no reply: not asked.", "市民不需要回复，不回访。"),
    "type_not_asked": Said(
        "The policy asks nobody about requests of this type.", "按规则该诉求类型不回访。"
    ),
    "closed_already": Said(
        "Closed already, and nothing reopened it since: the task of that close stands.",
        "此前已办结且未重办，以该次办结的回访为准。",
    ),
    "reopened_since": Said(
        "Opened again after this close, as is known already: not asked.",
        "该次办结之后已重办，不回访。",
    ),
    "closed_long_ago": Said(
        "Became known too long after the close: not asked.", "获知时办结已久，不回访。"
    ),
    "asked_before_cut_over": Said("Called back before cut-over.", "切换上线前已回访。"),
}
"""By reason; ``{...}`` as ``facts`` gives them."""

OUTCOMES: Final[dict[str, Said]] = {
    "answered": Said("answered", "已接通"),
    "no_answer": Said("no answer", "无人接听"),
    "rejected": Said("call rejected", "拒接"),
    "inconvenient": Said("not convenient", "不方便接听"),
    "unknown_caller": Said("unknown caller, not taken", "陌生来电未接"),
    "busy": Said("busy", "占线"),
    "powered_off": Said("powered off", "关机"),
    "poor_signal": Said("poor signal", "信号差"),
    "out_of_service": Said("number out of service", "停机或空号"),
    "wrong_number": Said("wrong number", "号码错误"),
    "not_tried": Said("not tried", "无人回访"),
    "other": Said("other", "其他"),
}

CHANNELS: Final[dict[str, Said]] = {
    "phone": Said("phone", "电话"),
    "sms": Said("SMS", "短信"),
    "wechat": Said("WeChat", "微信"),
    "app": Said("app", "手机应用"),
    "mini_program": Said("mini program", "小程序"),
    "email": Said("e-mail", "电子邮件"),
    "web": Said("web", "网站"),
}

SLOTS: Final[dict[str, Said]] = {
    "morning": Said("morning", "上午"),
    "afternoon": Said("afternoon", "下午"),
    "evening": Said("evening", "晚间"),
}
"""Of the policies that ship; another slot is called by its name."""

FOLLOW_UPS: Final[dict[str, Said]] = {
    "none": Said("nothing follows", "不作处理"),
    "review": Said("to be reviewed", "转人工复核"),
    "reopen": Said("back to the department", "退回承办单位重办"),
}

BY_CITIZEN: Final = Said(
    "The citizen was reached there {own_reached} times of {own_tried} (estimate {reached}, "
    "at least {lower}; everybody: {population}).",
    "该市民在此时段、此方式{own_tried}次中接通{own_reached}次（估计{reached}，下限{lower}，总体{population}）。",
)
BY_POPULATION: Final = Said(
    "Everybody is reached there in {population} of the tries (this citizen {own_reached} of "
    "{own_tried}; estimate {reached}).",
    "总体接通率{population}（该市民{own_tried}次中接通{own_reached}次，估计{reached}）。",
)
