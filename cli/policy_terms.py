"""What the section ``sla`` of a policy says, row by row with sources (R25): ``policy show``."""

from dataclasses import fields
from datetime import timedelta
from typing import Any

from policy.sla import LevelRow, SlaPolicy, TargetRule


def terms(sla: SlaPolicy) -> dict[str, tuple[Any, str]]:
    """Value and source of each, by the name of the file; rows in the order they are tried."""
    values: dict[str, Any] = {f"levels.{row.name}": _row(str(row.level), row) for row in sla.levels}
    values |= {f"{target}.warnings": _percents(each) for target, each in sla.warnings.items()}
    for rows in sla.rules.values():
        for rule in rows:
            rolls = ", off a day off" if rule.roll else ""
            unit = rule.unit.replace("_", " ")
            amount = f"{rule.amount} {unit} of {rule.calendar or 'unit'}{rolls}"
            values[rule.name] = _row(amount, rule)
    values |= {name: _targets(paused) for name, paused in sla.paused_by_row.items()}
    values |= {
        "extension.asked_before_due": sla.extension_asked_before_due,
        "extension.lead_moves_citizen": sla.lead_moves_citizen,
        "late_recording_hours": sla.late_recording / timedelta(hours=1),
        "on_new_version": f"targets: {sla.new_version_targets}",
        "forget_after_days": sla.forget_after.days,
    }
    return {
        name: (values[name] if name in values else getattr(sla, name), why)
        for name, why in sla.sources.items()
    }


def _row(value: str, row: LevelRow | TargetRule) -> str:
    """With what it asks for, by the names of the file."""
    asked = (
        f"{each.name} {', '.join(map(str, sorted(wanted)))}"
        for each in fields(row.when)
        if (wanted := getattr(row.when, each.name)) is not None
    )
    return "; ".join((value, *asked))


def _percents(warnings: tuple[int, ...]) -> str:
    return ", ".join(f"{each} %" for each in warnings) or "none"


def _targets(paused: frozenset[str]) -> str:
    return f"pauses {', '.join(sorted(paused)) or 'nothing'}"
