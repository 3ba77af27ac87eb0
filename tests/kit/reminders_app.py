"""The worker of the tests' processor: ``faust -A tests.kit.reminders_app worker``."""

import os

from runtime.host import build_app
from tests.kit.reminders import Reminders

app = build_app(
    {"reminders": lambda _: (Reminders(fixed=bool(os.environ.get("REMINDERS_FIXED"))), ())}
)
