"""A close that comes too early is answered with what is missing (R30, R63).

Several units may have a part in a ticket (主办, 协办), and a question may be open (核实). What a
close waits for is the policy's; what a unit passed on is in when those it went to are in (R65).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import orjson
from msgspec.structs import replace

from policy.bundle import Policy
from rules.clocks.words import instant_words
from rules.words import Said
from runtime.processor import Effect
from schemas.events import CloseRequested
from schemas.events.commands import CommandRefuseClose
from schemas.ids import effect_id
from schemas.topics import COMMANDS, INBOX
from services.sla.clocks import MET, came_in
from services.sla.facts import SERVICE, Occasion, present
from services.sla.fold import Case, Dispatch
from services.sla.notices import Outcome
from services.sla.state import State, Stated

TYPE: Final[str] = CommandRefuseClose.model_fields["type"].default
REPLY, VERIFICATION = "reply_of_dispatch", "verification"
LACKING_AT_MOST: Final = 200

_OPENING: Final = Said(
    "The close of {ticket} is refused; still missing: {lacking}.",
    "工单 {ticket} 暂不予办结，尚缺：{lacking}。",
)
_LEAD: Final = Said("the reply of {unit}{id}{due}", "主办单位{unit}{id}的回单{due}")
_SUPPORTING: Final = Said(
    "the reply of the supporting unit {unit}{id}{due}", "协办单位{unit}{id}的回单{due}"
)
_QUESTION: Final = Said(
    "the answer of {unit} to question{id}{due}", "{unit}对核实请求{id}的答复{due}"
)
_ID: Final = Said(" {id}", " {id} ")
_DUE: Final = Said(" (due {at})", "（时限 {at}）")
_NOBODY: Final = Said("a unit not named", "未指明的单位")


class _Lacking(NamedTuple):
    """One thing that a close still needs."""

    what: str
    id: str | None
    department: str | None
    due: datetime | None
    words: Said


def refusal(case: Case, state: State, occasion: Occasion) -> Outcome:
    """The command that refuses a close, on ``hotline.commands`` and back by the inbox; nothing
    where the event asks for no close, or nothing is missing.

    Args:
        case: as the marks tell it.
        state: after the event, its clocks as they are stated now and ``told`` as the notices left
            it.
    """
    event = occasion.event
    if not isinstance(event, CloseRequested) or not case.open:
        return Outcome(state.told)
    lacking = _lacking(case, state.clocks, event.data.dispatch_id, occasion.policy)
    if not lacking:
        return Outcome(state.told)
    number = state.told.refusals + 1
    value = _command(lacking[:LACKING_AT_MOST], number, event, occasion)
    return Outcome(
        replace(state.told, refusals=number),
        tuple(Effect(topic, key=occasion.ticket, value=value) for topic in (COMMANDS, INBOX)),
    )


def _lacking(
    case: Case, clocks: Sequence[Stated], asking: str | None, policy: Policy
) -> list[_Lacking]:
    needs = policy.sla.close_needs
    due = {each.id: each.deadline for each in clocks}
    own = case.by_id.get(asking) if asking is not None else _last_lead(case)
    found: list[_Lacking] = []
    for each in case.dispatches:
        if each.over or each.passed_to or _is_in(each, case):
            continue  # of what was passed on, those that lack are named themselves
        need = "own_reply" if each is own else "other_leads" if each.leads else "supporting"
        if need in needs:
            at = due.get(f"department:{each.id}")
            words = _words(_LEAD if each.leads else _SUPPORTING, each.given, each, at, policy)
            found.append(_Lacking(REPLY, each.given, each.department, at, words))
    for task in case.tasks if VERIFICATION in needs else ():
        if task.what == VERIFICATION and task.answered is None:
            at = due.get(f"{VERIFICATION}:{task.id}")
            words = _words(_QUESTION, task.mark.id, task, at, policy)
            found.append(_Lacking(VERIFICATION, None, task.department, at, words))
    return found


def _is_in(dispatch: Dispatch, case: Case) -> bool:
    """Whether its part is in, or that of a unit above, which answers for those below it (R65)."""
    above: Dispatch | None = dispatch
    seen: set[str] = set()
    while above is not None and above.id not in seen:
        turns = came_in(above)
        if turns and turns[-1].to == MET:
            return True
        seen.add(above.id)
        above = case.by_id.get(above.parent) if above.parent is not None else None
    return False


def _last_lead(case: Case) -> Dispatch | None:
    """Whose close the platform asks for when it names no dispatch."""
    return next((each for each in reversed(case.dispatches) if each.leads and not each.over), None)


def _words(said: Said, id_: str | None, of: Any, due: datetime | None, policy: Policy) -> Said:
    found = policy.organisation.find(of.department) if of.department else None
    name = of.department if found is None else found.name
    at = None if due is None else instant_words(due, policy.time_zone)
    return Said(
        *(
            text.format(
                unit=name or nobody,
                id=named.format(id=id_) if id_ else "",
                due="" if at is None else shown.format(at=when),
            )
            for text, nobody, named, shown, when in zip(
                said, _NOBODY, _ID, _DUE, at or ("", ""), strict=True
            )
        )
    )


def _command(
    lacking: Sequence[_Lacking], number: int, event: CloseRequested, occasion: Occasion
) -> bytes:
    policy = occasion.policy
    en, zh = (
        text.format(ticket=occasion.ticket, lacking=between.join(parts))
        for text, between, parts in zip(
            _OPENING,
            ("; ", "；"),
            zip(*(each.words for each in lacking), strict=True),
            strict=True,
        )
    )
    replies = any(each.what == REPLY for each in lacking)
    data = {
        "reason": "not_all_in" if replies else "verification_open",
        "reason_zh": zh,
        "reason_en": en,
        "dispatch_id": event.data.dispatch_id,
        "caused_by": event.id,
        "round": min(number, 1_000),
        "hops": 0,
        "lacking": [
            present(
                {
                    "what": each.what,
                    "dispatch_id": each.id,
                    "department": each.department,
                    "due_at": None if each.due is None else each.due.astimezone(policy.time_zone),
                }
            )
            for each in lacking
        ],
    }
    document = {
        "specversion": "1.0",
        "id": effect_id(
            service=SERVICE, state_key=occasion.ticket, fact_type=TYPE, cause=occasion.cause
        ),
        "source": f"hotline/{SERVICE}",
        "type": TYPE,
        "time": occasion.now,
        "subject": occasion.ticket,
        "datacontenttype": "application/json",
        "citizen": occasion.citizen,
        "recordedtime": occasion.now,
        "causationid": occasion.cause,
        "policyversion": policy.version,
        "traceparent": event.traceparent,
        "leaf": occasion.leaf,
        "data": present(data),
    }
    return orjson.dumps(present(document), option=orjson.OPT_UTC_Z)
