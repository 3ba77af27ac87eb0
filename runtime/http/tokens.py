"""Who may call: a file of hashes of tokens, each with what its holder may do (R61).

A token is 256 random bits, shown once when it is made; the file holds its SHA-256. Nothing slower
is needed where nobody can guess, and a password's slow hash would cost each request.
"""

import fcntl
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_serializer,
    model_validator,
)

from policy.access import AccessRole
from runtime import log
from runtime.errors import SettingsInvalid

MARK: Final = "hlt_"
"""What every token begins with, so that scanners for leaked secrets can find one."""
TOKEN_BYTES: Final = 32
LOOK_EVERY_S: Final = 1.0
"""How often the file is looked at. Larger: a revoked token works that much longer."""
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, as its token says."""

    name: str
    """Of the token: in logs, and in the record of who looked at what."""
    sources: tuple[str, ...] = ()
    """CloudEvents ``source``s that it may publish for; none: it may not publish."""
    role: AccessRole | None = None
    """As whom it looks up; None: it may not."""
    unit: str | None = None
    """The unit it acts for, of the policy's organisation."""


class Entry(BaseModel):
    """One token in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=_NAME)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    sources: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = ()
    role: AccessRole | None = None
    unit: str | None = Field(default=None, min_length=1, max_length=64)
    expires: AwareDatetime | None = None

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.role is None) == (not self.sources):
            raise ValueError("a token has either sources (a publisher) or a role (a person)")
        if (self.role is None) != (self.unit is None):
            raise ValueError("role and unit go together")
        return self

    @field_serializer("expires")
    def _written(self, expires: datetime | None) -> str | None:
        return None if expires is None else expires.astimezone(UTC).isoformat(timespec="seconds")

    def expired(self, now: datetime) -> bool:
        """Whether it is over."""
        return self.expires is not None and self.expires <= now

    @property
    def principal(self) -> Principal:
        """Whom it stands for."""
        return Principal(self.name, self.sources, self.role, self.unit)


class TokenFile(BaseModel):
    """The file as a whole; each name once."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tokens: tuple[Entry, ...] = ()

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [entry.name for entry in self.tokens]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"name {twice!r} stands twice")
        return self


class Tokens:
    """The file, read again when it changes.

    A file that became unreadable changes nothing: those who had a token keep it, and the log says
    so at every look. One that is not there knows nobody.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Reads the file. Raises ``SettingsInvalid`` naming what is wrong with it."""
        self.path = path
        self._clock = clock
        self._looked_at = clock()
        self._stamp = _stamp(path)
        self._known = _hashes(read(path))

    def find(self, token: str, now: datetime | None = None) -> Principal | None:
        """Whose token it is; None if nobody's, or expired."""
        self._look_again()
        given = hash_of(token).encode()
        found: Entry | None = None
        # All of them, whichever fits: the time says nothing.
        for known, entry in self._known:
            if hmac.compare_digest(known, given):
                found = entry
        if found is None or found.expired(datetime.now(UTC) if now is None else now):
            return None
        return found.principal

    def _look_again(self) -> None:
        now = self._clock()
        if now - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = now
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return
        try:
            self._known = _hashes(read(self.path))
        except SettingsInvalid as wrong:
            log.get("hotline.http").error("tokens.unreadable", error=str(wrong))
            return
        self._stamp = stamp
        log.get("hotline.http").info("tokens.read", count=len(self._known))


def hash_of(token: str) -> str:
    """What the file keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def read(path: Path) -> TokenFile:
    """The file; empty if there is none. Raises ``SettingsInvalid`` naming what is wrong."""
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        return TokenFile.model_validate({} if loaded is None else loaded)
    except FileNotFoundError:
        return TokenFile()
    except (OSError, UnicodeDecodeError) as wrong:
        raise SettingsInvalid(f"tokens file {path}: {wrong}") from wrong
    except yaml.YAMLError as wrong:
        raise SettingsInvalid(f"tokens file {path} is not YAML: {_place(wrong)}") from None
    except ValidationError as wrong:
        told = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'file'}: {each['msg']}"
            for each in wrong.errors(include_input=False, include_url=False)
        )
        raise SettingsInvalid(f"tokens file {path}: {told}") from None


def make(
    path: Path,
    *,
    name: str,
    sources: Sequence[str] = (),
    role: AccessRole | None = None,
    unit: str | None = None,
    expires: datetime | None = None,
) -> str:
    """A new token; its hash is in the file, the token itself nowhere else than in the answer.

    Raises:
        SettingsInvalid: the name is taken, or what it may do contradicts itself.
    """
    token = MARK + secrets.token_urlsafe(TOKEN_BYTES)
    with _editing(path) as entries:
        if any(entry.name == name for entry in entries):
            raise SettingsInvalid(f"token {name!r} exists: revoke it first, or choose another name")
        try:
            entry = Entry(
                name=name,
                sha256=hash_of(token),
                sources=tuple(sources),
                role=role,
                unit=unit,
                expires=expires,
            )
        except ValidationError as wrong:
            told = "; ".join(each["msg"] for each in wrong.errors(include_input=False))
            raise SettingsInvalid(f"token {name!r}: {told}") from None
        entries.append(entry)
    return token


def revoke(path: Path, name: str) -> bool:
    """Takes a token away; False if there was none of that name."""
    with _editing(path) as entries:
        kept = [entry for entry in entries if entry.name != name]
        found = len(kept) < len(entries)
        entries[:] = kept
    return found


@contextmanager
def _editing(path: Path) -> Iterator[list[Entry]]:
    """The entries, written back at the end: whole, for the owner alone, one editor at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        entries = list(read(path).tokens)
        before = tuple(entries)
        yield entries
        if tuple(entries) == before:
            return
        written = TokenFile(tokens=tuple(entries)).model_dump(mode="json", exclude_defaults=True)
        fresh = path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yaml.safe_dump(written, file, allow_unicode=True, sort_keys=False)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _hashes(file: TokenFile) -> tuple[tuple[bytes, Entry], ...]:
    return tuple((entry.sha256.encode(), entry) for entry in file.tokens)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_mtime_ns, told.st_size, told.st_ino


def _place(wrong: yaml.YAMLError) -> str:
    """Where, without the line itself: it may hold what is secret."""
    found = re.search(r"line \d+, column \d+", str(wrong))
    return found[0] if found else type(wrong).__name__
