"""Why letters did not go back, and what to do about it."""

from cli.dead_lettering.planning import Filed
from runtime.errors import HotlineError


class NotTaken(HotlineError):
    """The service has not taken the letters within the time.

    Operator action: see whether it runs (`hotline status`); nothing needs to be sent again.
    """

    def __init__(self, service: str, seconds: float) -> None:
        super().__init__(
            "not_taken",
            f"{service} has not taken the letters within {seconds:g} s. They are on its redrive "
            "topic and will be taken when it runs; do not send them again",
        )


class HoldsAPlace(HotlineError):
    """A letter of a blocked ticket cannot go back alone: it would overtake those before it.

    Operator action: redrive the ticket as a whole (--ticket).
    """

    def __init__(self, filed: Filed) -> None:
        super().__init__(
            "holds_a_place",
            f"letter {filed.id} holds a place in the order of {filed.letter.subject}: put all of "
            f"it back with --service {filed.letter.service} --ticket {filed.letter.subject}",
        )


class FailedAgain(HotlineError):
    """A letter that was put back failed again; its ticket, if it is known, still waits.

    Operator action: correct the rule, deploy it, and redrive again.
    """

    def __init__(self, filed: Filed) -> None:
        letter = filed.letter
        name = letter.subject if filed.waits else letter.position
        rest = "; it and what follows still wait" if filed.waits else ""
        super().__init__(
            "failed_again",
            f"{name} failed again: {letter.reason}: {letter.detail} "
            f"(letter {filed.id}, attempt {letter.attempt}){rest}",
        )


class BeginningExpired(HotlineError):
    """The first letters of a block are older than the topic keeps them.

    Operator action: decide whether the ticket may go on without those events; then --force.
    """

    def __init__(self, subject: str, block: str) -> None:
        super().__init__(
            "beginning_expired",
            f"{subject} waits behind {block}, whose letter has expired. --force lifts the block "
            "without it",
        )
