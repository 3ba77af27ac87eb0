"""Named points at which a test lets this process die at once (F2), or freeze (F4).

``HOTLINE_FAILPOINT=before-commit:3`` kills the process with SIGKILL when it gets there the third
time, ``before-commit:3:stop`` stops it with SIGSTOP, once. Unset, a point costs one comparison.
"""

import os
import signal
from typing import Final

POINTS: Final = (
    "deposited",
    "outputs-acked",
    "changelog-acked",
    "before-commit",
    "after-commit",
    "after-apply",
)

OF_DELIVERIES: Final = ("rows-written", "rows-committed")
"""Around the database's commit, of services that fill tables."""


_SIGNALS: Final = {"": signal.SIGKILL, "kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def _configured() -> tuple[str, int, signal.Signals] | None:
    spec = os.environ.get("HOTLINE_FAILPOINT")
    if not spec:
        return None
    name, _, rest = spec.partition(":")
    count, _, what = rest.partition(":")
    if name not in (*POINTS, *OF_DELIVERIES) or what not in _SIGNALS:
        raise ValueError(
            f"HOTLINE_FAILPOINT={spec!r}: <point>:<count>[:stop], points: "
            f"{(*POINTS, *OF_DELIVERIES)}"
        )
    return name, int(count or 1), _SIGNALS[what]


_target = _configured()
_seen = 0


def reach(name: str) -> None:
    """Die or freeze here if this is the configured point and its turn."""
    global _seen
    if _target is None or _target[0] != name:
        return
    _seen += 1
    if _seen == _target[1]:
        os.kill(os.getpid(), _target[2])
