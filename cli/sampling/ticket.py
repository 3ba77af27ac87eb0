"""A ticket of the sample with all that its life needs to know, and what its receipt says."""

from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from random import Random
from typing import Any

from cli.sampling.people import Citizen, Scene, scene
from cli.sampling.texts import REPEATS, THEMES, Theme

ZONE = timezone(timedelta(hours=8))
"""Asia/Shanghai, which has no daylight saving: a fixed offset is faster."""

PLATFORM = "12345.city.example"
TELEPHONY = "telephony.city.example"
"""The telephone system is a publisher of its own."""

MINUTE, HOUR, DAY = 60, 3_600, 86_400

Data = dict[str, Any]

HANDLERS = tuple(f"H{number:03d}" for number in range(1, 61))
AGENTS = tuple(f"A{number:03d}" for number in range(1, 31))


def begin_of(day: date) -> int:
    """Midnight of the city, seconds since 1970."""
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())


def stamp(at: int) -> str:
    return datetime.fromtimestamp(at, ZONE).isoformat()


@dataclass(frozen=True, slots=True)
class Said:
    """An event that was said, before it is a document."""

    type: str
    source: str
    id: str
    subject: str
    at: int
    """Seconds since 1970."""
    data: Data

    def renamed(self, id_: str) -> "Said":
        """The same under another id."""
        return replace(self, id=id_)


@dataclass(slots=True)
class Ticket:
    """A ticket with all that its life needs to know."""

    id: str
    at: int
    theme: Theme
    scene: Scene
    citizen: Citizen | None
    """None: anonymous."""
    channel: str
    title: str
    text: str
    slots: dict[str, str]
    rng: Random
    agent: str = ""
    handler: str = ""
    earlier: str | None = None
    """The ticket that it repeats, for marks and links."""
    neighbours: tuple[str, ...] = ()
    """Other tickets of about that time, for merging."""
    first_leaf: Theme | None = None
    """What the agent took it for at first; amended an hour later."""
    extra: Data = field(default_factory=dict)
    """Fields of the receipt that are other than usual; None: it has none."""
    said: list[Said] = field(default_factory=list)

    def say(
        self, kind: str, at: int, data: Data, *, source: str = PLATFORM, subject: str = ""
    ) -> None:
        number = len(self.said) + 1
        self.said.append(
            Said(
                f"hotline.{kind}.v1",
                source,
                f"{self.id}-{number:02d}",
                subject or self.id,
                at,
                data,
            )
        )

    def after(self, at: int, low: int, high: int) -> int:
        """An instant between ``low`` and ``high`` seconds after ``at``."""
        return at + self.rng.randrange(low, high)


def new_ticket(
    rng: Random, number: str, at: int, who: Citizen | None, theme: Theme | None, where: Scene | None
) -> Ticket:
    """A ticket that ``who`` (None: nobody knows) has at ``at``, with its words; nothing said yet.

    Args:
        number: tells it apart from the day's other tickets.
        theme: what about; None: anything.
        where: None: anywhere.
    """
    theme = theme or rng.choice(THEMES)
    where = where or scene(rng)
    local = datetime.fromtimestamp(at, ZONE)
    slots = where.slots | {
        "name": who.name if who else "一位市民",
        "phone": who.phone if who else "不便透露",
        "id_card": who.id_card if who else "不便透露",
        "days": str(rng.randrange(2, 30)),
        "amount": str(rng.randrange(20, 200)),
    }
    return Ticket(
        id=f"T{local:%Y%m%d}-{number}",
        at=at,
        theme=theme,
        scene=where,
        citizen=who,
        channel=rng.choices(("phone", "wechat", "app", "web"), (70, 12, 12, 6))[0],
        title=rng.choice(theme.titles).format_map(slots),
        text=rng.choice(theme.texts).format_map(slots),
        slots=slots,
        rng=rng,
        agent=rng.choice(AGENTS),
        handler=rng.choice(HANDLERS),
    )


def retell(ticket: Ticket, count: int) -> None:
    """In the words of somebody who comes for the ``count``-th time."""
    words = {"text": ticket.text, "count": str(count)}
    ticket.text = ticket.rng.choice(REPEATS).format_map(words)


def complainant(citizen: Citizen) -> Data:
    identities = [{"scheme": "phone", "value": citizen.phone}]
    if citizen.account is not None:
        identities.append({"scheme": "app", "value": citizen.account})
    if citizen.wechat is not None:
        identities.append({"scheme": "wechat", "value": citizen.wechat})
    return {"kind": "person", "name": citizen.name, "identities": identities}


def content(ticket: Ticket) -> Data:
    theme, scene = ticket.first_leaf or ticket.theme, ticket.scene
    slots = ticket.slots
    data: Data = {
        "request_type": theme.request_type,
        "title": ticket.title,
        "text": ticket.text,
        "leaf": theme.leaf,
        "leaf_source": "agent",
        "category_path": list(theme.path),
        "urgency": "normal",
        "matter": {"object": ticket.theme.obj.format_map(slots)},
        "place": {
            "address": "{district}{street}{compound}{building}栋".format_map(slots),
            "division": scene.division,
            "lat": scene.lat,
            "lon": scene.lon,
            "neighbourhood": slots["compound"],
        },
        "channel": ticket.channel,
        "agent": ticket.agent,
        "department": theme.department,
        "due_at": stamp(ticket.at + 7 * DAY),
        "reply_wanted": True,
    }
    if ticket.citizen is None:
        data["anonymous"] = True
    else:
        data["complainant"] = complainant(ticket.citizen)
    data |= ticket.extra
    return {name: value for name, value in data.items() if value is not None}
