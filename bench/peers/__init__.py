"""Other engines doing the same work, for comparison. Never imported by the project."""
