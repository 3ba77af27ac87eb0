"""The index of the decisions has every record, by its title."""

import re
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "decisions"


def test_the_index_has_every_record_by_its_title() -> None:
    titles = {
        path.name: path.read_text(encoding="utf-8").splitlines()[0]
        for path in sorted(FOLDER.glob("[0-9]*.md"))
    }
    rows = re.findall(
        r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE
    )
    assert {name: f"# {number} {title}" for number, name, title in rows} == titles
    assert len({number for number, *_ in rows}) == len(rows)
