"""A call while the stack runs: the agent asks, the citizen brings something new, it is judged; then
a human overturns it.

The demo's live part, by the same HTTP that a call-centre platform uses: ``POST
/v1/contacts/assess``, ``POST /v1/events``, ``GET /v1/tickets/{id}``.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import orjson

from cli.demonstration.ledger import Published
from policy.access import AccessRole
from runtime.errors import HotlineError
from runtime.http import tokens
from schemas.envelope import Name
from schemas.topics import INBOX

AGENT_UNIT: Final = "city-12345"
WAIT_SECONDS: Final = 30.0
"""For the read model to know what the topics hold: seconds behind, at most."""
ASK_AGAIN_SECONDS: Final = 0.2
ANSWER_SECONDS: Final = 10.0


class NobodyAnswered(HotlineError):
    """The stack's HTTP did not answer as it must.

    Operator action: read http.log and worker.log of the demo (``hotline demo --keep``); run again.
    """

    def __init__(self, what: str) -> None:
        super().__init__("demo_http", what)


@dataclass(frozen=True, slots=True)
class Caller:
    """A citizen of the day whose case was closed, and who rings once more."""

    ticket: str
    """That case."""
    receipt: Mapping[str, Any]
    """As its platform published it."""

    @property
    def identities(self) -> list[dict[str, Any]]:
        phones = self.receipt["data"]["complainant"]["identities"]
        return [each for each in phones if each["scheme"] == "phone"]


@dataclass(frozen=True, slots=True)
class Call:
    """What was asked and what came back."""

    question: Mapping[str, Any]
    answer: Mapping[str, Any]
    milliseconds: float
    """For the answer."""
    event: Mapping[str, Any]
    """What was published then."""
    taken: Mapping[str, Any]
    story: Mapping[str, Any]
    """Of the new ticket, when its verdict was there."""
    seconds: float
    """From the publishing to the verdict in the story."""
    overturned: Mapping[str, Any]
    """The verdict after the human's word."""
    published: Sequence[Published]
    """Where these events lie in the inbox."""


def caller(facts: Iterable[Mapping[str, Any]], published: Sequence[Published]) -> Caller | None:
    """One who was told the result of a closed case, without a ticket (R17); None if nobody was."""
    facts = list(facts)
    tickets: dict[str, set[str]] = defaultdict(set)
    for fact in facts:
        if fact["data"].get("subject_kind") != "contact":
            tickets[fact["citizen"]].add(fact["subject"])
    cases = [
        fact["data"]["rests_on"]["ticket"]
        for fact in facts
        if fact["data"].get("subject_kind") == "contact"
        and fact["data"]["reason"] == "closed_no_new_evidence"
        # Somebody with another ticket may be asked about that one.
        and tickets[fact["citizen"]] <= {fact["data"]["rests_on"]["ticket"]}
    ]
    for record in published if cases else ():
        if b"hotline.ticket.received.v1" not in record.value:
            continue
        try:
            document = orjson.loads(record.value)
        except orjson.JSONDecodeError:
            continue
        if document["subject"] == cases[0]:
            return Caller(cases[0], document)
    return None


def question(who: Caller) -> dict[str, Any]:
    """What the agent types."""
    data = who.receipt["data"]
    asked = {"identities": who.identities, "channel": "phone"}
    return asked | {name: data[name] for name in ("leaf", "text", "matter", "place", "department")}


def complaint(who: Caller, now: datetime) -> dict[str, Any]:
    """The ticket that the agent makes of it, for the citizen has new pictures."""
    data = {
        **who.receipt["data"],
        "due_at": None,
        "contact_id": None,
        "earlier_ticket": who.ticket,
        "attachments": [{"reference": "img/new-evidence.jpg", "media_type": "image/jpeg"}],
    }
    return {
        **{name: who.receipt[name] for name in ("specversion", "source", "type")},
        "id": f"demo-{who.ticket}",
        "time": now.isoformat(),
        "subject": f"{who.ticket}-again",
        "datacontenttype": "application/json",
        "data": {name: value for name, value in data.items() if value is not None},
    }


