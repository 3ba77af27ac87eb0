"""Why a document is not an event, in words that name field and value (R1)."""

from pydantic import ValidationError

SHOWN_PROBLEMS = 20
"""More problems than this are only counted: a wrong file would otherwise fill the log."""
SHOWN_CHARACTERS = 80


def describe(error: ValidationError) -> str:
    """One line per bad field: ``data.place.lat is 99: Input should be less than or equal to 90``.

    May quote personal data: it goes where the original goes, or is masked first.
    """
    problems = error.errors(include_url=False, include_context=False)
    lines = [_line(item["loc"], item["type"], item["input"], item["msg"]) for item in problems]
    left_out = len(lines) - SHOWN_PROBLEMS
    if left_out > 0:
        lines = [*lines[:SHOWN_PROBLEMS], f"and {left_out} more"]
    return "\n".join(lines)


def _line(location: tuple[int | str, ...], kind: str, given: object, message: str) -> str:
    # Of a discriminated union, the first part is the tag, which is the event's type, not a field.
    path = [str(part) for part in location if not str(part).startswith("hotline.")]
    if kind == "union_tag_invalid":
        name = given.get("type") if isinstance(given, dict) else given
        return f"type is {_shown(name)}: no event has this type"
    if kind == "union_tag_not_found":
        return "type is missing: every event needs it"
    field = ".".join(path) or "document"
    if kind == "missing":
        return f"{field} is missing: give it"
    return f"{field} is {_shown(given)}: {message}"


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
