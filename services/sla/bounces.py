"""A ticket that wanders (踢皮球): arbitration after N dispatches, returns asked too late (R29)."""

from rules.clocks.reckoning import reckon
from rules.clocks.terms import choose
from runtime.processor import Effect, Note
from schemas.events import ReturnRequested
from schemas.topics import SLA
from services.sla import telling
from services.sla.facts import Occasion
from services.sla.fold import Case

UNITS_SHOWN = 20
STATED_KEPT = 50


def arbitration(
    case: Case, stated: tuple[str, ...], occasion: Occasion
) -> tuple[tuple[str, ...], list[Effect], list[Note]]:
    """提请仲裁 for each N-th dispatch of the hotline's own since the last designation.

    Args:
        stated: for which it was stated.

    Returns:
        For which it is stated now, the facts and the notes.
    """
    after = occasion.policy.sla.arbitration_after
    effects: list[Effect] = []
    notes: list[Note] = []
    for designations, number, dispatch in case.arbitration:
        if number % after or designations != case.designated:
            continue
        key = f"{designations}:{number}"
        if key in stated:
            continue
        stated = (*stated, key)[-STATED_KEPT:]
        why = telling.arbitration(number, after, case.returns)
        units = [each.department for _, _, each in case.arbitration if each.department]
        data = {
            "dispatches": number,
            "returns": case.returns,
            "after": after,
            "units": units[-UNITS_SHOWN:],
            "dispatch": dispatch.id,
            "reason": why.slug,
            "reason_en": why.said.en,
            "reason_zh": why.said.zh,
        }
        kind = "arbitration_required"
        value = occasion.fact(kind, occasion.fact_id(kind, key), data)
        effects.append(Effect(SLA, key=occasion.citizen, value=value))
        notes.append(("sla_facts", (kind, "arbitration")))
    return stated, effects, notes


def late_return(case: Case, event: ReturnRequested, occasion: Occasion) -> tuple[Note, ...]:
    """Counted where a unit asks to return a dispatch later than it may (§3 «Return»)."""
    dispatch = case.meant(event.data.dispatch_id, event.data.department)
    if dispatch is None or dispatch.return_asked is None:
        return ()
    policy = occasion.policy
    terms = choose("return", case.content, policy, dispatch.department)
    if terms is None:
        return ()
    asked = dispatch.return_asked.at
    calendar = policy.calendars[terms.calendar]
    deadline = reckon(dispatch.at, terms, calendar, until=asked).deadline
    if deadline is None or asked <= deadline:
        return ()
    unit = policy.organisation.find(dispatch.department) if dispatch.department else None
    return (("sla_late_returns", ("unknown" if unit is None else unit.code,)),)
