"""What happens to a ticket from the call to the callback, in ways that a hotline knows.

A life is a function of its ticket; it says events, each with its own time, as far as they would
come. The generator cuts what lies after the sample's end.
"""

from collections.abc import Callable

from cli.sampling.steps import (
    accepted,
    called_back,
    closed,
    contacted,
    dispatched,
    progressed,
    received,
    replied,
    reviewed,
    to_close,
    to_reply,
)
from cli.sampling.texts import ANSWERS
from cli.sampling.ticket import DAY, HOUR, MINUTE, Data, Ticket, complainant, content, stamp

REGISTERED_AFTER = 4 * HOUR
"""How long a letter lies before it is registered."""


def plain(ticket: Ticket) -> None:
    called_back(ticket, to_close(ticket, to_reply(ticket)))


def notified(ticket: Ticket) -> None:
    at = received(ticket)
    notice = {"notice_id": f"{ticket.id}-N1"}
    failure = notice | {"channel": "sms", "reason": "空号", "final": False}
    ticket.say("notice.failed", at + 20, failure)
    ticket.say("notice.delivered", at + MINUTE, notice | {"channel": "wechat", "read": True})
    at = accepted(ticket, dispatched(ticket, at))
    called_back(ticket, to_close(ticket, contacted(ticket, at)))


def down_the_tree(ticket: Ticket) -> None:
    """转办: city → street."""
    at = accepted(ticket, dispatched(ticket, received(ticket)))
    at = dispatched(ticket, at, number=2, unit=ticket.scene.street_unit, parent=1)
    called_back(ticket, to_close(ticket, progressed(ticket, accepted(ticket, at, 2))))


def reply_rejected(ticket: Ticket) -> None:
    at = replied(ticket, to_reply(ticket), complete=False)
    at = reviewed(ticket, at, good=False)
    at = reviewed(ticket, replied(ticket, at, 2), 2)
    called_back(ticket, closed(ticket, at))


def returned(ticket: Ticket) -> None:
    """退单 twice approved, then the arbiter designates (R29)."""
    at = dispatched(ticket, received(ticket), unit="city-transport")
    for number, unit in ((1, "city-transport"), (2, "city-housing")):
        at = ticket.after(at, HOUR, 6 * HOUR)
        asked = {"dispatch_id": f"{ticket.id}-D{number}", "department": unit}
        ticket.say(
            "return.requested",
            at,
            asked | {"reason": "不属于本单位职责", "proposed_department": ticket.theme.department},
        )
        at = ticket.after(at, HOUR, 5 * HOUR)
        ticket.say("return.approved", at, asked | {"by": "M01"})
        following = "city-housing" if number == 1 else "district-east"
        at = dispatched(ticket, at, number=number + 1, unit=following)
    at = ticket.after(at, HOUR, 6 * HOUR)
    ticket.say(
        "ticket.designated",
        at,
        {
            "department": ticket.theme.department,
            "arbiter": "city-12345",
            "dispatch_id": f"{ticket.id}-D3",
            "reason": "职责交叉，指定承办",
            "due_at": stamp(at + 3 * DAY),
        },
    )
    at = accepted(ticket, dispatched(ticket, at, number=4), 4)
    called_back(ticket, to_close(ticket, at))


def return_refused(ticket: Ticket) -> None:
    at = ticket.after(dispatched(ticket, received(ticket)), HOUR, 4 * HOUR)
    asked = {"dispatch_id": f"{ticket.id}-D1", "department": ticket.theme.department}
    ticket.say("return.requested", at, asked | {"reason": "情况复杂，建议他单位办理"})
    at = ticket.after(at, HOUR, 5 * HOUR)
    ticket.say("return.refused", at, asked | {"by": "M01", "reason": "属于本单位职责"})
    called_back(ticket, to_close(ticket, accepted(ticket, at)))


