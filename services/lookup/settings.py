"""What the look-ups alone are told."""

from pydantic import Field

from runtime.settings import EngineSettings


class LookupSettings(EngineSettings):
    """``HOTLINE_LOOKUP_…`` on top of the common ones."""

    assess_budget_ms: int = Field(default=100, ge=10, le=5_000)
    """For all that an agent's question needs of the database. What is missing then is answered
    «unknown» (R53). Larger: agents wait with the citizen on the line; smaller: more is unknown."""
    assess_text_budget_ms: int = Field(default=300, ge=10, le=5_000)
    """The same for a question that brings a text to compare."""
    connections: int = Field(default=8, ge=1, le=100)
    """To PostgreSQL, of each process."""
