"""What the HTTP server is told: where it listens, whom it knows, how much it takes at once."""

from pathlib import Path
from typing import Final, Self

from pydantic import Field, SecretStr, model_validator

from runtime.settings import EngineSettings, Port

SERVICE: Final = "http"
"""In the names of its variables: ``HOTLINE_HTTP_…``."""


class HttpSettings(EngineSettings):
    """``HOTLINE_HTTP_…`` on top of the common ones."""

    # Loopback: what lies behind it are citizens' cases. Open it to a network only with TLS (R61).
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: Port = 6080
    """Port to listen on; 0 = any free one."""
    tls_certfile: Path | None = None
    """Certificate chain (PEM); with it the server speaks TLS 1.2 or newer, and nothing else."""
    tls_keyfile: Path | None = None
    """Key (PEM) of that certificate."""
    tls_key_password: SecretStr | None = None
    """Password of that key."""
    tokens_file: Path | None = None
    """Who may call, by hashes of their tokens (``hotline token``); read again when it changes.
    Unset: ``tokens.yaml`` in HOTLINE_DATA_DIR."""
    max_body_bytes: int = Field(default=8 * 1024 * 1024, ge=1_024)
    """Of a request's body. Larger: a client holds more memory before anything is checked."""
    max_bodies_bytes: int = Field(default=64 * 1024 * 1024, ge=1_024)
    """Of all bodies that are being read or worked on; more are answered 503."""
    body_seconds: float = Field(default=15.0, gt=0)
    """For a request's head, and again for its body, to arrive. Larger: clients that hang hold
    memory longer; smaller: a slow line cannot publish a full batch."""
    max_connections: int = Field(default=1_000, ge=1)
    """Open at once; further ones are closed."""
    max_requests: int = Field(default=200, ge=1)
    """In work at once; more are answered 503."""
    keep_alive_seconds: int = Field(default=75, ge=1)
    """An idle connection is kept so long; above what balancers in front grant (60 s)."""

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.tls_certfile is None) != (self.tls_keyfile is None):
            raise ValueError("HOTLINE_HTTP_TLS_CERTFILE and HOTLINE_HTTP_TLS_KEYFILE go together")
        if self.max_body_bytes > self.max_bodies_bytes:
            raise ValueError("HOTLINE_HTTP_MAX_BODY_BYTES is above HOTLINE_HTTP_MAX_BODIES_BYTES")
        return self

    def tokens_path(self) -> Path:
        """Where the tokens' hashes lie."""
        return self.tokens_file or self.data_dir / "tokens.yaml"
