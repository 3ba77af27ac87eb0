"""HTTP for the services that answer people and platforms: tokens, errors, limits, the server."""
