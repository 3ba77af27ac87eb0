"""The benchmark's own honesty: same input for all, an oracle that catches mistakes, fair turns."""

from collections import Counter
from collections.abc import AsyncIterator, Iterable

import orjson
import pytest

from bench import generator, workload
from bench.contract import Orders
from bench.driving import repeat_records
from bench.engines.repeat_processor import repeat
from bench.inbox import events
from bench.oracle import Check, answers, check
from bench.repeat import turns
from bench.report import spread
from policy import bundle as policy_bundle
from runtime.driver import Driver, Written
from schemas.events import parse_event

TICKETS = 3_000


async def stream(values: Iterable[bytes]) -> AsyncIterator[bytes]:
    for value in values:
        yield value


def verdicts() -> list[bytes]:
    """What the rule of the engines says, without an engine."""
    chains: dict[str, workload.Chain] = {}
    written = []
    for _, value in generator.tickets(TICKETS):
        ticket = workload.parse(value)
        key = workload.state_key(ticket)
        chains[key], verdict = workload.advance(chains.get(key, ()), ticket)
        written.append(verdict.to_bytes())
    return written


def expected() -> dict[str, tuple[str, int, str]]:
    return answers(generator.tickets(TICKETS))


def test_the_input_is_the_same_for_every_engine_and_every_day() -> None:
    once, again = list(generator.tickets(50)), list(generator.tickets(200))[:50]
    assert once == again
    assert generator.at_ms(1) - generator.at_ms(0) == 60_000


def test_the_hot_citizen_stays_in() -> None:
    citizens = Counter(key for key, _ in generator.tickets(20_000))
    _, most = citizens.most_common(1)[0]
    assert 0.13 < most / 20_000 < 0.15
    assert 500 < len(next(generator.tickets(1))[1]) < 580


@pytest.mark.parametrize(
    ("chain", "length", "verdict"),
    [
        pytest.param((), 1, "new", id="nothing before"),
        pytest.param((("T1", -1),), 2, "repeat", id="a second before"),
        pytest.param((("T1", -workload.WINDOW_SECONDS + 1),), 2, "repeat", id="just inside"),
        pytest.param((("T1", -workload.WINDOW_SECONDS),), 1, "new", id="just outside"),
        pytest.param(
            (("T0", -workload.WINDOW_SECONDS - 5), ("T1", -1)), 2, "repeat", id="one of two left"
        ),
    ],
)
def test_the_window_is_90_days(
    chain: tuple[tuple[str, int], ...], length: int, verdict: str
) -> None:
    ticket = workload.parse(next(generator.tickets(1))[1])
    now = int(ticket.occurred_at.timestamp())
    kept, result = workload.advance([[t, now + offset] for t, offset in chain], ticket)
    assert (len(kept), result.chain_length, result.verdict) == (length, length, verdict)
    assert kept[-1] == (ticket.ticket_id, now)


async def test_the_rule_agrees_with_the_oracle() -> None:
    result = await check(stream(verdicts()), expected())
    assert result.exact
    assert result.repeats > 0
    assert str(result) == "exact"


def changed(value: bytes) -> bytes:
    output = orjson.loads(value)
    return orjson.dumps(output | {"chain_length": output["chain_length"] + 1})


@pytest.mark.parametrize(
    ("spoil", "text", "sound"),
    [
        pytest.param(lambda v: v[1:], "1 missing", True, id="lost"),
        pytest.param(lambda v: [*v, v[5]], "1 doubled", False, id="doubled"),
        pytest.param(lambda v: [changed(v[0]), *v[1:]], "1 wrong", False, id="wrong"),
        pytest.param(lambda v: [*v[:-1], v[0]], "1 doubled, 1 missing", False, id="in its place"),
    ],
)
async def test_the_oracle_catches(spoil: object, text: str, sound: bool) -> None:
    assert callable(spoil)
    result: Check = await check(stream(spoil(verdicts())), expected())
    assert not result.exact
    assert (str(result), result.sound) == (text, sound)


async def test_the_projects_processor_gives_the_oracles_answers() -> None:
    processor = repeat(name="bench", input_topic="in", output_topic="out")
    written: list[Written] = []
    driver = Driver([processor], policy_bundle.load("cn-12345"), written.append)
    driver.run(repeat_records(processor, TICKETS))
    assert not driver.failures
    result = await check(stream(w.value or b"" for w in written), expected())
    assert result.exact


def test_processors_of_two_runs_do_not_share_topics() -> None:
    one = repeat(name="one", input_topic="in", output_topic="one-out")
    two = repeat(name="two", input_topic="in", output_topic="two-out")
    assert (one.name, two.name) == ("one", "two")
    assert one.outputs != two.outputs


def test_the_inbox_is_of_valid_events_in_the_order_of_time() -> None:
    published = list(events(6_000, ["noise", "water"]))
    kinds = Counter(type(parse_event(each.value)).__name__ for each in published)
    assert kinds["TicketReceived"] > kinds["ReplySubmitted"] > kinds["TicketClosed"] > 0
    times = [each.at_ms for each in published]
    assert times == sorted(times)
    assert len({(each.ticket, each.value) for each in published}) == len(published)


@pytest.mark.parametrize(("runs", "order"), [(1, "abc"), (2, "abccba"), (3, "abccbaabc")])
def test_turns_go_forth_and_back(runs: int, order: str) -> None:
    assert "".join(turns(["a", "b", "c"], runs)) == order


def test_orders_pass_through_the_environment() -> None:
    orders = Orders("127.0.0.1:1", "in", "out", "group", "/tmp/x", "8")  # noqa: S108
    assert Orders.from_environ({**orders.environ(), "OTHER": "x"}) == orders


def test_orders_name_what_is_missing() -> None:
    with pytest.raises(KeyError, match="BENCH_GROUP"):
        Orders.from_environ(
            {
                "BENCH_BOOTSTRAP": "b",
                "BENCH_INPUT": "i",
                "BENCH_OUTPUT": "o",
                "BENCH_STATE_DIR": "s",
            }
        )


@pytest.mark.parametrize(
    ("values", "digits", "text"),
    [
        ([], 0, "–"),
        ([1234.4], 0, "1,234"),
        ([8_200.0, 8_600.0], 0, "8,200–8,600"),
        ([1.01, 1.04], 1, "1.0"),
    ],
)
def test_spread_shows_lowest_and_highest(values: list[float], digits: int, text: str) -> None:
    assert spread(values, digits) == text
