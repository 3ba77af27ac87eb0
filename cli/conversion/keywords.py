"""A category for a text that has none, by keywords. Coarse on purpose, and said so in the event."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cli.conversion.values import Row, Template

SENTENCE_END = re.compile(r"[。！？!?；;\n]+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One value and what speaks for it."""

    value: str
    any_of: tuple[tuple[str, ...], ...]
    """Keywords; one of several words counts when all of them are in one sentence."""
    none_of: tuple[str, ...] = ()
    """If one of these is in a text, the rule is out."""


@dataclass(frozen=True, slots=True)
class KeywordRules:
    """The rule with the highest score wins; of equals, the first.

    A keyword that is in a text scores the text's weight, once. Below ``min_score``, or without a
    hit, the value is ``default``.
    """

    texts: tuple[tuple[Template, int], ...]
    """Each with its weight: a title says more than a paragraph."""
    rules: tuple[Rule, ...]
    default: str
    min_score: int = 1
    _words: tuple[str, ...] = field(init=False, repr=False)
    """Every word of every rule, so that a text is searched for each of them once only."""

    def __post_init__(self) -> None:
        words = {
            word: None
            for rule in self.rules
            for keyword in (*rule.any_of, rule.none_of)
            for word in keyword
        }
        object.__setattr__(self, "_words", tuple(words))

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for template, _ in self.texts for column in template.columns)

    def read(self, row: Row) -> str:
        texts = []
        for template, weight in self.texts:
            text = (template.read(row) or "").casefold()
            found = frozenset(word for word in self._words if word in text)
            texts.append((SENTENCE_END.split(text), found, weight))
        best, best_score = self.default, self.min_score - 1
        for rule in self.rules:
            score = _score(rule, texts)
            if score > best_score:
                best, best_score = rule.value, score
        return best


def _score(rule: Rule, texts: Sequence[tuple[Sequence[str], frozenset[str], int]]) -> int:
    if any(word in found for word in rule.none_of for _, found, _ in texts):
        return 0
    score = 0
    for sentences, found, weight in texts:
        for words in rule.any_of:
            if words[0] in found and (
                len(words) == 1
                or (
                    found.issuperset(words)
                    and any(all(word in sentence for word in words) for sentence in sentences)
                )
            ):
                score += weight
    return score