def extended(ticket: Ticket) -> None:
    at = ticket.after(to_reply(ticket), HOUR, DAY)
    asked = {"dispatch_id": f"{ticket.id}-D1", "department": ticket.theme.department}
    due = stamp(ticket.at + 12 * DAY)
    ticket.say("extension.requested", at, asked | {"new_due_at": due, "reason": "需要采购配件"})
    at = ticket.after(at, HOUR, 10 * HOUR)
    ticket.say("extension.granted", at, asked | {"new_due_at": due, "by": "M02"})
    called_back(ticket, to_close(ticket, at))


def extension_refused(ticket: Ticket) -> None:
    at = ticket.after(to_reply(ticket), HOUR, DAY)
    asked = {"dispatch_id": f"{ticket.id}-D1", "department": ticket.theme.department}
    ticket.say("extension.requested", at, asked | {"new_due_at": stamp(ticket.at + 20 * DAY)})
    at = ticket.after(at, HOUR, 10 * HOUR)
    ticket.say("extension.refused", at, asked | {"by": "M02", "reason": "理由不充分"})
    called_back(ticket, to_close(ticket, at))


def held(ticket: Ticket) -> None:
    at = ticket.after(to_reply(ticket), HOUR, 8 * HOUR)
    until = at + 2 * DAY
    ticket.say(
        "hold.started",
        at,
        {"reason": "等待雨停后施工", "reason_code": "weather", "expected_until": stamp(until)},
    )
    ticket.say("hold.ended", until, {"reason": "天气好转", "by": ticket.handler})
    called_back(ticket, to_close(ticket, until))


def verified(ticket: Ticket) -> None:
    at = to_reply(ticket)
    asked = {"verification_id": f"{ticket.id}-V1", "department": ticket.theme.department}
    at = ticket.after(at, HOUR, 4 * HOUR)
    ticket.say(
        "verification.requested",
        at,
        asked | {"question": "请核实是否已上门", "by": ticket.agent, "due_at": stamp(at + DAY)},
    )
    at = ticket.after(at, 2 * HOUR, DAY)
    ticket.say(
        "verification.answered",
        at,
        asked | {"handler": ticket.handler, "answer": "已上门并拍照", "confirmed": True},
    )
    called_back(ticket, to_close(ticket, at))


def agreed(ticket: Ticket) -> None:
    at = ticket.after(to_reply(ticket), HOUR, 8 * HOUR)
    plan = {"solution_id": f"{ticket.id}-S1", "dispatch_id": f"{ticket.id}-D1"}
    handling = ticket.theme.handling.format_map(ticket.slots)
    ticket.say("solution.proposed", at, plan | {"text": handling, "handler": ticket.handler})
    at = ticket.after(at, HOUR, DAY)
    ticket.say("solution.agreed", at, plan | {"agreed_on_behalf_by": ticket.agent})
    called_back(ticket, to_close(ticket, at))


def reopened(ticket: Ticket) -> None:
    """Callback says «not resolved»; a command of ours reopens it (R34)."""
    at = called_back(ticket, to_close(ticket, to_reply(ticket)), resolved=False)
    ticket.say(
        "ticket.reopened",
        at + 10 * MINUTE,
        {
            "cause": "not_resolved",
            "reason": "回访未解决",
            "department": ticket.theme.department,
            "due_at": stamp(at + 3 * DAY),
        },
    )
    done = {"command_id": f"{ticket.id}-K1", "by": "platform", "text": "已重办"}
    refusal = {"command_id": f"{ticket.id}-K2", "reason": "已关联", "reason_code": "linked"}
    ticket.say("command.applied", at + 11 * MINUTE, done)
    ticket.say("command.refused", at + 12 * MINUTE, refusal)
    called_back(ticket, to_close(ticket, at + HOUR))


def withdrawn(ticket: Ticket) -> None:
    at = dispatched(ticket, received(ticket))
    at = ticket.after(at, HOUR, 10 * HOUR)
    ticket.say(
        "ticket.withdrawn",
        at,
        {"withdrawn_by": "citizen", "by": ticket.agent, "reason": "问题已自行解决"},
    )


