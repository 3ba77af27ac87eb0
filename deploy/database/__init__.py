"""The database's tables, by alembic: one line of migrations for the whole project.

Made by ``hotline database migrate`` (and by ``hotline up``), never by a worker.
"""

from deploy.database.migrations import NotMigrated, head, migrate, present

__all__ = ["NotMigrated", "head", "migrate", "present"]
