"""A whole document: which fields stay, which go, and how each of the others is masked (R61).

Intake masks every string of a document, deep, unknown fields included. Only the fields named in
``KEPT`` stay as they are, because an id or a reference may look like a telephone number. A field
that nobody named is masked: the safe way round.
"""

import hmac
import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from services.intake.masking.text import mask_address, mask_digits, mask_numbers_only, mask_text

KEPT = frozenset(
    # Ids and codes that rules compare; a platform must not build them from personal data.
    {
        *("dispatch_id", "parent_dispatch_id", "contact_id", "task_id", "reply_id"),
        *("verification_id", "solution_id", "escalation_id", "remedy_id", "supervision_id"),
        *("case_id", "command_id", "notice_id", "caused_by"),
        *("ticket", "earlier_ticket", "parent", "children", "source_number"),
        *("leaf", "category_path", "tree_version", "resolution", "reason_code"),
        *("division", "grid", "credit_code", "knowledge_entry"),
    }
)
"""Fields that stay as they are. Not among them: references of recordings and pictures, whose names
often hold the caller's number."""

OFFICIAL = frozenset(
    {
        *("agent", "handler", "by", "asked_by", "recorded_by", "arbiter", "report_to"),
        *("department", "proposed_department", "referred_to", "body", "team"),
    }
)
"""Who acts for the hotline or a department. Names stay: attribution compares them (R22), and they
act in office. Numbers go: staff often log in by telephone."""

PARTIES = frozenset({"complainant", "caller", "on_behalf_of"})
"""Objects that describe a citizen: of them only ``PARTY_KEPT`` goes on."""
PARTY_KEPT = frozenset({"kind", "gender", "on_behalf_of"})
WITHHELD = frozenset({"identities", "identity", "callback_number"})
"""Fields that go wherever they stand: identities and numbers of citizens."""

PLACE = "place"
PLACE_KEY = "key"
MATTER = "matter"
COORDINATE_DECIMALS: Final = 4
"""Eleven metres: enough for what lies in a street, too little for a door in a block of flats."""
PLACE_KEY_DIGITS: Final = 16
MAX_NAME_CHARACTERS: Final = 60
"""Of an official, a shop, a field; longer is a story that somebody put there, masked like one."""

MAX_NAMES_KNOWN: Final = 4_096
"""Of fields: the contract and the platforms have a few hundred."""

ADDRESSES = frozenset(
    {
        "address",
        "地址",
        "住址",
        "家庭住址",
        "详细地址",
        "联系地址",
        "户籍地址",
        "事发地址",
        "事发地点",
    }
)
"""Fields of an address, also where a platform puts them beside the contract's."""
NAMES = frozenset(
    {
        *(
            "姓名",
            "联系人",
            "来电人",
            "投诉人",
            "诉求人",
            "反映人",
            "举报人",
            "求助人",
            "申请人",
            "户主",
        ),
        *("市民姓名", "客户姓名", "业主姓名", "contact_name", "caller_name", "citizen_name"),
    }
)
"""Fields of a citizen's name, outside the contract."""
_NAME_MASK = "[name]"
_ABSENT: Final = object()
_mask_address = lru_cache(maxsize=8_192)(mask_address)
"""Of estates and crossings, the same in many tickets."""
_mask_official = lru_cache(maxsize=8_192)(mask_numbers_only)
"""Of departments and staff: thousands, again and again."""

_SPACE = re.compile(r"[\W_]+")
_BETWEEN_DIGITS = re.compile(r"(?<=[0-9a-z])[\W_]+(?=[0-9a-z])")
_BUILDING = re.compile(r"(?<=[0-9a-z])(?:号楼|幢|座|栋楼)")
_ROOM = re.compile(r"(?<=[0-9])[室房]$")


