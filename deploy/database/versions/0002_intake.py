"""What intake remembers of published events, so that an id is not used for two."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    "CREATE SCHEMA intake",
    """
    CREATE TABLE intake.seen_events (
        identity bytea PRIMARY KEY,
        digest text NOT NULL,
        subject text NOT NULL,
        at timestamptz NOT NULL DEFAULT now()
    )
    """,
    "CREATE INDEX seen_events_by_age ON intake.seen_events (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
