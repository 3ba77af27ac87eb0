"""Clocks and callback tasks as they stand: what worklists and diallers ask (R25, R28, R33)."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
    CREATE TABLE readmodel.clocks (
        ticket text NOT NULL,
        clock text NOT NULL,
        target text NOT NULL DEFAULT '',
        status text NOT NULL DEFAULT '',
        deadline timestamptz,
        breached boolean NOT NULL DEFAULT false,
        warned integer,
        paused_since timestamptz,
        department text,
        dispatch text,
        level integer,
        revision integer NOT NULL DEFAULT 0,
        fact text NOT NULL DEFAULT '',
        recordedtime timestamptz,
        standing jsonb,
        PRIMARY KEY (ticket, clock)
    )
    """,
    "COMMENT ON TABLE readmodel.clocks IS 'The fold of the facts of each clock (rules/stated), as "
    "columns and whole; without a department it is the citizen''s'",
    # R28: by level, then deadline; what is paused or has no deadline comes last of its level.
    """
    CREATE INDEX clocks_open ON readmodel.clocks
        (coalesce(level, 9), coalesce(deadline, 'infinity'), ticket, clock)
    WHERE status IN ('running', 'paused')
    """,
    """
    CREATE INDEX clocks_open_by_deadline ON readmodel.clocks (deadline)
    WHERE status IN ('running', 'paused')
    """,
    """
    CREATE INDEX clocks_open_of_department ON readmodel.clocks (department)
    WHERE status IN ('running', 'paused')
    """,
    # A citizen's clock is in the worklist of who answers for the open step.
    """
    CREATE INDEX tickets_of_owner ON readmodel.tickets (owner_unit)
    WHERE step IS NOT NULL AND owner_unit IS NOT NULL
    """,
    """
    CREATE TABLE readmodel.tasks (
        ticket text NOT NULL,
        task text NOT NULL,
        citizen text NOT NULL,
        state text NOT NULL,
        live boolean NOT NULL,
        due_at timestamptz,
        until timestamptz,
        slot text,
        channel text,
        attempt integer NOT NULL,
        round integer NOT NULL,
        department text,
        revision integer NOT NULL,
        fact text NOT NULL,
        recordedtime timestamptz NOT NULL,
        standing jsonb NOT NULL,
        PRIMARY KEY (ticket, task)
    )
    """,
    "COMMENT ON TABLE readmodel.tasks IS 'The last fact of each callback task'",
    """
    CREATE INDEX tasks_live ON readmodel.tasks (coalesce(due_at, 'infinity'), ticket, task)
    WHERE live
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
