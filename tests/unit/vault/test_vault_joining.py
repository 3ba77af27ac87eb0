"""Which citizen an event belongs to, and whom an alias is given to (R12 «同一个用户»)."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.parts import Identity, IdentityScheme
from schemas.ids import Citizen
from vault.directory import Found
from vault.identities import Named, ranked
from vault.joining import Alias, Asked, assign, settle

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BEFORE, AFTER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


def named(*texts: str) -> list[Named]:
    """``phone:1`` and the like, the strongest first."""
    given = [each.replace(" ", "_").split(":") for each in texts]
    return ranked(
        [Identity(scheme=IdentityScheme(scheme), value=f"1381234567{value}" if scheme == "phone"
                  else f"{scheme}{value}") for scheme, value in given],
        "city/12345",
    )  # fmt: skip


def table(**known: str) -> dict[bytes, Alias]:
    """``phone_1="A"``; ``phone_1="A shared"``: since noon."""
    found = {}
    for text, owner in known.items():
        citizen, _, shared = owner.partition(" ")
        (name,) = named(text.replace("__", " ").replace("_", ":").replace(" ", "_"))
        found[name.name] = Alias(Citizen(citizen), NOON if shared else None)
    return found


def maker() -> Callable[[], Citizen]:
    numbers = count(1)
    return lambda: Citizen(f"new{next(numbers)}")


@pytest.mark.parametrize(
    ("known", "given_", "at", "found", "assigned"),
    [
        ({}, ["phone:1"], NOON, "new1", {"phone:1": "new1"}),
        ({"phone_1": "A"}, ["phone:1"], NOON, "A", {}),
        # What comes with a known one joins it, whichever is stronger.
        ({"phone_1": "A"}, ["phone:1", "account:1"], NOON, "A", {"account:1": "A"}),
        ({"account_1": "A"}, ["phone:1", "account:1"], NOON, "A", {"phone:1": "A"}),
        ({}, ["web:1", "email:1"], NOON, "new1", {"web:1": "new1", "email:1": "new1"}),
        # Two known people: the stronger identity says who it is; nobody's alias moves.
        ({"phone_1": "A", "account_1": "B"}, ["phone:1", "account:1"], NOON, "B", {}),
        (
            {"phone_1": "A", "account_1": "B"},
            ["phone:1", "account:1", "email:1"],
            NOON,
            "B",
            {"email:1": "B"},
        ),
        ({"phone_1": "A", "email_1": "B"}, ["email:1", "phone:1"], NOON, "A", {}),
        # A shared number joins nobody, from its instant on.
        ({"phone_1": "A shared"}, ["phone:1"], BEFORE, "A", {}),
        ({"phone_1": "A shared"}, ["phone:1"], NOON, "A shared", {}),
        ({"phone_1": "A shared"}, ["phone:1"], AFTER, "A shared", {}),
        ({"phone_1": "A shared"}, ["phone:1", "email:1"], BEFORE, "A", {"email:1": "A"}),
        ({"phone_1": "A shared"}, ["phone:1", "email:1"], AFTER, "new1", {"email:1": "new1"}),
        ({"phone_1": "A shared", "email_1": "B"}, ["phone:1", "email:1"], AFTER, "B", {}),
        (
            {"phone_1": "A shared", "email_1": "B"},
            ["phone:1", "email:1", "account:1"],
            AFTER,
            "B",
            {"account:1": "B"},
        ),
        (
            {"phone_1": "A shared", "phone_2": "B shared"},
            ["phone:2", "phone:1"],
            AFTER,
            "B shared",
            {},
        ),
        # A family's telephone: a second ID card is somebody else's.
        ({"phone_1": "A"}, ["id card:1", "phone:1"], NOON, "A", {"id card:1": "A"}),
        ({"phone_1": "Carded"}, ["id card:2", "phone:1"], NOON, "new1", {"id card:2": "new1"}),
        (
            {"phone_1": "Carded"},
            ["id card:2", "phone:1", "email:1"],
            NOON,
            "new1",
            {"id card:2": "new1", "email:1": "new1"},
        ),
        # The platform that keeps accounts knows better.
        (
            {"account_1": "Carded"},
            ["account:1", "id card:2", "phone:1"],
            NOON,
            "Carded",
            {"id card:2": "Carded", "phone:1": "Carded"},
        ),
        ({"phone_1": "Carded"}, ["phone:1", "email:1"], NOON, "Carded", {"email:1": "Carded"}),
        ({}, [], NOON, None, {}),
    ],
)
def test_R12_the_strongest_known_identity_says_who_it_is(
    known: dict[str, str],
    given_: Sequence[str],
    at: datetime,
    found: str | None,
    assigned: dict[str, str],
) -> None:
    aliases = table(**known)
    asked = Asked(named(*given_), at)
    made = assign([asked], aliases, {Citizen("Carded")}, maker())
    wanted = {named(text)[0].name: citizen for text, citizen in assigned.items()}
    assert {each.named.name: each.citizen for each in made} == wanted
    settled = settle((aliases[each.name] for each in asked.named), at)
    citizen, _, shared = (found or "").partition(" ")
    assert settled == (Found(Citizen(citizen), bool(shared)) if found else None)


def test_a_new_citizen_is_told_as_new_once() -> None:
    made = assign([Asked(named("web:1", "email:1"), NOON)], {}, set(), maker())
    assert [each.new for each in made] == [True, False]


TEXTS = [f"{scheme}:{n}" for scheme in ("account", "id card", "phone", "email") for n in range(4)]
PEOPLE = st.lists(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4, unique=True), min_size=1, max_size=30
)


def decided(asked: Sequence[Asked], cuts: Sequence[int]) -> list[Found | None]:
    """The answers at the time, the log cut into batches."""
    aliases: dict[bytes, Alias] = {}
    carded: set[Citizen] = set()
    make, answers = maker(), []
    edges = [0, *sorted(cuts), len(asked)]
    for start, end in pairwise(edges):
        batch = asked[start:end]
        assign(batch, aliases, carded, make)
        answers += [settle((aliases[each.name] for each in one.named), one.at) for one in batch]
    return answers


@given(PEOPLE, st.lists(st.integers(0, 30), max_size=5))
def test_R12_batches_in_any_split_give_the_same_people(
    people: list[list[str]], cuts: list[int]
) -> None:
    asked = [Asked(named(*texts), NOON) for texts in people]
    inside = [min(cut, len(asked)) for cut in cuts]
    assert decided(asked, inside) == decided(asked, [])


@given(PEOPLE, st.sets(st.sampled_from(TEXTS), max_size=4), st.randoms())
def test_R12_the_final_table_gives_the_answer_of_the_time(
    people: list[list[str]], shared: set[str], rng: random.Random
) -> None:
    """Also with numbers that became shared at noon, before, at and after it."""
    times = sorted(NOON + timedelta(minutes=rng.randint(-3, 3)) for _ in people)
    asked = [Asked(named(*texts), at) for texts, at in zip(people, times, strict=True)]
    since = {named(text)[0].name for text in shared}
    aliases: dict[bytes, Alias] = {}
    answers = []
    make = maker()
    carded: set[Citizen] = set()
    for one in asked:
        assign([one], aliases, carded, make)
        if one.at >= NOON - timedelta(minutes=1):  # noticed before it holds, never later
            aliases.update(
                {name: aliases[name]._replace(shared_since=NOON) for name in since & set(aliases)}
            )
        answers.append(settle((aliases[each.name] for each in one.named), one.at))
    again = [settle((aliases[each.name] for each in one.named), one.at) for one in asked]
    assert [found and found.citizen for found in again] == [f and f.citizen for f in answers]
