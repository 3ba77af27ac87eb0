"""The worker of the tests' processor: ``faust -A tests.kit.assessor_app worker``."""

from runtime.host import Built, build_app
from tests.kit.assessor import Assessor

app = build_app({"assessor": lambda _: Built(Assessor())})
