"""The events of files, in the order of their recorded time."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import orjson

from policy.bundle import Bundle
from runtime.core import to_ms
from runtime.errors import HotlineError
from runtime.stores.codec import instant
from schemas.events.parts import Identity
from vault.directory import Directory


class EventsUnreadable(HotlineError):
    """A file of events cannot be read.

    Operator action: fetch or unpack the file again; look at its permissions.
    """

    def __init__(self, path: Path, detail: str) -> None:
        super().__init__("events_unreadable", f"{path}: {detail}")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A line of a file: what a publisher sent, and when it counts as recorded."""

    at_ms: int
    subject: str
    value: bytes


class _Head(msgspec.Struct, frozen=True):
    """What orders a line; of any type, for what is bad is for intake to say."""

    recordedtime: Any = None
    time: Any = None
    subject: Any = None


class _People(msgspec.Struct, frozen=True):
    complainant: msgspec.Raw = msgspec.Raw(b"")
    caller: msgspec.Raw = msgspec.Raw(b"")


class _Parties(msgspec.Struct, frozen=True):
    """Who came, unread: the same party comes again and again."""

    source: str = ""
    data: _People = _People()


_HEAD = msgspec.json.Decoder(_Head)
_PARTIES = msgspec.json.Decoder(_Parties)
LINES_A_STEP = 256
"""Of the progress bar."""


def read_lines(paths: Iterable[Path], *, seen: Callable[[int], None]) -> Iterator[bytes]:
    """Every line of the files (``.gz`` unpacked), without its end; empty ones are passed over.

    Args:
        seen: told how many bytes of the files have been read, for a progress bar.

    Raises:
        EventsUnreadable: names the file.
    """
    for path in paths:
        try:
            with path.open("rb") as raw, _unpacked(raw, path) as opened:
                yield from _lines(raw, opened, seen)
        except (gzip.BadGzipFile, zlib.error) as error:
            raise EventsUnreadable(
                path, f"ends in .gz and is no whole gzip file ({error}); unpack it or fetch it anew"
            ) from error
        except EOFError as error:
            raise EventsUnreadable(path, "the gzip file is cut off; fetch it again") from error
        except OSError as error:
            raise EventsUnreadable(path, error.strerror or str(error)) from error


def _lines(raw: BinaryIO, opened: Iterable[bytes], seen: Callable[[int], None]) -> Iterator[bytes]:
    before = 0
    for number, line in enumerate(opened):
        if number % LINES_A_STEP == 0:
            seen(raw.tell() - before)
            before = raw.tell()
        text = line.rstrip(b"\r\n")
        if text:
            yield text
    seen(raw.tell() - before)


def _unpacked(raw: BinaryIO, path: Path) -> AbstractContextManager[Iterable[bytes]]:
    return gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else nullcontext(raw)


def recorded(lines: Iterable[bytes]) -> list[Recorded]:
    """Lines in the order of recorded time: ``recordedtime``, else ``time`` (architecture: time).

    What has no readable time keeps its place behind the line before it: intake will say why it
    cannot be read.
    """
    result: list[Recorded] = []
    at_ms = 0
    for line in lines:
        try:
            head = _HEAD.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            head = _Head()
        found = _instant_ms(head.recordedtime) or _instant_ms(head.time)
        at_ms = found if found is not None else at_ms
        subject = head.subject
        result.append(Recorded(at_ms, subject if isinstance(subject, str) else "", line))
    result.sort(key=lambda each: each.at_ms)
    return result


def citizen_keys(
    events: Sequence[Recorded], directory: Directory, bundle: Bundle
) -> dict[str, str]:
    """For each ticket the citizen it will belong to, so that one inbox partition has all of theirs.

    In production the inbox is keyed by ticket, and two tickets of one citizen may overtake each
    other; a replay must give the same facts every time, so its inbox is keyed by citizen. Those who
    turn out to be one (``identity.linked``) have one key from the start.
    """
    keys: dict[str, str] = {}
    known: dict[tuple[bytes, str, str], str | None] = {}
    links: list[tuple[str, str]] = []
    for event in events:
        if b"hotline.identity.linked." in event.value:
            links += _link(event, directory)
        if event.subject in keys or b'"identities"' not in event.value:
            continue
        try:
            parties = _PARTIES.decode(event.value)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
        party = bytes(parties.data.complainant or parties.data.caller)
        at = instant(event.at_ms)
        same_person = bundle.at(at).repeat.same_person
        asked = (party, parties.source, same_person)
        if asked not in known:
            known[asked] = _citizen(orjson.loads(party or b"null"), *asked[1:], directory, at)
        citizen = known[asked]
        if citizen is not None:
            keys[event.subject] = citizen
    return _joined(keys, links) if links else keys


class _LinkData(msgspec.Struct):
    first: msgspec.Raw
    second: msgspec.Raw


class _Link(msgspec.Struct):
    type: str
    data: _LinkData
    source: str = ""


_LINK = msgspec.json.Decoder(_Link)


def _link(event: Recorded, directory: Directory) -> list[tuple[str, str]]:
    """The two pseudonyms of a link, and the ticket in which it came to light; [] for no link."""
    try:
        linked = _LINK.decode(event.value)
        aliases = [orjson.loads(bytes(each)) for each in (linked.data.first, linked.data.second)]
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return []
    found = []
    for alias in aliases:
        if not isinstance(alias, dict):
            return []
        identities = _identities({"identities": [alias.get("identity")]})
        resolved = directory.resolve(identities, linked.source, instant(event.at_ms))
        found.append(alias.get("citizen") or (resolved.citizen if resolved else None))
    first, second = found
    if not isinstance(first, str) or not isinstance(second, str):
        return []
    return [(first, second), (first, event.subject)]


def _joined(keys: dict[str, str], links: list[tuple[str, str]]) -> dict[str, str]:
    """The keys with one key for all that are linked; a ticket stands for its citizen there."""
    leader: dict[str, str] = {}

    def lead(name: str) -> str:
        while name in leader:
            name = leader[name]
        return name

    for one, other in links:
        first, second = sorted((lead(keys.get(one, one)), lead(keys.get(other, other))))
        if first != second:
            leader[second] = first
    tickets = {other: other for _, other in links if other not in keys}
    return {ticket: lead(citizen) for ticket, citizen in {**keys, **tickets}.items()}


def _citizen(
    party: object, source: str, same_person: str, directory: Directory, at: datetime
) -> str | None:
    """Whom intake will take the party for."""
    if not isinstance(party, dict):
        return None
    principal = party.get("on_behalf_of") if same_person == "principal" else None
    for each in (principal, party):
        found = directory.resolve(_identities(each), source, at)
        if found is not None:
            return found.citizen
    return None


def _instant_ms(value: Any) -> int | None:
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if instant.tzinfo is None else to_ms(instant)


def _identities(party: object) -> list[Identity]:
    given = party.get("identities") if isinstance(party, dict) else None
    found = []
    for each in given if isinstance(given, list) else ():
        try:
            found.append(Identity.model_validate(each))
        except ValueError:
            continue
    return found
