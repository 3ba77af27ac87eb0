"""The migrations, one a file; alembic runs them in the order of their numbers."""
