"""Pieces that several events share: who, where, what about, through which channel.

Two aliases say what a publisher may put there (R61): in a ``FreeText`` personal data is masked
before it reaches ``hotline.tickets``, an ``Original`` never leaves the inbox and the vault. The
exported JSON Schema says the same as ``x-privacy``: ``masked`` or ``withheld``.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.envelope import Instant, Name, Part

FreeText = Annotated[
    str,
    StringConstraints(max_length=20_000),
    Field(json_schema_extra={"x-privacy": "masked"}),
]
"""What people wrote or said. May be empty; personal data in it is masked by intake."""

Original = Annotated[
    str,
    StringConstraints(min_length=1, max_length=256),
    Field(json_schema_extra={"x-privacy": "withheld"}),
]
"""Names and numbers of citizens: only in the inbox (7 days) and in the vault."""

Reference = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
"""A URL or the platform's own key of a recording, a picture, a document."""

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(ge=0, le=10_000_000_000)]
Satisfaction = Annotated[int, Field(ge=1, le=5)]
"""好差评: 1 非常不满意, 2 不满意, 3 基本满意, 4 满意, 5 非常满意."""


class Channel(StrEnum):
    """Through what a citizen and the hotline met (渠道, R1)."""

    PHONE = "phone"
    WEB = "web"
    WECHAT = "wechat"
    APP = "app"
    MINI_PROGRAM = "mini_program"
    SMS = "sms"
    EMAIL = "email"
    LETTER = "letter"
    VISIT = "visit"
    FAX = "fax"
    MEDIA = "media"
    """Press, forum, short video: a post that the hotline took up."""
    OTHER_AGENCY = "other_agency"
    """Passed on by another hotline or body (110, national platform, mayor's mailbox)."""
    OTHER = "other"


class RequestType(StrEnum):
    """诉求类型."""

    CONSULTATION = "consultation"
    """咨询."""
    HELP = "help"
    """求助."""
    COMPLAINT = "complaint"
    """投诉."""
    REPORT = "report"
    """举报."""
    SUGGESTION = "suggestion"
    """建议."""
    PRAISE = "praise"
    """表扬."""


class Urgency(StrEnum):
    """紧急程度, as the platform set it; the rules propose a higher one, never a lower (R39)."""

    NORMAL = "normal"
    """一般."""
    URGENT = "urgent"
    """紧急."""
    VERY_URGENT = "very_urgent"
    """非常紧急."""


class LeafSource(StrEnum):
    """Who chose the leaf (R7, R11)."""

    PLATFORM = "platform"
    AGENT = "agent"
    KEYWORD_RULES = "keyword_rules"
    CLASSIFIER = "classifier"


class PartyKind(StrEnum):
    """诉求人类别."""

    PERSON = "person"
    """个人."""
    ENTERPRISE = "enterprise"
    """企业."""


class IdentityScheme(StrEnum):
    """By what a citizen is known; each scheme is an alias of its own until linked."""

    PHONE = "phone"
    ID_CARD = "id_card"
    """居民身份证号."""
    WECHAT = "wechat"
    """OpenID or UnionID."""
    APP = "app"
    WEB = "web"
    EMAIL = "email"
    ACCOUNT = "account"
    """A user number of the platform."""
    CREDIT_CODE = "credit_code"
    """统一社会信用代码 of an enterprise."""


class Identity(Part):
    """One alias of a citizen (身份标识). Intake turns it into a pseudonym."""

    scheme: IdentityScheme
    """What kind of number or name ``value`` is."""
    value: Original
    """The number or name itself, as the platform knows it."""


class Party(Part):
    """A person or an enterprise (诉求人)."""

    kind: PartyKind | None = None
    """Person or enterprise."""
    name: Original | None = None
    """Name as given; not used to tell people apart."""
    gender: Name | None = None
    """For the form of address only; the platform's own code."""
    identities: Annotated[tuple[Identity, ...], Field(max_length=16)] = ()
    """What tells whether two tickets are the same citizen's (R12), in any order."""
    citizen: Annotated[Name | None, Field(json_schema_extra={"readOnly": True})] = None
    """Pseudonym, put by intake in place of ``identities``; what a publisher sends is dropped."""
    shared: Annotated[bool | None, Field(json_schema_extra={"readOnly": True})] = None
    """True, put by intake: all identities given are used by many people (a switchboard, a village's
    one phone), so that a ticket with the same ``citizen`` need not be the same person's."""
    reachable: Annotated[bool | None, Field(json_schema_extra={"readOnly": True})] = None
    """True, put by intake: identities were given although there is no ``citizen`` (匿名), so the
    platform can reach them, and nobody else learns who it is. What a publisher sends is dropped."""


class Complainant(Party):
    """Who speaks to the hotline (诉求人 / 来电人)."""

    on_behalf_of: Party | None = None
    """委托人: whose case it is, when the caller speaks for another («同人», §3)."""


class Matter(Part):
    """Whom or what the case is about (涉事主体): another one is never a repeat (R13)."""

    name: Name | None = None
    """Name of the enterprise, shop, school, authority complained of."""
    credit_code: Name | None = None
    """统一社会信用代码 of that enterprise."""
    object: Name | None = None
    """The thing itself: lamp post, lift, bus line, building."""


class Place(Part):
    """Where the problem is (事发地点), which need not be where the citizen lives."""

    address: FreeText | None = None
    """Address in words."""
    division: Name | None = None
    """行政区划代码 of the smallest known unit, e.g. ``320106`` or a 12-digit village code."""
    lat: Annotated[float, Field(ge=-90, le=90)] | None = None
    """Latitude in degrees, WGS 84."""
    lon: Annotated[float, Field(ge=-180, le=180)] | None = None
    """Longitude in degrees, WGS 84."""
    grid: Name | None = None
    """网格编号."""
    neighbourhood: Name | None = None
    """小区 / 社区, by name or code."""
    key: Annotated[Name | None, Field(json_schema_extra={"readOnly": True})] = None
    """Put by intake: the same for the same full address, house number included, which ``address``
    no longer shows; says nothing else of it. What a publisher sends is dropped."""


class Attachment(Part):
    """A picture, sound or document, by reference; the bytes stay at the platform (附件)."""

    reference: Reference
    """URL or key at the platform."""
    name: FreeText | None = None
    """File name."""
    media_type: Name | None = None
    """E.g. ``image/jpeg``."""
    taken_at: Instant | None = None
    """When the picture or recording was made, by its own data."""


Attachments = Annotated[tuple[Attachment, ...], Field(max_length=200)]


class CallOutcome(StrEnum):
    """Outcome of trying to reach a citizen (联系结果, R26, R36)."""

    ANSWERED = "answered"
    """已接通."""
    NO_ANSWER = "no_answer"
    """无人接听."""
    REJECTED = "rejected"
    """拒接."""
    INCONVENIENT = "inconvenient"
    """不方便接听."""
    UNKNOWN_CALLER = "unknown_caller"
    """陌生来电, not taken for that reason."""
    BUSY = "busy"
    """占线."""
    POWERED_OFF = "powered_off"
    """关机."""
    POOR_SIGNAL = "poor_signal"
    """信号差."""
    OUT_OF_SERVICE = "out_of_service"
    """停机 / 空号."""
    WRONG_NUMBER = "wrong_number"
    """号码错误."""
    OTHER = "other"