def not_accepted(ticket: Ticket) -> None:
    at = ticket.after(received(ticket), 5 * MINUTE, HOUR)
    ticket.say(
        "ticket.not_accepted",
        at,
        {
            "clause": "已进入诉讼程序的事项不予受理",
            "reason": "请通过司法途径解决",
            "by": ticket.agent,
            "referred_to": "人民法院诉讼服务中心",
        },
    )


def merged(ticket: Ticket) -> None:
    at = to_reply(ticket)
    if ticket.neighbours:
        ticket.say(
            "ticket.merged",
            at,
            {
                "parent": ticket.id,
                "children": list(ticket.neighbours),
                "by": "M01",
                "reason": "同一问题多人反映",
            },
        )
    called_back(ticket, to_close(ticket, at))


def split(ticket: Ticket) -> None:
    """拆单: the second matter becomes a ticket of its own."""
    at = ticket.after(received(ticket), 10 * MINUTE, 2 * HOUR)
    child = f"{ticket.id}S1"
    ticket.say(
        "ticket.split",
        at,
        {"parent": ticket.id, "children": [child], "by": "M01", "reason": "一单多诉"},
    )
    data = content(ticket) | {"earlier_ticket": ticket.id, "title": f"{ticket.title}（拆单）"}
    ticket.say("ticket.received", at + 30, data, subject=child)
    called_back(ticket, to_close(ticket, accepted(ticket, dispatched(ticket, at))))


def escalated(ticket: Ticket) -> None:
    """话务员登记报备, 督办, 确认收悉 (R39, R40)."""
    at = received(ticket)
    ticket.say(
        "escalation.requested",
        at + 3 * MINUTE,
        {
            "by": ticket.agent,
            "reason": "市民明确提及上访和媒体曝光",
            "level": "very_urgent",
            "report_to": "lin-yue",
        },
    )
    ticket.say(
        "escalation.acknowledged",
        at + 20 * MINUTE,
        {"by": "lin-yue", "department": ticket.theme.department, "text": "已安排专人处理"},
    )
    order = {"supervision_id": f"{ticket.id}-B1", "department": ticket.theme.department}
    ticket.say(
        "supervision.ordered",
        at + 2 * HOUR,
        order | {"by": "zhou-heng", "text": "请三日内报结果", "due_at": stamp(at + 3 * DAY)},
    )
    at = to_close(ticket, contacted(ticket, accepted(ticket, dispatched(ticket, at))))
    ticket.say("supervision.answered", at, order | {"by": ticket.handler, "text": "已办结"})
    called_back(ticket, at)


def remedied(ticket: Ticket) -> None:
    at = to_reply(ticket)
    error = {"remedy_id": f"{ticket.id}-M1", "by": ticket.agent}
    ticket.say(
        "remedy.opened",
        at + HOUR,
        error | {"error": "告知市民的时限有误", "due_at": stamp(at + DAY)},
    )
    ticket.say("remedy.done", at + 5 * HOUR, error | {"result": "已致电致歉并更正"})
    called_back(ticket, to_close(ticket, at + 6 * HOUR))


def evidenced(ticket: Ticket) -> None:
    at = to_reply(ticket)
    ticket.say(
        "evidence.added",
        at + HOUR,
        {
            "text": "市民补充现场照片",
            "attachments": [{"reference": f"img/{ticket.id}-e.jpg", "media_type": "image/jpeg"}],
            "by": ticket.agent,
        },
    )
    called_back(ticket, to_close(ticket, at + 2 * HOUR))


def handed_over(ticket: Ticket) -> None:
    at = to_reply(ticket)
    ticket.say(
        "enforcement.handed_over",
        at + HOUR,
        {"body": "综合行政执法支队", "by": ticket.handler, "reason": "涉嫌违法，移送立案"},
    )
    called_back(ticket, to_close(ticket, at + 2 * HOUR))


def found_false(ticket: Ticket) -> None:
    """虚假办结: the callback says no, a human finds it true (R49)."""
    at = called_back(ticket, to_close(ticket, to_reply(ticket)), resolved=False)
    ticket.say(
        "finding.recorded",
        at + DAY,
        {
            "false_closure": True,
            "dispatch_id": f"{ticket.id}-D1",
            "department": ticket.theme.department,
            "handler": ticket.handler,
            "by": "Q02",
            "text": "通话记录显示未联系市民",
        },
    )
    ticket.say("ticket.reopened", at + DAY + HOUR, {"cause": "false_reply", "by": "Q02"})


