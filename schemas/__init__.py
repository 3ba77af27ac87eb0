"""What crosses a topic: events, facts, topics, effect ids. Imports nothing of the project."""
