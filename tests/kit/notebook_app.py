"""The worker of the tests' sink: ``faust -A tests.kit.notebook_app worker``."""

from runtime.host import build_app
from tests.kit.notebook import Notebook

app = build_app({"notebook": lambda _: Notebook()})
