"""The read model's schema, and how far each delivery into the database has come."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("CREATE SCHEMA readmodel")
    op.execute(
        """
        CREATE TABLE readmodel.positions (
            sink text NOT NULL,
            topic text NOT NULL,
            partition integer NOT NULL,
            owner text NOT NULL,
            epoch bigint NOT NULL,
            next_offset bigint NOT NULL,
            at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (sink, topic, partition)
        )
        """
    )
    op.execute(
        "COMMENT ON TABLE readmodel.positions IS 'Moved in the transaction that writes the rows; "
        "a worker whose epoch is not here any more writes nothing (runtime/delivery/)'"
    )
