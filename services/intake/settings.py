"""What intake alone is told: the key of the pseudonyms, and whether it ticks."""

import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr

from runtime.errors import SettingsInvalid
from runtime.settings import EngineSettings
from services.intake.pseudonym import Directory, KeyedPseudonyms

KEY_BYTES: Final = 32


class IntakeSettings(EngineSettings):
    """``HOTLINE_INTAKE_…`` on top of the common ones."""

    # Whoever has the key can test a guess (all telephone numbers are few): keep it from the topics'
    # readers, and never lose it: with another key everybody is somebody else (R61).
    pseudonym_key: SecretStr | None = None
    """What pseudonyms are made with: 64 hexadecimal digits; unset: the key file is used. Keep it
    secret and keep it for ever: with another key, or none, everybody is somebody else, and no
    complaint is a repeat of one from before."""
    pseudonym_key_file: Path | None = None
    """Holds the 64 digits; made at the first start, for its owner alone, if it is not there.
    Unset: ``pseudonym.key`` in HOTLINE_DATA_DIR. All workers of intake need the same one; losing it
    is losing the key."""
    pseudonym_key_version: int = Field(default=1, ge=1)
    """A number for the key, raised with it, that the log names at start. Pseudonyms do not carry
    it: another key is another set of citizens, until a directory can join the two."""
    ticks: bool = True
    """Whether to put a tick into each inbox partition every second; off where history is replayed
    on a clock of its own."""
    forward: bool = True
    """Whether a record in the wrong inbox partition is passed on; off where the inbox is keyed
    otherwise on purpose (replay)."""

    def key(self) -> bytes:
        """The key's bytes. Raises ``SettingsInvalid`` naming what is wrong."""
        if self.pseudonym_key is not None:
            name, digits = "HOTLINE_INTAKE_PSEUDONYM_KEY", self.pseudonym_key.get_secret_value()
        else:
            path = self.pseudonym_key_file or self.data_dir / "pseudonym.key"
            name, digits = str(path), _read_or_make(path)
        try:
            key = bytes.fromhex(digits.strip())
        except ValueError:
            raise SettingsInvalid(f"{name} is not hexadecimal") from None
        if len(key) < KEY_BYTES:
            raise SettingsInvalid(f"{name} has {len(key)} bytes, at least {KEY_BYTES} are needed")
        return key

    def directory(self) -> Directory:
        """Who citizens are. Raises ``SettingsInvalid`` if the key is no key."""
        return KeyedPseudonyms(self.key(), key_version=self.pseudonym_key_version)


def _read_or_make(path: Path) -> str:
    if path.exists():
        return path.read_text(encoding="ascii")
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = secrets.token_hex(KEY_BYTES)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(digits + "\n")
    return digits
