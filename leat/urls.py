"""URLs of the gateway itself."""

import os
from typing import NamedTuple


class Address(NamedTuple):
    """How to reach a gateway."""

    url: str
    """Without a slash at the end."""
    token: str
    folder: str = ""
    """The data folder where that was looked for; empty where the URL was given."""
    fingerprint: str = ""
    """The only certificate that it may show (SHA-256, in hexadecimal digits); empty: any that this machine trusts."""
    public: str = ""
    """Where everybody else reaches it, by a proxy say; empty: there too."""

    @property
    def told(self) -> str:
        """The URL that people are told."""
        return self.public.rstrip("/") or self.url


def listening_at(host: str = "", port: int | str = "", cert: str = "") -> str:
    """Where `leat up` listens with these settings; unset: those of the environment."""
    scheme = "https" if cert or os.environ.get("LEAT_CERT") else "http"
    host = host or os.environ.get("LEAT_HOST") or "127.0.0.1"
    port = port or os.environ.get("LEAT_PORT") or "8000"
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{host}:{port}"
