"""身份归并: two pseudonyms are one person, and the tickets of one are handed to the other (R12).

A ticket keeps its pseudonym for life, and so its partition of the log; but repeats are judged per
citizen. So when ``identity.linked`` says that two are one, the partition of the second hands over
what it keeps, leaf by leaf, by a topic keyed by citizen that this service alone writes and reads;
what happens later to those tickets follows on the same way. Of two pseudonyms the smaller one
keeps the chains: links in any order, also in a circle, end at one.

Order is kept by a hop through the second's own partition: an event behind the link waits there
behind the chains that are still on their way, and both go on to the first's partition in order.

What a message does is in ``domain``; here is what is written, and the index of a citizen's leaves
that the link needs.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

import msgspec

from runtime.processor import Effect
from schemas.envelope import Envelope
from schemas.ids import is_anonymous
from schemas.topics import REPARTITIONED
from services.dedup.state import Chain, Index

(HANDOVER,) = REPARTITIONED["dedup"]
NOWHERE: Final = Index()
SLACK: Final = timedelta(days=180)
"""The index says «until» so much too late, so that not every ticket must be written into it."""


class Message(msgspec.Struct, frozen=True, tag_field="what", tag=str.lower):
    """To the partition of ``citizen``, which is the record's key."""

    citizen: str
    event: str
    """JSON of the event behind it: the link, or what follows it."""


class Export(Message, frozen=True):
    """«Hand the chains of this leaf over»: from a citizen's partition to itself."""

    leaf: str
    to: str


class Adopt(Message, frozen=True):
    """«Take over the chains of this leaf»; from whom, their keys said."""

    leaf: str
    chain: Chain


class Follow(Message, frozen=True):
    """An event of a ticket that was handed over, or of one that came after the link."""


class Join(Message, frozen=True):
    """A link of one that was handed over already: ``first`` and ``citizen`` are one."""

    first: str


AnyMessage = Export | Adopt | Follow | Join

_encode = msgspec.json.Encoder().encode
_decode: msgspec.json.Decoder[AnyMessage] = msgspec.json.Decoder(AnyMessage)


def read(value: bytes) -> AnyMessage:
    """A message of ours. Raises ``msgspec.DecodeError``."""
    return _decode.decode(value)


def send(message: AnyMessage) -> Effect:
    """To the partition of its citizen."""
    return Effect(HANDOVER, message.citizen, _encode(message))


def written(event: Envelope) -> str:
    """An event as it goes on: what was not said stays unsaid, an explicit null stays."""
    typed = event.model_copy(update={"type": event.type})
    return typed.model_dump_json(exclude_unset=True)


# The index of a citizen, kept under the citizen alone


def index_of(state: Chain | None) -> Index:
    return NOWHERE if state is None or state.index is None else state.index


def kept(index: Index) -> Chain | None:
    """The index as a state: until nothing can be kept under it, or for good once linked."""
    if not index.leaves and not index.gone_to:
        return None
    forget_at = None if index.gone_to else max(index.leaves.values())
    return Chain(wake_at=forget_at, index=index)


def noted(index: Index, chains: Iterable[tuple[str, Chain | None]]) -> Index:
    """The index with the leaves of these chains; the same object where it says enough already."""
    leaves = index.leaves
    new = {
        leaf: chain.wake_at + SLACK
        for leaf, chain in chains
        if chain is not None
        and chain.wake_at is not None
        and (leaf not in leaves or leaves[leaf] < chain.wake_at)
    }
    return Index({**leaves, **new}, index.gone_to) if new else index


def forgotten(index: Index, due: datetime) -> Index:
    """Without the leaves that nothing can be kept under any more."""
    return Index(
        {leaf: until for leaf, until in index.leaves.items() if until > due}, index.gone_to
    )


def linked(
    citizen: str, one: str, other: str, index: Index, event: str
) -> tuple[Index, tuple[Effect, ...]]:
    """What a link does in the partition of ``citizen``, who is one of the two."""
    smaller, larger = sorted((one, other))
    nobody = is_anonymous(smaller) or is_anonymous(larger)
    if nobody or smaller == larger or citizen != larger or index.gone_to == smaller:
        return index, ()
    if index.gone_to:
        first, second = sorted((index.gone_to, smaller))
        return index, (send(Join(citizen=second, event=event, first=first)),)
    exports = tuple(
        send(Export(citizen=citizen, event=event, leaf=leaf, to=smaller))
        for leaf in sorted(index.leaves)
    )
    return Index(gone_to=smaller), exports
