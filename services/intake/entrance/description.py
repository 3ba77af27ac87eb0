"""``POST /v1/events`` as OpenAPI describes it; the types' schemas are in ``schemas/published``."""

from typing import Any, Final

from schemas.binary import STRUCTURED
from schemas.events import EVENT_TYPES
from services.intake.entrance.body import BATCH, BINARY
from services.intake.entrance.judging import STATUS

EXAMPLE: Final[dict[str, Any]] = {
    "specversion": "1.0",
    "id": "ev-20260305016",
    "source": "jiangcheng-12345",
    "type": "hotline.dispatch.accepted.v1",
    "time": "2026-03-06T08:31:00+08:00",
    "subject": "JC20260305-00317",
    "data": {"dispatch_id": "D-00317-2", "department": "320106-CGJ"},
}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "title": "CloudEvent",
    "required": ["specversion", "id", "source", "type", "time", "subject", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1, "maxLength": 256},
        "source": {"type": "string", "minLength": 1, "maxLength": 256},
        "type": {"type": "string", "enum": sorted(EVENT_TYPES)},
        "time": {"type": "string", "format": "date-time"},
        "subject": {"type": "string", "minLength": 1, "maxLength": 256},
        "data": {"type": "object", "description": "`schemas/published/<type>.json`"},
    },
    "example": EXAMPLE,
}
BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            STRUCTURED: {"schema": _EVENT},
            BATCH: {"schema": {"type": "array", "items": _EVENT, "example": [EXAMPLE]}},
            BINARY: {
                "schema": {
                    "type": "object",
                    "description": "`data` alone, with the attributes as headers `ce-id` and so on",
                    "example": EXAMPLE["data"],
                }
            },
        },
    }
}

ANSWER: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Answer",
    "required": ["id", "status"],
    "properties": {
        "id": {"type": ["string", "null"], "description": "As it came; null: none could be read"},
        "status": {"type": "integer", "enum": sorted({202, *STATUS.values()})},
        "duplicate": {"type": "boolean", "description": "It was taken before"},
        "reason": {"type": "string", "enum": sorted(STATUS), "description": "A stable slug"},
        "detail": {"type": "string", "description": "Field and value, and what to do"},
    },
}
_ANSWERS: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Answers",
    "required": ["items"],
    "properties": {
        "items": {"type": "array", "items": ANSWER, "description": "In the order of the request"}
    },
}
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Kafka has acknowledged it, or every event of the batch",
        "content": {"application/json": {"schema": {"oneOf": [ANSWER, _ANSWERS]}}},
    },
    207: {
        "description": "Not every event of the batch was taken: see each",
        "content": {"application/json": {"schema": _ANSWERS}},
    },
}
