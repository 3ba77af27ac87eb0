"""What an agent waits for: ``POST /v1/contacts/assess`` on a full read model (R53).

The tables are filled by COPY with tickets that the real fold made, so that look-ups read what they
would read; callers are put into the real directory. Open loop: a question's time counts from the
instant at which it was due.
"""

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import httpx
from msgspec.structs import replace

from bench import driving
from bench.http import running
from bench.machine import Machine, cpu_seconds, this_machine
from bench.report import Sheet
from cli.sampling.texts import THEMES
from deploy.local.postgres import Postgres
from deploy.local.process import free_port
from policy import bundle as policy_bundle
from policy.access import AccessRole
from rules.similarity import fingerprint
from rules.ticket.fold import fold
from rules.ticket.view import TicketView
from runtime.database import Database
from runtime.http import tokens
from runtime.keys import KeyRing
from schemas.events import parse_event_dict
from schemas.events.parts import Identity, IdentityScheme
from services.readmodel.rows import ticket_row
from vault.aliases import Ask, DatabaseDirectory

SEED = 7
SOURCE = "bench"
WARM_SECONDS = 5.0
"""Left out: connections, prepared statements, caches."""
TARGET_MS = {"leaf": 100.0, "text": 300.0}
CALLERS_AT_ONCE = 500
ROWS_AT_ONCE = 5_000
REGULARS = 100
"""Callers with as many tickets as a look-up reads; of the others most have a few."""
REGULAR_TICKETS = 60
COLUMNS = (
    *("ticket", "kind", "citizen", "sequence", "phase", "step", "owner_unit", "owner_person"),
    *("leaf", "request_type", "channel", "division", "department", "complained_of"),
    *("received_at", "due_at", "recordedtime", "brief", "view"),
)


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked of what."""

    tickets: int = 200_000
    citizens: int = 60_000
    rate: int = 50
    """Questions a second, half of them with a leaf, half with a text instead."""
    seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class Times:
    questions: int
    p50_ms: float
    p99_ms: float
    longest_ms: float
    degraded: int
    """Answers with a part that was not known in time."""


@dataclass(frozen=True, slots=True)
class Outcome:
    machine: Machine
    load: Load
    statuses: dict[int, int]
    by_kind: dict[str, Times]
    core_share: float
    """CPU of the server, as a share of one core."""

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Answer:
    kind: str
    status: int
    ms: float
    degraded: bool


async def run(
    load: Load, postgres: Postgres, *, log_dir: Path, say: Callable[[str], None]
) -> Outcome:
    """Fills the read model, then asks one server."""
    home = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    token = tokens.make(
        home / "tokens.yaml", name="bench", role=AccessRole.AGENT, unit="city-12345"
    )
    ring = KeyRing.open(home / "keys.json")
    port = free_port()
    environ = {
        "HOTLINE_POLICY": driving.PROFILE,
        "HOTLINE_POSTGRES_DSN": postgres.dsn,
        "HOTLINE_DATA_DIR": str(home),
        "HOTLINE_LOG_FORMAT": "json",
    }
    try:
        say(f"putting {load.citizens:,} callers into the directory")
        citizens = await _callers(load, postgres.dsn, ring)
        say(f"filling the read model with {load.tickets:,} tickets")
        await _fill(load, postgres.dsn, citizens)
        words = ["serve", "--no-publish", "--port", str(port)]
        async with running(words, environ, log_dir, port) as server:
            say(f"asking {load.rate} times a second for {load.seconds:g} s")
            spent = cpu_seconds([server])
            began = time.perf_counter()
            answers = await _ask(load, port, token)
            share = (cpu_seconds([server]) - spent) / (time.perf_counter() - began)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return Outcome(
        machine=this_machine(),
        load=load,
        statuses=dict(Counter(each.status for each in answers)),
        by_kind={kind: _times(kind, answers) for kind in TARGET_MS},
        core_share=round(share, 2),
    )


def _times(kind: str, answers: Sequence[_Answer]) -> Times:
    mine = [each for each in answers if each.kind == kind]
    times = sorted(each.ms for each in mine)
    cuts = quantiles(times, n=100, method="inclusive")
    return Times(
        questions=len(mine),
        p50_ms=round(cuts[49], 1),
        p99_ms=round(cuts[98], 1),
        longest_ms=round(times[-1], 1),
        degraded=sum(each.degraded for each in mine),
    )


def _phone(number: int) -> str:
    return f"139{number:08d}"


async def _callers(load: Load, dsn: str, ring: KeyRing) -> list[str]:
    database = Database(dsn, application="bench")
    directory = DatabaseDirectory(database, ring, policy_bundle.load(driving.PROFILE))
    now = datetime.now(UTC)
    found: list[str] = []
    try:
        for first in range(0, load.citizens, CALLERS_AT_ONCE):
            numbers = range(first, min(first + CALLERS_AT_ONCE, load.citizens))
            people = [
                (Identity(scheme=IdentityScheme.PHONE, value=_phone(number)),) for number in numbers
            ]
            await directory.prefetch([Ask(each, SOURCE, now) for each in people])
            for each in people:
                who = directory.resolve(each, SOURCE, now)
                assert who is not None, "a telephone number tells people apart"
                found.append(who.citizen)
    finally:
        await database.close()
    return found


async def _fill(load: Load, dsn: str, citizens: Sequence[str]) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        rows: list[tuple[Any, ...]] = []
        for view in _views(load, citizens):
            rows.append(ticket_row(view))
            if len(rows) == ROWS_AT_ONCE:
                await _copy(connection, rows)
                rows.clear()
        await _copy(connection, rows)
        # What the filling left to do is not an agent's to wait for.
        await connection.execute("VACUUM (ANALYZE) readmodel.tickets")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _copy(connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.copy_records_to_table(
        "tickets", schema_name="readmodel", records=rows, columns=COLUMNS
    )


def _views(load: Load, citizens: Sequence[str]) -> Iterator[TicketView]:
    """Tickets as the fold makes them: a few templates, each with its own place and citizen."""
    random_ = random.Random(SEED)
    templates = [_template(number, ended) for number in range(len(THEMES)) for ended in (0, 1, 1)]
    now = datetime.now(UTC)
    for number in range(load.tickets):
        regular = number < REGULARS * REGULAR_TICKETS
        who = number % REGULARS if regular else random_.randrange(len(citizens))
        view = random_.choice(templates)
        age = timedelta(minutes=random_.randrange(60 * 24 * 90))
        place = f"{random_.randrange(9_000)}"
        yield replace(
            view,
            ticket=f"B{number:08d}",
            citizen=citizens[who],
            received_at=now - age,
            traits=replace(view.traits, spot=place, text=fingerprint(view.title, view.text, place)),
        )


def _template(number: int, ended: int) -> TicketView:
    theme = THEMES[number]
    text = theme.texts[0]
    kinds: list[tuple[str, dict[str, Any]]] = [
        (
            "ticket.received",
            {
                "request_type": "complaint",
                "channel": "phone",
                "leaf": theme.leaf,
                "title": text[:30],
                "text": text,
                "agent": "1001",
                "place": {"address": "中山路", "division": "320106"},
            },
        ),
        ("ticket.dispatched", {"dispatch_id": "D1", "department": "city-urban-management"}),
        ("dispatch.accepted", {"dispatch_id": "D1", "handler": "5001"}),
        ("ticket.progressed", {"dispatch_id": "D1", "text": "已到现场查看" * 5}),
    ]
    if ended:
        kinds += [
            ("reply.submitted", {"dispatch_id": "D1", "handling": "已处理" * 40, "resolved": True}),
            ("reply.approved", {"by": "1002"}),
            ("ticket.closed", {"by": "1002"}),
            ("callback.answered", {"contacted": True, "resolved": True, "satisfied": 5}),
        ]
    at = datetime.now(UTC) - timedelta(days=30)
    events = [
        parse_event_dict(
            {
                "id": str(index),
                "source": SOURCE,
                "type": f"hotline.{kind}.v1",
                "time": at + timedelta(hours=index),
                "recordedtime": at + timedelta(hours=index),
                "subject": "template",
                "sequence": index + 1,
                "citizen": "c:template",
                "leaf": theme.leaf,
                "data": data,
            }
        )
        for index, (kind, data) in enumerate(kinds)
    ]
    view = fold(events)
    assert view is not None, "there are events"
    return view


def _questions(load: Load) -> Iterator[tuple[str, dict[str, Any]]]:
    """Callers at random, every tenth a regular one; a leaf, or words instead."""
    random_ = random.Random(SEED + 1)
    while True:
        number = random_.randrange(REGULARS if random_.random() < 0.1 else load.citizens)
        theme = random_.choice(THEMES)
        asked: dict[str, Any] = {
            "identities": [{"scheme": "phone", "value": _phone(number)}],
            "source": SOURCE,
            "channel": "phone",
        }
        yield "leaf", {**asked, "leaf": theme.leaf}
        place = {"address": "中山路18号", "division": "320106"}
        yield "text", {**asked, "text": theme.texts[0], "place": place}


async def _ask(load: Load, port: int, token: str) -> list[_Answer]:
    step = 1 / load.rate
    warming = int(WARM_SECONDS / step)
    answers: list[_Answer] = []
    questions = _questions(load)
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60
    ) as client:

        async def ask(number: int, due: float, kind: str, question: dict[str, Any]) -> None:
            degraded = True
            try:
                response = await client.post("/v1/contacts/assess", json=question)
                status = response.status_code
                missing = set(response.json().get("degraded", ())) - {"leaf"}
                degraded = bool(missing)
            except httpx.HTTPError:
                status = 0
            if number >= warming:
                ms = (time.perf_counter() - due) * 1_000
                answers.append(_Answer(kind, status, ms, degraded))

        first = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(warming + int(load.seconds * load.rate)):
                due = first + number * step
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                group.create_task(ask(number, due, *next(questions)))
    return answers


def sheet(outcome: Outcome) -> Sheet:
    load = outcome.load
    return Sheet(
        title="POST /v1/contacts/assess, on a full read model",
        columns=("question", "answers", "p50 ms", "p99 ms", "longest ms", "target ms", "unknown"),
        rows=tuple(
            (
                f"with a {kind}",
                f"{times.questions:,}",
                f"{times.p50_ms:.1f}",
                f"{times.p99_ms:.1f}",
                f"{times.longest_ms:.1f}",
                f"{TARGET_MS[kind]:.0f}",
                str(times.degraded),
            )
            for kind, times in outcome.by_kind.items()
        ),
        machine=outcome.machine,
        notes=(
            f"{load.tickets:,} tickets of {load.citizens:,} citizens; {load.rate} questions/s for "
            f"{load.seconds:g} s after {WARM_SECONDS:g} s of warming up, open loop; one server at "
            f"{outcome.core_share:.0%} of a core, PostgreSQL and the client beside it. Answers: "
            + ", ".join(f"{count:,} × {status}" for status, count in outcome.statuses.items())
            + ".",
        ),
    )
