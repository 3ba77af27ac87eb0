"""The secret keys of a deployment: one file, versions in it, one derived key a purpose (R61).

Data written under an older version stays readable after a rotation; new data takes the newest.
What must stay the same for ever (pseudonyms, tokens of places) is derived from the first version.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from runtime.errors import SettingsInvalid

KEY_BYTES: Final = 32
"""Of each version. A shorter one could be found by trying all telephone numbers with all keys."""


class KeyRing:
    """Secret keys by version, the newest in use. Derived keys are made once and kept."""

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        """Args:
        keys: at least one, each of 32 random bytes, by version (1, 2, …).

        Raises:
            SettingsInvalid: there is none, or one is too short; the value is never told.
        """
        if not keys:
            raise SettingsInvalid("the key ring holds no key: make one with `hotline keys add`")
        for version, key in keys.items():
            if version < 1 or len(key) < KEY_BYTES:
                raise SettingsInvalid(
                    f"key {version} has {len(key)} bytes: versions count from 1, and each key "
                    f"needs {KEY_BYTES} random bytes"
                )
        self._keys = dict(sorted(keys.items()))
        self._derived: dict[tuple[str, int], bytes] = {}

    @cached_property
    def current(self) -> int:
        """The version that new data is written under."""
        return max(self._keys)

    @cached_property
    def origin(self) -> int:
        """The first version: what it derives stays the same through every rotation."""
        return min(self._keys)

    @property
    def versions(self) -> tuple[int, ...]:
        """All versions, the oldest first."""
        return tuple(self._keys)

    def derive(self, purpose: str, version: int) -> bytes:
        """The key of 32 bytes for one purpose; other purposes' keys tell nothing of it.

        Raises:
            SettingsInvalid: there is no such version; what it wrote cannot be read without it.
        """
        found = self._derived.get((purpose, version))
        if found is None:
            if version not in self._keys:
                raise SettingsInvalid(
                    f"the key ring has no version {version}, only {list(self._keys)}: put it back "
                    "from the backup; what was written under it cannot be read otherwise"
                )
            found = HKDF(SHA256(), KEY_BYTES, salt=None, info=purpose.encode()).derive(
                self._keys[version]
            )
            self._derived[purpose, version] = found
        return found

    def added(self) -> "KeyRing":
        """This ring with a new random key as the newest version."""
        return KeyRing({**self._keys, self.current + 1: secrets.token_bytes(KEY_BYTES)})

    @staticmethod
    def parse(text: str, where: str) -> "KeyRing":
        """From JSON, ``{"1": "<64 hexadecimal digits>", "2": …}``.

        Args:
            where: what the text is, for the error.

        Raises:
            SettingsInvalid: it is not that.
        """
        try:
            document = json.loads(text)
            keys = {int(version): bytes.fromhex(digits) for version, digits in document.items()}
        except (ValueError, AttributeError, TypeError):
            raise SettingsInvalid(
                f'{where} is not {{"1": "<{2 * KEY_BYTES} hexadecimal digits>", …}}'
            ) from None
        return KeyRing(keys)

    @staticmethod
    def open(path: Path) -> "KeyRing":
        """The ring in a file; where there is none, a first key is made, for its owner alone."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):  # another worker was quicker: its counts
                KeyRing({1: secrets.token_bytes(KEY_BYTES)}).write(path)
        return KeyRing.parse(path.read_text(encoding="ascii"), str(path))

    def write(self, path: Path, *, replace: bool = False) -> None:
        """Write the ring where only the owner can read it, whole or not at all.

        Raises:
            FileExistsError: the file is there and was not to be replaced.
        """
        text = json.dumps({str(version): key.hex() for version, key in self._keys.items()})
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(text + "\n")
            if replace:
                fresh.replace(path)
            else:
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
