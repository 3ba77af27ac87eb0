"""What can go wrong while the local stack is put together, each with what to do about it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from runtime.errors import HotlineError

CACHE_VARIABLE = "HOTLINE_CACHE"
"""Where downloads are kept, if not in the user's cache directory."""
MIRROR_VARIABLE = "HOTLINE_MAVEN_MIRROR"
"""URL of a Maven repository to download from."""


class StackError(HotlineError):
    """Base of the local stack's errors; the text ends in what to do."""

    SLUG: ClassVar[str] = "stack"

    def __init__(self, problem: str, action: str) -> None:
        super().__init__(self.SLUG, f"{problem}\nOperator action: {action}")
        self.problem = problem
        self.action = action


class DownloadMissing(StackError):
    """Operator action: check the network or name a mirror or bundle."""

    SLUG = "download_missing"


class ChecksumWrong(StackError):
    """Operator action: do not use the file; find out who changed it."""

    SLUG = "checksum_wrong"


class DiskFull(StackError):
    """Operator action: free space or choose another directory."""

    SLUG = "disk_full"


class PortInUse(StackError):
    """Operator action: stop the other process or choose another port."""

    SLUG = "port_in_use"


class StartFailed(StackError):
    """Operator action: read the log that the text names."""

    SLUG = "start_failed"


class NotAsStarted(StackError):
    """Operator action: leave the option out, or start anew with ``--wipe``."""

    SLUG = "not_as_started"


class StackFileUnreadable(StackError):
    """Operator action: look after what may still run, then remove the file."""

    SLUG = "stack_file_unreadable"


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
