"""Who is in an event, by pseudonym: resolved once, when it comes (R12, R61)."""

from datetime import datetime
from typing import Final

import msgspec

from policy.bundle import Policy
from schemas.envelope import Envelope
from schemas.events import ContactReceived, TicketAmended, TicketImported, TicketReceived
from schemas.events.parts import Complainant, Party
from schemas.ids import Citizen
from vault.directory import Directory, Found


class People(msgspec.Struct, frozen=True, omit_defaults=True):
    """The citizens in an event."""

    citizen: Citizen | None = None
    shared: bool = False
    """Whether all that the citizen gave is used by many."""
    principal: Citizen | None = None
    """委托人, when the citizen speaks for another."""
    principal_shared: bool = False

    def whose(self, policy: Policy) -> Citizen | None:
        """Whose case it is (同人): the principal's where the policy says so and one is known."""
        if self.principal is not None and policy.repeat.same_person == "principal":
            return self.principal
        return self.citizen


NOBODY = People()


_NAMING: Final = frozenset({TicketReceived, TicketImported, TicketAmended, ContactReceived})
"""Events that may say who a citizen is; of the others nothing is asked."""


def party_in(incoming: Envelope) -> Complainant | None:
    """Who speaks to the hotline; None where nobody does, or who asked not to be named (匿名)."""
    if type(incoming) not in _NAMING:
        return None
    if isinstance(incoming, TicketReceived | TicketImported):
        return None if incoming.data.anonymous else incoming.data.complainant
    if isinstance(incoming, TicketAmended):
        changes = incoming.data.changes
        return None if changes.anonymous else changes.complainant
    return incoming.data.caller if isinstance(incoming, ContactReceived) else None


def people_in(incoming: Envelope, directory: Directory, now: datetime) -> People:
    """The citizens in an event, as the directory knows them."""
    party = party_in(incoming)
    if party is None:
        return NOBODY
    citizen = _found(party, incoming.source, directory, now)
    principal = _found(party.on_behalf_of, incoming.source, directory, now)
    if citizen is None and principal is None:
        return NOBODY
    return People(
        citizen.citizen if citizen else None,
        citizen.shared if citizen else False,
        principal.citizen if principal else None,
        principal.shared if principal else False,
    )


def _found(party: Party | None, source: str, directory: Directory, now: datetime) -> Found | None:
    if party is None or not party.identities:
        return None
    return directory.resolve(party.identities, source, now)
