"""What can go wrong while the local stack is put together, each with what to do about it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar


class StackError(Exception):
    """Base of the local stack's errors: a stable slug and a text for a person."""

    slug: ClassVar[str] = "stack"

    def __init__(self, problem: str, action: str) -> None:
        super().__init__(f"{problem}\nOperator action: {action}")
        self.problem = problem
        self.action = action


class DownloadMissing(StackError):
    """Operator action: check the network or name a mirror or bundle."""

    slug = "download_missing"


class ChecksumWrong(StackError):
    """Operator action: do not use the file; find out who changed it."""

    slug = "checksum_wrong"


class DiskFull(StackError):
    """Operator action: free space or choose another directory."""

    slug = "disk_full"


class PortInUse(StackError):
    """Operator action: stop the other process or choose another port."""

    slug = "port_in_use"


class StartFailed(StackError):
    """Operator action: read the log that the text names."""

    slug = "start_failed"


class StateUnreadable(StackError):
    """Operator action: look after what may still run, then remove the file."""

    slug = "state_unreadable"


@contextmanager
def disk_full_named(directory: Path, needed: str) -> Iterator[None]:
    """Turns the system's «no space left» inside into ``DiskFull``, which says where."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"no space left in {directory} for {needed}",
            f"free space there, or put data elsewhere with --dir and downloads with "
            f"{CACHE_VARIABLE}.",
        ) from error


CACHE_VARIABLE = "HOTLINE_CACHE"
MIRROR_VARIABLE = "HOTLINE_MAVEN_MIRROR"
