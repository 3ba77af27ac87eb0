"""``GET /v1/contacts/{citizen}``: plain data for those who work on the ticket, logged (R61)."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from policy.access import Purpose
from policy.bundle import Bundle
from runtime import log
from runtime.database import Database
from runtime.http.problems import Problem
from runtime.http.tokens import Principal
from schemas.events.parts import IdentityScheme
from services.lookup import scope, showing
from services.lookup.store import Store
from services.lookup.story import Stories
from vault import audit, erasure
from vault.originals import Kept, Vault

REACHED_BY: Final = frozenset(
    {
        *(IdentityScheme.PHONE, IdentityScheme.EMAIL, IdentityScheme.WECHAT),
        *(IdentityScheme.APP, IdentityScheme.WEB),
    }
)
"""Identities by which somebody can be reached. Numbers of documents are for nobody here."""


class PlainData:
    """Opens the vault for a unit that has the ticket, for a purpose of its role; for a callback,
    while one is to be made (R33)."""

    def __init__(
        self, store: Store, stories: Stories, vault: Vault, database: Database, bundle: Bundle
    ) -> None:
        """Args:
        database: of the vault's log of looks.
        """
        self._store = store
        self._stories = stories
        self._vault = vault
        self._database = database
        self._bundle = bundle

    async def disclose(
        self, citizen: str, ticket: str, purpose: Purpose, caller: Principal, now: datetime
    ) -> dict[str, Any]:
        """Phone and original text of a citizen's ticket.

        Raises:
            Problem: 404, no such ticket of theirs in the caller's scope; 403 with the reason; 410,
                erased.
            Unavailable: the database does not answer.
        """
        view, grant = await self._stories.found(ticket, caller, now)
        # Every pseudonym of the person, whichever of them the ticket lies under.
        if citizen != view.citizen and citizen not in await self._store.persons(view.citizen):
            raise Problem(404, "no_such_ticket", "there is no such ticket of this citizen")
        refused = None
        if purpose not in grant.purposes:
            listed = ", ".join(sorted(grant.purposes)) or "none"
            refused = (
                "purpose_not_allowed",
                f"role {caller.role} may not see plain data for {purpose}: allowed is {listed}",
            )
        elif purpose is Purpose.CALLBACK:
            # Also who asked to stay unnamed: to the department (保密), not to who calls back.
            if not await self._store.is_to_be_asked(ticket):
                refused = ("no_live_callback", "no callback task of this ticket is live")
        elif showing.is_unnamed(view, grant):
            refused = ("confidential", "the citizen asked to stay unnamed (保密)")
        else:
            assert caller.unit is not None, "a token with a role has a unit"
            units = await self._store.working_on(ticket)
            if not scope.works_on(self._bundle.at(now).organisation, caller.unit, units):
                refused = (
                    "no_live_dispatch",
                    f"unit {caller.unit!r} has no live dispatch on this ticket",
                )
        who = f"{caller.name}@{caller.unit}"
        if refused is not None:
            await self._note_refusal(who, view.citizen, ticket, purpose, refused[0])
            raise Problem(403, *refused)
        disclosed = await self._vault.disclose(
            view.citizen, who=who, purpose=purpose, subject=ticket
        )
        if not disclosed.identities and not disclosed.originals:
            person = await erasure.show(self._database, view.citizen)
            if person.erased_at is not None:
                raise Problem(410, "erased", "this citizen was erased: only pseudonyms are left")
        return {
            "citizen": view.citizen,
            "ticket": ticket,
            "purpose": purpose.value,
            "reach": [
                {"scheme": each.scheme.value, "source": each.source, "value": each.value}
                for each in disclosed.identities
                if each.scheme in REACHED_BY
            ],
            "originals": _said(disclosed.originals),
        }

    async def _note_refusal(
        self, who: str, citizen: str, ticket: str, purpose: str, reason: str
    ) -> None:
        log.get("hotline.lookup").warning("plain_data.refused", ticket=ticket, reason=reason)
        async with self._database.transaction() as connection:
            await audit.write(
                connection,
                who=who,
                action="refused",
                purpose=purpose,
                citizen=citizen,
                subject=ticket,
                detail=reason,
            )


def _said(originals: Iterable[Kept]) -> list[dict[str, Any]]:
    """What the citizen said and how to reach them, out of each original; not the whole of it."""
    found = []
    for each in originals:
        document = orjson.loads(each.document)
        data = document.get("data")
        if not isinstance(data, Mapping):
            continue
        content = data.get("changes", data)
        said: dict[str, Any] = {
            "type": document.get("type"),
            "time": document.get("time"),
        }
        for name in ("title", "text", "callback_number"):
            if isinstance(content.get(name), str):
                said[name] = content[name]
        place = content.get("place")
        if isinstance(place, Mapping) and isinstance(place.get("address"), str):
            said["address"] = place["address"]
        for name in ("complainant", "caller"):
            party = content.get(name)
            if isinstance(party, Mapping) and isinstance(party.get("name"), str):
                said["name"] = party["name"]
        if len(said) > 2:
            found.append(said)
    return found
