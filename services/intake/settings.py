"""What intake alone is told: whether it ticks, and whether it passes on."""

from runtime.settings import EngineSettings
from vault.directory import Directory, KeyedPseudonyms


class IntakeSettings(EngineSettings):
    """``HOTLINE_INTAKE_…`` on top of the common ones."""

    ticks: bool = True
    """Whether to put a tick into each inbox partition every second; off where history is replayed
    on a clock of its own."""
    forward: bool = True
    """Whether a record in the wrong inbox partition is passed on; off where the inbox is keyed
    otherwise on purpose (replay)."""

    def directory(self) -> Directory:
        """Who citizens are, without a database. Raises ``SettingsInvalid`` if a key is no key."""
        return KeyedPseudonyms.of(self.key_ring())