class Masker:
    """Masks documents; a place gets a key by which rules compare places without knowing them."""

    def __init__(self, place_key: bytes) -> None:
        """Args:
        place_key: secret, and the same for ever: what keys of places are made with.
        """
        self._place_key = place_key
        self._clean_names: set[str] = set()
        self._known_place = lru_cache(maxsize=8_192)(self.place)
        self._treated: dict[str, Callable[[Any], Any]] = {
            **dict.fromkeys(KEPT, self._kept),
            **dict.fromkeys(OFFICIAL, self._official),
            **dict.fromkeys(PARTIES, self._party),
            **dict.fromkeys(WITHHELD, lambda _: _ABSENT),
            **dict.fromkeys(ADDRESSES, self._address),
            **dict.fromkeys(NAMES, self._name),
            "caller": self._caller,
            PLACE: self._place,
            MATTER: self._matter,
        }

    def mask(self, value: Any) -> Any:
        """A JSON value without personal data: strings masked, citizens and their numbers left out.

        A whole number long enough to be a telephone number is masked too, and so are the names of
        an object's fields; where there is nothing to mask the value comes back equal.
        """
        kind = type(value)
        if kind is str:
            return mask_text(value)
        if kind is dict:
            return self._object(value)
        if kind is list:
            return [self.mask(item) for item in value]
        if kind is int and abs(value) >= 1_000_000_000:
            text = str(value)
            masked = mask_digits(text)
            return value if masked == text else masked
        return value

    def place(self, address: str) -> str | None:
        """The key of an address, however it is spaced and punctuated; None if it says nothing."""
        plain = plain_address(address).encode(errors="surrogatepass")
        if not plain:
            return None
        return hmac.digest(self._place_key, plain, "sha256").hex()[:PLACE_KEY_DIGITS]

    def _object(self, value: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        treated, clean = self._treated, self._clean_names
        as_given = True
        for name, item in value.items():
            treat = treated.get(name)
            if treat is not None:
                masked = treat(item)
                if masked is not _ABSENT:
                    result[name] = masked
                continue
            if as_given and name in clean:
                key = name
            else:
                key = self._field(name)
                as_given = as_given and key == name
                while key in result:
                    key += "'"  # two numbers used as names: neither value is lost
            kind = type(item)
            if kind is str:
                result[key] = mask_text(item)
            else:
                result[key] = item if kind is bool or item is None else self.mask(item)
        return result

    def _field(self, name: str) -> str:
        """The name of a field, masked; one that stays is known the next time."""
        masked = mask_text(name)
        known = self._clean_names
        if masked == name and len(name) <= MAX_NAME_CHARACTERS and len(known) < MAX_NAMES_KNOWN:
            known.add(name)
        return masked

    def _kept(self, item: Any) -> Any:
        return item if type(item) is str or _is_plain(item) else self.mask(item)

    def _official(self, item: Any) -> Any:
        if type(item) is str and len(item) <= MAX_NAME_CHARACTERS:
            return _mask_official(item)
        return self.mask(item)

    def _party(self, item: Any) -> Any:
        if type(item) is dict:
            return self._object({key: item[key] for key in item if key in PARTY_KEPT})
        return self.mask(item) if item is None else _ABSENT

    def _caller(self, item: Any) -> Any:
        return self._party(item) if type(item) is dict else self.mask(item)  # of a call: a number

    def _address(self, item: Any) -> Any:
        if type(item) is str:
            return _mask_address(item) if len(item) <= MAX_NAME_CHARACTERS else mask_address(item)
        return self.mask(item)

    def _name(self, item: Any) -> Any:
        return _NAME_MASK if type(item) is str and item else self.mask(item)

    def _place(self, place: Any) -> Any:
        """Without house numbers, to eleven metres, and with the key of the whole address."""
        if type(place) is not dict:
            return self.mask(place)
        result = self._object({name: place[name] for name in place if name != PLACE_KEY})
        neighbourhood = result.get("neighbourhood")
        if type(neighbourhood) is str:
            result["neighbourhood"] = self._address(neighbourhood)
        for name in ("lat", "lon"):
            if type(result.get(name)) is float:
                result[name] = round(result[name], COORDINATE_DECIMALS)
        address = place.get("address")
        key = None
        if type(address) is str:
            short = len(address) <= MAX_NAME_CHARACTERS
            key = self._known_place(address) if short else self.place(address)
        if key is not None:
            result[PLACE_KEY] = key
        return result

    def _matter(self, matter: Any) -> Any:
        """Whom it is about: a shop called after a person (李先生牛肉面) must stay told apart."""
        if type(matter) is not dict:
            return self.mask(matter)
        result = self._object({name: matter[name] for name in matter if name != "name"})
        name = matter.get("name")
        if "name" in matter:
            result["name"] = self._official(name)
        return result


def plain_address(address: str) -> str:
    """The address in one spelling: width, case, spaces, 幢 for 栋, 502室 for 502."""
    text = unicodedata.normalize("NFKC", address).casefold()
    text = "-".join(_SPACE.sub("", part) for part in _BETWEEN_DIGITS.split(text))
    return _ROOM.sub("", _BUILDING.sub("栋", text))


def _is_plain(item: Any) -> bool:
    """A value of the declared kind: something else under a declared name is masked."""
    kind = type(item)
    return kind is not dict and (kind is not list or all(type(each) is str for each in item))
