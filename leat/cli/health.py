"""`leat check --quiet`: whether the hub's process of this data folder lives, for a container's health check every few seconds.

It imports next to nothing, and asks neither servers nor stores: a process is not ill because a server is away.
"""

import time
from pathlib import Path

from leat.cli.exits import Exit
from leat.data_folder import PULSE, URL

FRESH = 30.0
"""Seconds after which a pulse is none any more."""
PATIENCE = 3.0
"""Seconds that a gateway may take to answer."""


def check_pulse(folder: Path) -> Exit:
    """DONE where the event loop of a process turned just now, and the gateway, where it is one, answers; else FAILED."""
    try:
        well = abs(time.time() - (folder / PULSE).stat().st_mtime) < FRESH
        url = (folder / URL).read_text().strip() if (folder / URL).exists() else ""
    except OSError:
        return Exit.FAILED
    return Exit.DONE if well and (not url or _answers(url)) else Exit.FAILED


def _answers(url: str) -> bool:
    from http.client import HTTPConnection, HTTPException, HTTPSConnection
    from ssl import CERT_NONE, PROTOCOL_TLS_CLIENT, SSLContext

    scheme, _, there = url.partition("://")
    if scheme == "https":  # whose certificate it is does not matter here: nothing is told, and it is our own process
        context = SSLContext(PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = CERT_NONE
        connection: HTTPConnection = HTTPSConnection(there, timeout=PATIENCE, context=context)
    else:
        connection = HTTPConnection(there, timeout=PATIENCE)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
