"""Says an event, a handling, a mark: fields become words by the policy that was in force."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from cli.explaining import words
from cli.explaining.words import Words, fill
from policy.bundle import Bundle, Policy

CLIP_CHARS: Final = 160
"""Of a text in a sentence; ``--json`` has all of it."""
UNITS: Final = frozenset({"department", "proposed_department", "body"})
INSTANTS: Final = frozenset(
    {
        *("due_at", "new_due_at", "accept_due_at", "contact_due_at", "reply_due_at", "at", "time"),
        *("expected_until", "received_at", "replied_at", "closed_at", "called_back_at"),
    }
)
BETWEEN: Final = Words(", ", "、")


class Speaker:
    """Words for one bundle. Pure: everything it says follows from what it is given."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle

    @property
    def zone(self) -> ZoneInfo:
        """Times are told in it."""
        return self.bundle.versions[-1].policy.time_zone

    def local(self, instant: str | None) -> datetime | None:
        """The instant in the hotline's time zone; None for what is none."""
        if not instant:
            return None
        try:
            return datetime.fromisoformat(instant).astimezone(self.zone)
        except ValueError:
            return None

    def policy_at(self, instant: datetime | None) -> Policy:
        return self.bundle.versions[-1].policy if instant is None else self.bundle.at(instant)

    def event(self, event: Mapping[str, Any], recorded: datetime | None) -> Words:
        """What happened, in one sentence; of a kind that is not known, its name."""
        kind = kind_of(event)
        sentence = words.SENTENCES.get(kind)
        if sentence is None:
            return Words(kind, kind)
        data = dict(event.get("data") or {})
        policy = self.policy_at(recorded)
        extra: dict[str, Words] = {}
        if kind == "ticket.amended":
            extra["changes"] = self._changes(data, event.get("previousleaf"), policy)
        if data.get("outcome") == "answered" and data.get("contacted"):
            del data["outcome"]  # «reached (answered)» says it twice
        return fill(sentence, self.values(data, policy) | extra)

    def quoted(self, event: Mapping[str, Any]) -> tuple[str, ...]:
        """What people wrote or said in it, each on one line."""
        data = event.get("data") or {}
        return tuple(clip(str(data[name])) for name in words.QUOTED if data.get(name))

    def say(self, template: Words, data: Mapping[str, Any], at: datetime | None = None) -> Words:
        """A template of ``words`` with the fields of ``data``."""
        return fill(template, self.values(data, self.policy_at(at)))

    def values(self, data: Mapping[str, Any], policy: Policy) -> dict[str, Words]:
        """Every field that says something, in words."""
        found = {}
        for name, value in data.items():
            said = self.value(name, value, policy)
            if said:
                found[name] = said
        return found

    def value(self, name: str, value: Any, policy: Policy) -> Words:
        """One field in words; empty if there is nothing to say."""
        if value is None or value == "" or value == [] or value == {}:
            return words.NOTHING
        if isinstance(value, bool):
            return words.FLAGS[name][not value] if name in words.FLAGS else _yes_no(value)
        if name == "satisfied" and isinstance(value, int):
            return words.SATISFACTION[min(max(value, 1), 5) - 1]
        if isinstance(value, list | tuple):
            return join(self.value(name, each, policy) for each in value)
        if name == "duration_seconds":
            return Words(f"{value:g} s", f"{value:g} 秒")
        if name in INSTANTS:
            local = self.local(str(value))
            return alike(str(value) if local is None else minute(local))
        if name in UNITS:
            return unit(str(value), policy)
        if name == "leaf":
            return self.leaf(str(value), policy)
        if name in words.ENUMS:
            text = str(value)
            return words.ENUMS[name].get(text, alike(clip(text)))
        if isinstance(value, dict):
            return alike(clip(" ".join(_texts(value))))
        return alike(clip(str(value)))

    def leaf(self, code: str, policy: Policy) -> Words:
        """Names from the first level (一级节点) down; one that went, by the tree that had it."""
        for tree in (policy, *(each.policy for each in reversed(self.bundle.versions))):
            path = tree.categories.path(code)
            if path:
                return Words(" › ".join(n.en for n in path), "›".join(n.zh for n in path))
        return alike(code)

    def _changes(self, data: Mapping[str, Any], before: str | None, policy: Policy) -> Words:
        """Each changed field with its new value; of the leaf the old one, too."""
        said = []
        for name, value in dict(data.get("changes") or {}).items():
            if name in ("leaf_source", "tree_version", "category_path"):
                continue
            label = words.CHANGED.get(name, alike(name))
            new = self.value(name, value, policy) or Words("nothing", "空")
            if name == "leaf" and before:
                old = self.leaf(before, policy)
                new = Words(f"{old.en} → {new.en}", f"{old.zh} → {new.zh}")
            said.append(Words(f"{label.en}: {new.en}", f"{label.zh}：{new.zh}"))
        return join(said, Words("; ", "；"))


def kind_of(event: Mapping[str, Any]) -> str:
    """``ticket.received`` of ``hotline.ticket.received.v1``."""
    return str(event.get("type", "")).removeprefix("hotline.").rpartition(".v")[0]


def alike(text: str) -> Words:
    """The same in both languages: a name, a number, what somebody wrote."""
    return Words(text, text)


def join(said: Iterable[Words], between: Words = BETWEEN) -> Words:
    """One list in words."""
    parts = [each for each in said if each]
    return Words(between.en.join(p.en for p in parts), between.zh.join(p.zh for p in parts))


def minute(local: datetime) -> str:
    return local.strftime("%Y-%m-%d %H:%M")


def clip(text: str, chars: int = CLIP_CHARS) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= chars else line[: chars - 1] + "…"


def unit(code: str, policy: Policy) -> Words:
    """The unit's code for English, its name for Chinese; a name that is no code stands alone."""
    found = policy.organisation.unit(code)
    return alike(code) if found is None else Words(code, found.name)


def _yes_no(value: bool) -> Words:
    return Words("yes", "是") if value else Words("no", "否")


def _texts(value: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    for each in value.values():
        if isinstance(each, dict):
            found += _texts(each)
        elif isinstance(each, str):
            found.append(each)
    return found
