"""What a record of the sample is there for."""

from enum import StrEnum


class Kind(StrEnum):
    """What a record is there for."""

    EVENT = "event"
    LATE = "late"
    """Recorded hours after it happened."""
    OUT_OF_ORDER = "out_of_order"
    """Recorded after what happened later to the same ticket."""
    DUPLICATE = "duplicate"
    """The same bytes again."""
    ALTERED = "altered"
    """The same source and id with other bytes: to be refused."""
    ELSEWHERE = "elsewhere"
    """The same source and id for another ticket: to be refused by who asks the database."""
    FUTURE = "future"
    """Well-formed, but its time lies ahead of the clock: to be refused."""
    NOT_JSON = "not_json"
    NOT_UTF8 = "not_utf8"
    UNKNOWN_TYPE = "unknown_type"
    UNKNOWN_VERSION = "unknown_version"
    MISSING_FIELD = "missing_field"
    WRONG_VALUE = "wrong_value"
    NULL = "null"
    EMPTY = "empty"


GOOD_KINDS = frozenset({Kind.EVENT, Kind.LATE, Kind.OUT_OF_ORDER, Kind.DUPLICATE})
"""What becomes part of the log, a duplicate once."""
BAD_KINDS = frozenset(Kind) - GOOD_KINDS
"""What must end in the dead letters."""
