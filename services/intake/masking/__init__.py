"""Masking of what a text says about a person, before it goes on (R61).

What is found is replaced by the name of its kind in brackets, never by a part of the value: the
last four digits and a street are a person. Each kind has its file: ``numbers`` in digits, ``spelt``
in Chinese, ``names``, ``houses``; ``text`` puts them together, ``document`` says which field is
masked how.
"""

from services.intake.masking.document import (
    ADDRESSES,
    KEPT,
    NAMES,
    OFFICIAL,
    PARTIES,
    PARTY_KEPT,
    WITHHELD,
    Masker,
)
from services.intake.masking.text import mask_address, mask_text

__all__ = [
    "ADDRESSES",
    "KEPT",
    "NAMES",
    "OFFICIAL",
    "PARTIES",
    "PARTY_KEPT",
    "WITHHELD",
    "Masker",
    "mask_address",
    "mask_text",
]
