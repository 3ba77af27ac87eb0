"""Opens letters with the keys that are at hand here."""

from runtime.errors import CannotOpen
from runtime.sealing import Sealer
from runtime.settings import EngineSettings
from schemas.dead_letter import DeadLetter


def sealer_at_hand(settings: EngineSettings) -> Sealer | None:
    """Of the services' key ring, where this command was told of it."""
    ring = settings.known_key_ring()
    return None if ring is None else Sealer(ring)


def readable(letter: DeadLetter, sealer: Sealer | None) -> DeadLetter:
    """The letter in clear; as it is where these keys do not open it."""
    if sealer is None:
        return letter
    try:
        return letter.opened(sealer)
    except CannotOpen:
        return letter


def how_to_open(letter: DeadLetter) -> str:
    """What a person does about a letter that is still sealed."""
    return (
        f"the original is sealed with key version {letter.sealed}: set HOTLINE_KEY_FILE or "
        "HOTLINE_KEYS as the services have it (compare `hotline keys list` on both sides)"
    )
