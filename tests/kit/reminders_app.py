"""The worker of the tests' processor: ``faust -A tests.kit.reminders_app worker``."""

import os

from runtime.host import Built, build_app
from schemas.topics import TICKETS
from tests.kit.reminders import ALARMS_IN, Reminders

fixed = bool(os.environ.get("REMINDERS_FIXED"))
source = TICKETS if os.environ.get("REMINDERS_READ_TICKETS") else ALARMS_IN
app = build_app({"reminders": lambda _: Built(Reminders(fixed=fixed, source=source))})
