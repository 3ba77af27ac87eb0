"""Lists what a replay said of each ticket that came again, the texts side by side, to judge by.

    python -m tests.kit.repeat_pairs EVENTS.jsonl OUT_FOLDER [VERDICT] > pairs.tsv

EVENTS is what ``hotline convert`` wrote, OUT_FOLDER what ``hotline replay --out`` did. One line for
each: verdict, reason, score, its parts, days between, both tickets, both titles.
"""

import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson


def pairs(events: Path, out: Path) -> list[tuple[Any, ...]]:
    """The last fact of each ticket that rests on an earlier one, surest first."""
    titles = {
        event["subject"]: event["data"].get("title") or event["data"].get("text") or ""
        for event in map(orjson.loads, events.read_bytes().splitlines())
        if event["type"] == "hotline.ticket.received.v1"
    }
    last: dict[str, dict[str, Any]] = {}
    for line in (out / "hotline.repeats.jsonl").read_bytes().splitlines():
        fact = orjson.loads(line)
        last[fact["subject"]] = fact
    found = []
    for subject, fact in last.items():
        data = fact["data"]
        rests_on = data.get("rests_on")
        if not rests_on:
            continue
        came = datetime.fromisoformat(fact["time"])
        before = datetime.fromisoformat(rests_on["time"]) if "time" in rests_on else came
        earlier = rests_on["ticket"]
        found.append(
            (
                *(data["verdict"], data["reason"], rests_on["score"], rests_on.get("parts", {})),
                *((came - before).days, earlier, subject),
                *(titles.get(earlier, "").strip(), titles.get(subject, "").strip()),
            )
        )
    return sorted(found, key=lambda row: (row[0], -row[2]))


if __name__ == "__main__":
    for row in pairs(Path(sys.argv[1]), Path(sys.argv[2])):
        if len(sys.argv) < 4 or row[0] == sys.argv[3]:
            print(*row, sep="\t")
