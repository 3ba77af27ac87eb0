"""What alembic runs: our migrations on the connection that it is given, one caller at a time."""

from alembic import context
from sqlalchemy import text

from deploy.database.migrations import VERSION_TABLE

LOCK = 12_345
"""Of the advisory lock: two deployments at once migrate one after the other."""

connection = context.config.attributes["connection"]
connection.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
context.configure(connection=connection, version_table=VERSION_TABLE)
with context.begin_transaction():
    context.run_migrations()
