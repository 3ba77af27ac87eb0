"""``hotline mark``: a human's word on a repeat verdict, as an event that survives replay (R15)."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import click
import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from cli.publishing import kafka_said, publish
from runtime.engine.clients import stop_client
from runtime.errors import HotlineError
from runtime.settings import EngineSettings
from schemas.envelope import Name
from schemas.events import VerdictMarked
from schemas.events.verdicts import ExclusionReason, Mark, RootCause, VerdictMarkedData
from schemas.topics import REPEATS

SOURCE: Final = "hotline/mark"
POLL_MS: Final = 200


@click.command()
@click.argument("ticket")
@click.argument("mark", type=click.Choice(["confirm", "exclude", "overturn", "correct-cause"]))
@click.option("--by", required=True, help="Who decides: it stands in the verdict for good.")
@click.option(
    "--reason",
    type=click.Choice([each.value for each in ExclusionReason]),
    help="For exclude: which of the four (R17-R20).",
)
@click.option("--clause", help="For policy_expectation: the clause that it rests on (R19).")
@click.option(
    "--cause",
    type=click.Choice([each.value for each in RootCause]),
    help="For confirm and correct-cause: why the citizen had to come again (R23).",
)
@click.option("--earlier", help="The earlier ticket that it is, or is not, a repeat of.")
@click.option(
    "--reasonable/--unreasonable",
    default=None,
    help="Whether the earlier result was reasonable (合理的处理结果).",
)
@click.option("--text", help="Why, in words. No names or numbers of citizens.")
@click.option(
    "--wait",
    "wait_seconds",
    type=click.FloatRange(min=0),
    default=15.0,
    show_default=True,
    help="Seconds to wait for the new verdict; 0: only publish.",
)
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Broker.  [default: HOTLINE_KAFKA_BOOTSTRAP]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the new verdict as JSON.")
def mark(
    ticket: str,
    mark: str,
    by: str,
    reason: str | None,
    clause: str | None,
    cause: str | None,
    earlier: str | None,
    reasonable: bool | None,
    text: str | None,
    wait_seconds: float,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Say of TICKET's verdict that it is a repeat, is not counted, or was wrong (人工认定).

    The mark is an event of the log: it stands above the rules, and a replay finds it again. To take
    an exclusion or an overturning back, overturn it: the rules then have their right again.

    \b
    Examples:
      hotline mark T2026-000123 confirm --by li.na --cause unresolved_perfunctory
      hotline mark T2026-000123 exclude --reason in_progress --by li.na
      hotline mark T2026-000123 exclude --reason policy_expectation \\
          --clause "医保条例 第12条" --by li.na
      hotline mark T2026-000123 overturn --by li.na --text "another lamp"
      hotline mark T2026-000123 correct-cause --cause not_contacted --by li.na
    """
    chosen = Mark(mark.replace("-", "_"))
    _refuse_incomplete(chosen, reason, clause, cause)
    event = VerdictMarked(
        id=str(uuid4()),
        source=SOURCE,
        time=datetime.now(UTC),
        subject=ticket,
        data=VerdictMarkedData(
            mark=chosen,
            reason=ExclusionReason(reason) if reason else None,
            clause=clause,
            root_cause=RootCause(cause) if cause else None,
            earlier_ticket=earlier,
            earlier_result_reasonable=reasonable,
            by=by,
            text=text,
        ),
    )
    try:
        given = {} if bootstrap is None else {"kafka_bootstrap": bootstrap}
        settings = EngineSettings.for_command(**given)
        with kafka_said(settings):
            fact = asyncio.run(_published(settings, event, wait_seconds))
    except HotlineError as error:
        raise click.ClickException(error.text) from error
    _tell(ticket, fact, wait_seconds, as_json)


def _refuse_incomplete(
    chosen: Mark, reason: str | None, clause: str | None, cause: str | None
) -> None:
    if chosen is Mark.EXCLUDE and reason is None:
        raise click.UsageError("exclude needs --reason: which of the four exclusions is it?")
    if chosen is not Mark.EXCLUDE and reason is not None:
        raise click.UsageError(f"--reason is for exclude, not for {chosen.value}")
    if reason == ExclusionReason.POLICY_EXPECTATION and not clause:
        raise click.UsageError("policy_expectation needs --clause: the rule that it rests on (R19)")
    if chosen is Mark.CORRECT_CAUSE and cause is None:
        raise click.UsageError("correct-cause needs --cause")
    if cause is not None and chosen not in (Mark.CONFIRM, Mark.CORRECT_CAUSE):
        raise click.UsageError("--cause is for confirm and correct-cause: only repeats have one")


async def _published(
    settings: EngineSettings, event: VerdictMarked, wait_seconds: float
) -> dict[str, Any] | None:
    """Put the mark into the inbox; the fact that follows from it, if one does in time."""
    consumer = AIOKafkaConsumer(
        **settings.kafka_client_kwargs(), isolation_level="read_committed", group_id=None
    )
    try:
        await consumer.start()
        name = settings.topic(REPEATS)
        partitions = [TopicPartition(name, number) for number in range(settings.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        for partition in partitions:  # the seek is lazy: before the mark is there, not after it
            await consumer.position(partition)
        await publish(settings, event)
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    fact: dict[str, Any] = orjson.loads(record.value)
                    same = fact.get("causationid") == event.identity
                    if same and fact.get("subject") == event.subject:
                        return fact
        return None
    finally:
        await stop_client(consumer)


def _tell(ticket: Name, fact: dict[str, Any] | None, wait_seconds: float, as_json: bool) -> None:
    if fact is None:
        if as_json:
            click.echo("null")
        elif wait_seconds:
            click.echo(
                f"marked {ticket}. No new verdict within {wait_seconds:g} s: it may be what you "
                f"marked already, or dedup is behind (hotline status): hotline explain {ticket}"
            )
        else:
            click.echo(f"marked {ticket}")
        return
    if as_json:
        click.echo(orjson.dumps(fact, option=orjson.OPT_INDENT_2).decode())
        return
    data = fact["data"]
    click.echo(f"{ticket}: {data['verdict']} ({data['reason']}), revision {data['revision']}")
    click.echo(data["reason_zh"])
    click.echo(data["reason_en"])
