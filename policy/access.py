"""Who may see what of a ticket and of its citizen (R8, R61, R65)."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from policy.files import FileModel
from policy.sourced import Sourced


class AccessRole(StrEnum):
    """As whom a caller of the look-ups acts; its token says so."""

    AGENT = "agent"
    """话务员: speaks with the citizen."""
    HANDLER = "handler"
    """承办人: works on the ticket in a unit."""
    LIAISON = "liaison"
    """联络员: takes a unit's tickets in and passes them on."""
    SUPERVISOR = "supervisor"
    """督办 / 班长: sees to it that tickets go on."""
    INSPECTOR = "inspector"
    """质检: checks replies, calls and verdicts."""
    PRIVACY_OFFICER = "privacy_officer"
    """Answers for citizens' data: erasure, and who looked at what."""


class Scope(StrEnum):
    """Whose tickets."""

    ALL = "all"
    SUBTREE = "subtree"
    """Those that its unit, or one below it, works on or is complained of (R65)."""


class Purpose(StrEnum):
    """For what somebody looks at plain data; it is written into the log of such looks (R61)."""

    FIRST_CONTACT = "first_contact"
    """首次联系."""
    PROGRESS = "progress"
    """告知进展."""
    REPLY = "reply"
    """答复结果."""
    SITE_VISIT = "site_visit"
    """现场核查."""
    VERIFICATION = "verification"
    """核实."""
    REMEDY = "remedy"
    """补救."""
    CALLBACK = "callback"
    """回访."""


class GrantFile(FileModel):
    """What one role may see."""

    scope: Scope
    text: bool
    house_number: bool
    story: bool
    evidence: bool
    contacts: bool
    confidential: bool
    purposes: tuple[Purpose, ...]


class AccessFile(FileModel):
    """Section ``access`` of a rules file: every role, none silently forgotten."""

    agent: Sourced[GrantFile]
    handler: Sourced[GrantFile]
    liaison: Sourced[GrantFile]
    supervisor: Sourced[GrantFile]
    inspector: Sourced[GrantFile]
    privacy_officer: Sourced[GrantFile]


@dataclass(frozen=True, slots=True)
class Grant:
    """What one role may see of a ticket that is in its scope."""

    scope: Scope
    text: bool
    """Title, text and free words of events; masked as they stand in the log."""
    house_number: bool
    """The whole address, from the vault; the log has it without the house number."""
    story: bool
    """Each event with what it says; without it, only when what happened."""
    evidence: bool
    """On what a repeat verdict rests: earlier tickets, what matched, who marked it."""
    contacts: bool
    """Calls and contacts: when, how long, with what outcome, which recording."""
    confidential: bool
    """Who the citizen is (pseudonym, plain data), where they asked to stay unnamed (保密)."""
    purposes: frozenset[Purpose]
    """For which it may see a phone number and the original text; none: never."""
    source: str


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What each role may see (R8: masking by role)."""

    grants: Mapping[AccessRole, Grant]

    @staticmethod
    def of(file: AccessFile) -> "AccessPolicy":
        """The policy in a validated file."""
        found: dict[AccessRole, Grant] = {}
        for role in AccessRole:
            given: Sourced[GrantFile] = getattr(file, role.value)
            value = given.value
            found[role] = Grant(
                scope=value.scope,
                text=value.text,
                house_number=value.house_number,
                story=value.story,
                evidence=value.evidence,
                contacts=value.contacts,
                confidential=value.confidential,
                purposes=frozenset(value.purposes),
                source=given.source,
            )
        return AccessPolicy(found)

    def of_role(self, role: AccessRole) -> Grant:
        """What the role may see."""
        return self.grants[role]
