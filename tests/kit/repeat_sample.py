"""Draws repeats at random to judge them blind: texts in one file, what the rules said in another.

    python -m tests.kit.repeat_sample EVENTS.jsonl OUT_FOLDER INTO --seed 4 --confirmed 50 --plain 9

INTO/read.txt has the pairs shuffled and without verdict or score; INTO/key.tsv says by the same
numbers what ``tests.kit.repeat_pairs`` lists of them, and takes no words of the texts.
"""

import argparse
import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import orjson

from tests.kit.repeat_pairs import pairs

KINDS: Final = ("confirmed", "likely", "plain")
"""Confirmed; the same matter by rule, but not confirmed; a candidate by citizen and leaf alone."""


def kind(verdict: str, reason: str) -> str:
    """Which of ``KINDS`` a pair is."""
    if verdict == "confirmed":
        return "confirmed"
    return "plain" if reason == "same_citizen_and_leaf" else "likely"


def draw(
    rows: Iterable[tuple[Any, ...]], seed: int, wanted: dict[str, int], without: set[str]
) -> list[tuple[Any, ...]]:
    """At random so many of each kind as wanted, or all there are; in random order.

    Args:
        rows: of ``repeat_pairs.pairs``.
        seed: of the generator; the same one draws the same pairs.
        wanted: how many of each kind.
        without: ids of later tickets that were drawn before.
    """
    generator = random.Random(seed)
    drawn: list[tuple[Any, ...]] = []
    left = sorted((row for row in rows if row[6] not in without), key=lambda row: str(row[6]))
    for each in KINDS:
        of_kind = [row for row in left if kind(row[0], row[1]) == each]
        drawn += generator.sample(of_kind, min(wanted.get(each, 0), len(of_kind)))
    generator.shuffle(drawn)
    return drawn


def main() -> None:
    """Read the arguments, write the two files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("events", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("into", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    for each in KINDS:
        parser.add_argument(f"--{each}", type=int, default=0)
    parser.add_argument("--without", type=Path, action="append", default=[], help="a key.tsv")
    asked = parser.parse_args()
    seen = {
        line.split("\t")[7]
        for path in asked.without
        for line in path.read_text(encoding="utf-8").splitlines()
    }
    wanted = {each: getattr(asked, each) for each in KINDS}
    told = {
        event["subject"]: event
        for event in map(orjson.loads, asked.events.read_bytes().splitlines())
        if event["type"] == "hotline.ticket.received.v1"
    }
    texts, key = [], []
    drawn = draw(pairs(asked.events, asked.out), asked.seed, wanted, seen)
    for number, row in enumerate(drawn, start=1):
        texts.append(f"##### {number}: {row[4]} days between")
        for subject in row[5:7]:
            data = told[subject]["data"]
            texts.append(f"[{subject}] {data.get('title') or ''}\n{data.get('text') or ''}\n")
        key.append("\t".join(str(value) for value in (number, *row[:7])))
    asked.into.mkdir(parents=True, exist_ok=True)
    (asked.into / "read.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    (asked.into / "key.tsv").write_text("\n".join(key) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
