"""Where a benchmark is played: a real broker of its own, or one that is already there."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.local.broker import Cluster


@contextmanager
def broker(bootstrap: str | None) -> Iterator[str]:
    """The address of a broker for as long as the block; one started here is removed with its data.

    Call outside an event loop: the start blocks.
    """
    if bootstrap is not None:
        yield bootstrap
        return
    directory = Path(tempfile.mkdtemp(prefix="hotline-bench-"))
    cluster = Cluster.create(directory)
    try:
        cluster.start()
        yield cluster.bootstrap
    finally:
        cluster.stop()
        shutil.rmtree(directory, ignore_errors=True)
