"""How a clock or a callback task stands by the facts of it. Pure; the read model keeps the end of
the fold, the look-ups fold anew for a past instant."""
