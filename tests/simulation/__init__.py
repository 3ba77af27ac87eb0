"""Deterministic simulation: the real task, core and store on a broker that obeys a seed (F27)."""
