"""A ticket as it stands, from its events: for the read model, and whoever asks about the past."""
