"""Who may see what of a ticket and of its citizen (R8, R61, R65)."""

from enum import StrEnum


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
