"""Named points at which a test lets this process die at once (F2).

``HOTLINE_FAILPOINT=before-commit:3`` kills the process with SIGKILL when it gets there the third
time. Unset, a point costs one comparison.
"""

import os
import signal
from typing import Final

POINTS: Final = (
    "outputs-acked",
    "changelog-acked",
    "before-commit",
    "after-commit",
    "after-apply",
)


def _configured() -> tuple[str, int] | None:
    spec = os.environ.get("HOTLINE_FAILPOINT")
    if not spec:
        return None
    name, _, count = spec.partition(":")
    if name not in POINTS:
        raise ValueError(f"HOTLINE_FAILPOINT={spec!r}: no such point; there are {POINTS}")
    return name, int(count or 1)


_target = _configured()
_seen = 0


def reach(name: str) -> None:
    """Die here if this is the configured point and its turn."""
    global _seen
    if _target is None or _target[0] != name:
        return
    _seen += 1
    if _seen >= _target[1]:
        os.kill(os.getpid(), signal.SIGKILL)
