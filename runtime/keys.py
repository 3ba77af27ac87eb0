"""The secret keys of a deployment: one file, versions in it, one derived key a purpose (R61).

Data written under an older version stays readable after a rotation; new data takes the newest.
What must stay the same for ever (pseudonyms, tokens of places) is derived from the first version.

A rotation needs no stop: a process that meets data of a version that it does not have looks into
its file again. So the file goes to all machines first, and only then are workers restarted, one by
one; each writes under the new version from its restart on.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Mapping
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
        self._path: Path | None = None
        self.current: Final = max(keys)
        """The version that new data is written under."""
        self.origin: Final = min(keys)
        """The first version: what it derives stays the same through every rotation."""
        self._derived: dict[tuple[str, int], bytes] = {}

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
                self._look_again()
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

    def fingerprint(self, version: int) -> str:
        """Tells two machines whether their keys are the same, and nothing of the key."""
        return self.derive("fingerprint", version)[:4].hex()

    def _look_again(self) -> None:
        """Another may have added a version since; ``current`` stays until the next start."""
        if self._path is not None:
            there = KeyRing.open(self._path)._keys
            self._keys = dict(sorted({**there, **self._keys}.items()))

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
        """The ring in a file; where there is none, a first key is made, for its owner alone.

        Raises:
            SettingsInvalid: the file cannot be read, or made, or holds no ring.
        """
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with contextlib.suppress(FileExistsError):  # another worker was quicker: its counts
                    KeyRing({1: secrets.token_bytes(KEY_BYTES)}).write(path)
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError as wrong:
            raise SettingsInvalid(f"key file {str(path)!r}: {wrong.strerror}") from None
        ring = KeyRing.parse(text, str(path))
        ring._path = path
        return ring

    @staticmethod
    def rotate(path: Path) -> "KeyRing":
        """Add a key to the ring in a file, or make the file. Two at once add one each.

        Raises:
            SettingsInvalid: as ``open``; and the file cannot be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                if path.exists():
                    KeyRing.open(path).added().write(path, replace=True)
                return KeyRing.open(path)
            finally:
                os.close(folder)
        except OSError as wrong:
            raise SettingsInvalid(f"key file {str(path)!r}: {wrong.strerror}") from None

    def write(self, path: Path, *, replace: bool = False) -> None:
        """Write the ring where only the owner can read it, whole or not at all.

        A file that is replaced keeps its owner and mode: the workers go on reading it.

        Raises:
            FileExistsError: the file is there and was not to be replaced.
        """
        text = json.dumps({str(version): key.hex() for version, key in self._keys.items()})
        fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="ascii") as file:
                if replace:
                    before = path.stat()
                    os.fchown(handle, before.st_uid, before.st_gid)
                    os.fchmod(handle, before.st_mode & 0o7777)
                file.write(text + "\n")
                file.flush()
                os.fsync(handle)  # what is sealed with a key that a crash took is lost
            if replace:
                fresh.replace(path)
            else:
                os.link(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
