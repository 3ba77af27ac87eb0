"""Engines of the project itself, as processes that ``bench.process`` runs."""
