"""The tables of the read model: current tickets, their story, verdicts, who works on what."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
    CREATE TABLE readmodel.tickets (
        ticket text PRIMARY KEY,
        kind text NOT NULL DEFAULT 'contact',
        citizen text NOT NULL DEFAULT '',
        sequence integer NOT NULL DEFAULT 0,
        phase text,
        step text,
        owner_unit text,
        owner_person text,
        leaf text,
        request_type text,
        channel text,
        division text,
        department text,
        complained_of text,
        received_at timestamptz,
        due_at timestamptz,
        recordedtime timestamptz,
        brief jsonb,
        view jsonb
    )
    """,
    "COMMENT ON TABLE readmodel.tickets IS 'The fold of events up to sequence, as columns and as "
    "the whole view (brief: what is asked at call start); kind contact: led to no ticket'",
    # What the look-up at call start asks: a citizen's tickets, the newest first (R53).
    """
    CREATE INDEX tickets_of_citizen ON readmodel.tickets (citizen, received_at DESC NULLS LAST)
    WHERE kind = 'ticket'
    """,
    # R5: an open step that nobody answers for.
    """
    CREATE INDEX tickets_without_owner ON readmodel.tickets (step)
    WHERE step IS NOT NULL AND owner_unit IS NULL AND owner_person IS NULL
    """,
    """
    CREATE TABLE readmodel.events (
        ticket text NOT NULL,
        sequence integer NOT NULL,
        type text NOT NULL,
        citizen text NOT NULL,
        about text,
        recordedtime timestamptz NOT NULL,
        partition integer NOT NULL,
        position bigint NOT NULL,
        document jsonb NOT NULL,
        PRIMARY KEY (ticket, sequence)
    )
    """,
    "COMMENT ON COLUMN readmodel.events.about IS 'Of a contact or call: the ticket it names'",
    "CREATE INDEX events_about ON readmodel.events (about) WHERE about IS NOT NULL",
    """
    CREATE TABLE readmodel.facts (
        id text PRIMARY KEY,
        topic text NOT NULL,
        type text NOT NULL,
        ticket text NOT NULL,
        citizen text NOT NULL,
        recordedtime timestamptz NOT NULL,
        partition integer NOT NULL,
        position bigint NOT NULL,
        document jsonb NOT NULL
    )
    """,
    "CREATE INDEX facts_of_ticket ON readmodel.facts (ticket, recordedtime)",
    """
    CREATE TABLE readmodel.verdicts (
        ticket text PRIMARY KEY,
        citizen text NOT NULL,
        verdict text NOT NULL,
        reason text NOT NULL,
        rule text NOT NULL,
        first_ticket text,
        case_ticket text,
        revision integer NOT NULL,
        fact text NOT NULL,
        recordedtime timestamptz NOT NULL,
        partition integer NOT NULL,
        position bigint NOT NULL,
        document jsonb NOT NULL
    )
    """,
    "COMMENT ON TABLE readmodel.verdicts IS 'The repeat verdict that holds, per ticket or contact'",
    "CREATE INDEX verdicts_of_citizen ON readmodel.verdicts (citizen)",
    """
    CREATE TABLE readmodel.dispatches (
        ticket text NOT NULL,
        number integer NOT NULL,
        dispatch text,
        department text,
        team text,
        handler text,
        role text NOT NULL,
        citizen text NOT NULL,
        since timestamptz,
        accept_due_at timestamptz,
        reply_due_at timestamptz,
        PRIMARY KEY (ticket, number)
    )
    """,
    "COMMENT ON TABLE readmodel.dispatches IS 'Live dispatches: who works on what now'",
    "CREATE INDEX dispatches_of_department ON readmodel.dispatches (department, reply_due_at)",
    """
    CREATE TABLE readmodel.contacts (
        contact text PRIMARY KEY,
        citizen text NOT NULL,
        ticket text,
        received_at timestamptz,
        channel text,
        leaf text,
        agent text,
        answered boolean NOT NULL,
        recordedtime timestamptz
    )
    """,
    "CREATE INDEX contacts_about ON readmodel.contacts (ticket) WHERE ticket IS NOT NULL",
    "CREATE INDEX contacts_of_citizen ON readmodel.contacts (citizen, received_at DESC)",
    """
    CREATE TABLE readmodel.links (
        first text NOT NULL,
        second text NOT NULL,
        subject text NOT NULL,
        recordedtime timestamptz NOT NULL,
        PRIMARY KEY (first, second)
    )
    """,
    "COMMENT ON TABLE readmodel.links IS 'Two pseudonyms of one person (identity.linked)'",
    "CREATE INDEX links_second ON readmodel.links (second)",
    """
    CREATE TABLE readmodel.unreadable (
        topic text NOT NULL,
        partition integer NOT NULL,
        position bigint NOT NULL,
        reason text NOT NULL,
        detail text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (topic, partition, position)
    )
    """,
    "COMMENT ON TABLE readmodel.unreadable IS 'Records that gave no row; their bytes are in Kafka'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
