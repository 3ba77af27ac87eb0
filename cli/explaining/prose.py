"""Wraps lines as Chinese is written: between any two characters, but not before a closing mark.

Rich breaks at spaces alone, and a Chinese sentence has none: each would begin on a line of its own.
"""

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

CLOSING = frozenset("，。；：、！？）」』》”’…·›,.;:!?)]}%")
OPENING = frozenset("（「『《“‘([{")
LEAST_CELLS = 24


class Prose:
    """A text that may be English, Chinese, or both."""

    def __init__(self, text: Text) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        lines = [
            part for line in self.text.split("\n") for part in wrapped(line, options.max_width)
        ]
        yield Text("\n", no_wrap=True).join(lines)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        longest = max(cell_len(line.plain) for line in self.text.split("\n"))
        return Measurement(min(LEAST_CELLS, longest), longest).with_maximum(options.max_width)


def wrapped(line: Text, width: int) -> list[Text]:
    """The line in parts of at most ``width`` cells."""
    return list(line.divide(breaks(line.plain, width))) if line else [line]


def breaks(text: str, width: int) -> list[int]:
    """Where new lines begin."""
    found: list[int] = []
    start, used, last = 0, 0, 0
    for index, character in enumerate(text):
        if index > start and _may_break(text[index - 1], character):
            last = index
        used += cell_len(character)
        while used > width and character != " " and index > start:
            # A mark that may not begin a line must all the same, if nothing else can.
            start = last if last > start else index
            found.append(start)
            used = cell_len(text[start : index + 1])
    return found


def _may_break(before: str, after: str) -> bool:
    if after == " " or after in CLOSING or before in OPENING:
        return False
    return before == " " or cell_len(before) == 2 or cell_len(after) == 2