def linked(ticket: Ticket) -> None:
    """身份归并: the number of this call and an account are one person."""
    at = received(ticket)
    if ticket.citizen is not None:
        account = ticket.citizen.account or f"u9{ticket.id[-6:]}"
        ticket.say(
            "identity.linked",
            at + 10 * MINUTE,
            {
                "first": {"identity": {"scheme": "phone", "value": ticket.citizen.phone}},
                "second": {"identity": {"scheme": "app", "value": account}},
                "by": ticket.agent,
                "reason": "市民来电确认",
            },
        )
    called_back(ticket, to_close(ticket, accepted(ticket, dispatched(ticket, at))))


def imported(ticket: Ticket) -> None:
    """存量工单: there before the pipeline was (R6)."""
    at = ticket.at
    ticket.say(
        "ticket.imported",
        at,
        content(ticket)
        | {
            "state": "dispatched",
            "received_at": stamp(at - 5 * DAY),
            "reopened_count": 0,
            "dispatches": [
                {
                    "dispatch_id": f"{ticket.id}-D1",
                    "department": ticket.theme.department,
                    "dispatched_at": stamp(at - 4 * DAY),
                    "accepted_at": stamp(at - 4 * DAY + HOUR),
                }
            ],
            "clocks": [
                {
                    "clock": "resolve",
                    "started_at": stamp(at - 5 * DAY),
                    "due_at": stamp(at + 2 * DAY),
                }
            ],
        },
    )
    called_back(ticket, to_close(ticket, at))


def answered_at_once(ticket: Ticket) -> None:
    """直接答复: a contact and no ticket."""
    contact = f"C{ticket.id[1:]}"
    data: Data = {
        "channel": ticket.channel,
        "agent": ticket.agent,
        "started_at": stamp(ticket.at - 200),
        "text": ticket.text,
        "request_type": ticket.theme.request_type if ticket.earlier else "consultation",
        "leaf": ticket.theme.leaf,
        "leaf_source": "agent",
    }
    if ticket.citizen is not None:
        data["caller"] = complainant(ticket.citizen)
    if ticket.earlier is not None:
        data["ticket"] = ticket.earlier
    ticket.say("contact.received", ticket.at, data, subject=contact)
    answer: Data = {
        "agent": ticket.agent,
        "text": ticket.rng.choice(ANSWERS),
        "knowledge_entry": f"KB-{ticket.theme.leaf}",
        "leaf": ticket.theme.leaf,
        "satisfied": ticket.rng.choice((3, 4, 5)),
    }
    if ticket.earlier is not None:
        answer["ticket"] = ticket.earlier
    ticket.say("contact.answered", ticket.at + 150, answer, subject=contact)


def registered_late(ticket: Ticket) -> None:
    """A letter: its ticket reaches the platform hours after it came (R12, late events)."""
    at = received(ticket) + REGISTERED_AFTER
    called_back(ticket, to_close(ticket, accepted(ticket, dispatched(ticket, at))))


Life = Callable[[Ticket], None]

LIVES: tuple[tuple[Life, int], ...] = (
    (plain, 40),
    (notified, 10),
    (down_the_tree, 8),
    (answered_at_once, 8),
    (reply_rejected, 5),
    (returned, 2),
    (return_refused, 2),
    (extended, 3),
    (extension_refused, 1),
    (held, 2),
    (verified, 2),
    (agreed, 2),
    (reopened, 4),
    (withdrawn, 2),
    (not_accepted, 2),
    (merged, 1),
    (split, 1),
    (escalated, 2),
    (remedied, 1),
    (evidenced, 1),
    (handed_over, 1),
    (found_false, 1),
    (linked, 1),
    (imported, 1),
)
"""With how many of about a hundred tickets live so."""
