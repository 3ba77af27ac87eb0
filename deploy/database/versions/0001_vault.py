"""The directory of aliases and the vault of originals (vault/README.md says what each table is)."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    "CREATE SCHEMA vault",
    # One row. horizon: no event at or after it has been resolved yet; generation: raised whenever
    # what a worker remembers of aliases may be wrong; key_version: the newest that wrote a hash.
    """
    CREATE TABLE vault.state (
        one boolean PRIMARY KEY DEFAULT true CHECK (one),
        horizon timestamptz NOT NULL DEFAULT '1970-01-01T00:00:00Z',
        generation bigint NOT NULL DEFAULT 0,
        key_version integer NOT NULL DEFAULT 0
    )
    """,
    "INSERT INTO vault.state DEFAULT VALUES",
    # Tells a key ring that is another one: with it, everybody would be somebody new.
    "CREATE TABLE vault.key_versions (version integer PRIMARY KEY, fingerprint text NOT NULL)",
    """
    CREATE TABLE vault.data_keys (
        citizen text PRIMARY KEY,
        key_version integer NOT NULL,
        wrapped bytea,
        made_at timestamptz NOT NULL DEFAULT now(),
        erased_at timestamptz,
        CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL))
    )
    """,
    "CREATE INDEX data_keys_by_version ON vault.data_keys (key_version) WHERE wrapped IS NOT NULL",
    """
    CREATE TABLE vault.aliases (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        hash bytea NOT NULL UNIQUE,
        key_version integer NOT NULL,
        scheme text NOT NULL,
        citizen text NOT NULL REFERENCES vault.data_keys,
        assigned_at timestamptz NOT NULL,
        shared_since timestamptz
    )
    """,
    "CREATE INDEX aliases_by_citizen ON vault.aliases (citizen)",
    "CREATE INDEX aliases_by_version ON vault.aliases (key_version, id)",
    """
    CREATE TABLE vault.identities (
        alias bigint PRIMARY KEY REFERENCES vault.aliases ON DELETE CASCADE,
        sealed bytea NOT NULL
    )
    """,
    """
    CREATE TABLE vault.companions (
        alias bigint NOT NULL REFERENCES vault.aliases ON DELETE CASCADE,
        companion bigint NOT NULL REFERENCES vault.aliases ON DELETE CASCADE,
        PRIMARY KEY (alias, companion)
    )
    """,
    "CREATE INDEX companions_by_companion ON vault.companions (companion)",
    """
    CREATE TABLE vault.links (
        second text PRIMARY KEY,
        first text NOT NULL CHECK (first <> second),
        event text NOT NULL,
        by text NOT NULL,
        at timestamptz NOT NULL
    )
    """,
    "CREATE INDEX links_by_first ON vault.links (first)",
    """
    CREATE TABLE vault.originals (
        subject text NOT NULL,
        event text NOT NULL,
        citizen text NOT NULL REFERENCES vault.data_keys,
        stored_at timestamptz NOT NULL DEFAULT now(),
        sealed bytea NOT NULL,
        PRIMARY KEY (subject, event)
    )
    """,
    "CREATE INDEX originals_by_citizen ON vault.originals (citizen)",
    """
    CREATE TABLE vault.audit (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT clock_timestamp(),
        who text NOT NULL,
        action text NOT NULL,
        citizen text,
        subject text,
        purpose text NOT NULL,
        detail text NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX audit_by_citizen ON vault.audit (citizen, id)",
    "CREATE INDEX audit_by_subject ON vault.audit (subject, id)",
    """
    CREATE FUNCTION vault.refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'vault.audit is only added to'; END $$
    """,
    """
    CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON vault.audit
    EXECUTE FUNCTION vault.refuse_change()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
