"""The one error of the package: what is wrong in which file, and what to do."""

from pathlib import Path


class PolicyError(Exception):
    """A policy that cannot be used.

    Operator action: correct the named key in the named file and start again; nothing was started
    with half a policy.
    """

    slug = "policy_invalid"

    def __init__(
        self, *, file: Path, key: str, value: object, problem: str, line: int | None = None
    ) -> None:
        where = f"{file}:{line}" if line else str(file)
        shown = repr(value)
        if len(shown) > 120:
            shown = shown[:117] + "..."
        super().__init__(f"{where}: {key or '(the file)'} = {shown}: {problem}")
        self.file = file
        self.key = key
        """Dotted path of the key; empty where the whole file is meant."""
        self.value = value
        self.problem = problem
        """What is wrong and what to do."""
        self.line = line
        """First line of the value, counted from 1, where it could be found."""
