"""How far a long reading is, on stderr, where somebody watches."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


def reading_bar() -> Progress:
    """A bar a task, gone at the end."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


class Shown:
    """``runtime.engine.scan.Progress``: one line a topic."""

    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.tasks: dict[str, TaskID] = {}

    def __call__(self, topic: str, passed: int, total: int) -> None:
        if topic not in self.tasks:
            self.tasks[topic] = self.bar.add_task(topic)
        updated: dict[str, Any] = {"completed": passed, "total": max(total, 1)}
        self.bar.update(self.tasks[topic], **updated)