def overturning(complaint: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """An inspector's word on it (R15)."""
    mark = {"mark": "overturn", "by": "Q03", "text": "照片所示为另一部电梯，与前次不是同一问题"}
    return {
        **complaint,
        "id": f"{complaint['id']}-mark",
        "type": "hotline.verdict.marked.v1",
        "time": now.isoformat(),
        "data": mark | {"earlier_ticket": complaint["data"]["earlier_ticket"]},
    }


class Desk:
    """An agent's desk and a platform, at the HTTP of a stack."""

    def __init__(self, port: int, tokens_file: Path, source: Name, until: datetime) -> None:
        """Makes their tokens, as ``hotline token make`` does."""
        self._port = port
        self._agent = tokens.make(
            tokens_file, name="demo-desk", role=AccessRole.AGENT, unit=AGENT_UNIT, expires=until
        )
        self._platform = tokens.make(
            tokens_file, name="demo-platform", sources=(source,), expires=until
        )

    def ring(
        self,
        who: Caller,
        now: datetime,
        find: Callable[[str], Published | None],
        say: Callable[[str], None],
    ) -> Call:
        """The whole call.

        Args:
            find: where in the inbox an event with this id lies.

        Raises:
            NobodyAnswered: what did not come.
        """
        asked = question(who)
        say("the agent asks")
        answer, spent = self._until(
            lambda: self._ask("POST", "/v1/contacts/assess", asked, self._agent),
            lambda answer: isinstance(answer["verdict"], dict) and bool(answer["verdict"]["case"]),
            "the look-up knows nothing of the caller",
        )
        event = complaint(who, now)
        say("the platform publishes")
        began = time.perf_counter()
        taken, _ = self._ask("POST", "/v1/events", event, self._platform)
        say("waiting for the verdict")
        story = self._story(event["subject"], lambda verdict: True)
        seconds = time.perf_counter() - began
        say("an inspector overturns it")
        mark = overturning(event, now)
        self._ask("POST", "/v1/events", mark, self._platform)
        after = self._story(event["subject"], lambda verdict: verdict["verdict"] == "overturned")
        published = [self._found(find, each["id"]) for each in (event, mark)]
        return Call(
            question=asked,
            answer=answer,
            milliseconds=spent * 1_000,
            event=event,
            taken=taken,
            story=story,
            seconds=seconds,
            overturned=after["verdict"],
            published=published,
        )

    def _story(self, ticket: str, enough: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The ticket's story when its verdict is there, and says enough."""
        story, _ = self._until(
            lambda: self._ask("GET", f"/v1/tickets/{quote(ticket)}", None, self._agent),
            lambda story: story.get("verdict") is not None and enough(story["verdict"]),
            f"{ticket} does not have the verdict",
        )
        return story

    @staticmethod
    def _found(find: Callable[[str], Published | None], name: str) -> Published:
        where = find(name)
        if where is None:
            raise NobodyAnswered(f"{name} was acknowledged and is not in {INBOX.name}")
        return where

    def _until(
        self,
        ask: Callable[[], tuple[dict[str, Any], float]],
        enough: Callable[[dict[str, Any]], bool],
        otherwise: str,
    ) -> tuple[dict[str, Any], float]:
        """Ask until the answer says enough: what was published just now is there a little later."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            answer, spent = ask()
            if enough(answer):
                return answer, spent
            if time.monotonic() > until:
                raise NobodyAnswered(f"{otherwise} after {WAIT_SECONDS:g} s: {answer}")
            time.sleep(ASK_AGAIN_SECONDS)

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, token: str
    ) -> tuple[dict[str, Any], float]:
        """The answer, and the seconds that it took; an empty one for 404."""
        kind = "application/cloudevents+json" if path == "/v1/events" else "application/json"
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        connection = HTTPConnection("127.0.0.1", self._port, timeout=ANSWER_SECONDS)
        began = time.perf_counter()
        try:
            connection.request(method, path, None if body is None else orjson.dumps(body), headers)
            response = connection.getresponse()
            content = response.read()
        except OSError as error:
            raise NobodyAnswered(f"{method} {path}: {error}") from error
        finally:
            connection.close()
        spent = time.perf_counter() - began
        if response.status == HTTPStatus.NOT_FOUND:
            return {}, spent
        if response.status >= HTTPStatus.BAD_REQUEST:
            raise NobodyAnswered(f"{method} {path}: {response.status} {content.decode()}")
        found: dict[str, Any] = orjson.loads(content)
        return found, spent
