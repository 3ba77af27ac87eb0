"""A category for a text that has none, by keywords. Coarse on purpose, and said so in the event."""

from collections.abc import Sequence
from dataclasses import dataclass

from cli.conversion.values import Row, Template


@dataclass(frozen=True, slots=True)
class Rule:
    """One value and what speaks for it."""

    value: str
    any_of: tuple[tuple[str, ...], ...]
    """Keywords; a keyword of several words counts when all of them are in the text."""
    none_of: tuple[str, ...] = ()
    """If one of these is in the text, the rule is out."""


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

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(column for template, _ in self.texts for column in template.columns)

    def read(self, row: Row) -> str:
        texts = [((template.read(row) or "").casefold(), weight) for template, weight in self.texts]
        best, best_score = self.default, self.min_score - 1
        for rule in self.rules:
            score = _score(rule, texts)
            if score > best_score:
                best, best_score = rule.value, score
        return best


def _score(rule: Rule, texts: Sequence[tuple[str, int]]) -> int:
    if any(word in text for word in rule.none_of for text, _ in texts):
        return 0
    return sum(
        weight
        for text, weight in texts
        for words in rule.any_of
        if all(word in text for word in words)
    )
