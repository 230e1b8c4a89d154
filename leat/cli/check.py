"""`leat check`: every part of the hub, one line each, and whether this machine has a sandbox for plugins."""

import asyncio
from socket import gaierror
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp

from domain.masking import masked
from leat.cli import output
from leat.cli.exits import Exit
from leat.settings import SCHEMES, Settings
from leat.tls import trusted
from workers.plugin.sandbox import reason_against

PATIENCE = 1.8
"""Seconds that the gateway, or a server, may take to answer."""
PORTS = {"amqp": 5672, "amqps": 5671, "mongodb": 27017, "http": 80, "https": 443}
"""Where a server listens unless its URL says otherwise."""


async def check_hub(settings: Settings, url: str, fingerprint: str = "", json: bool = False) -> Exit:
    """Ask the gateway, which pings its parts. Where there is none, look whether the servers listen that the settings name."""
    asked = _ask_gateway(url, fingerprint), _look(settings), asyncio.to_thread(_plugins, settings.plugin_sandbox)
    parts, listening, plugins = await asyncio.gather(*asked)
    gateway = "OK" if parts is not None else f"nothing answers at {url}; `leat up` starts a hub on {settings.data}"
    states = {"gateway": gateway, **(parts if parts is not None else listening)}
    well = set(states.values()) == {"OK"} and plugins.allowed
    states["plugins"] = plugins.told
    if json:
        output.as_json(states)
    else:
        output.pairs(states)
    if parts is None:
        return Exit.UNREACHABLE
    return Exit.DONE if well else Exit.FAILED


async def _ask_gateway(url: str, fingerprint: str) -> dict[str, str] | None:
    """What each part answered; None where no hub does."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"{url}/health/ready", ssl=trusted(fingerprint)) as answer,
        ):
            told = await answer.json()
            states: dict[str, str] = told["ports"]
            served: dict[str, str] = told.get("apis", {})
            disks: dict[str, str] = told.get("disks", {})
    except (aiohttp.ClientError, TimeoutError, ValueError, KeyError):
        return None
    parts = {name: "OK" if state == "ok" else f"does not answer: {state}" for name, state in states.items()}
    parts |= {f"disk of LEAT_{name.upper()}": "OK" if state == "ok" else state for name, state in disks.items()}
    return parts | {f"api {name}": "OK" if state == "ok" else f"what it serves is gone: {state}" for name, state in served.items()}


class Sandbox(NamedTuple):
    """Whether this machine runs plugins as the settings want it to, and what is said of it."""

    allowed: bool
    told: str


def _plugins(setting: str) -> Sandbox:
    if setting == "off":
        return Sandbox(True, "run without a sandbox here, by LEAT_PLUGIN_SANDBOX=off")
    reason = reason_against()
    return Sandbox(setting == "auto" or not reason, f"run without a sandbox here: {reason}" if reason else "run in a sandbox here")


async def _look(settings: Settings) -> dict[str, str]:
    urls = {part: str(getattr(settings, part)) for part in SCHEMES}
    return dict(zip(urls, await asyncio.gather(*map(_listens, urls, urls.values())), strict=True))


async def _listens(part: str, url: str) -> str:
    parts, named = urlsplit(url), f"LEAT_{part.upper()}={masked(url)}"
    if parts.scheme not in PORTS or parts.hostname is None:
        return f"{masked(url)} is opened by the hub"
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or PORTS[parts.scheme])
    except TimeoutError:
        return f"{named} can't be reached: nothing answers within {PATIENCE:g} s"
    except OSError as error:
        reason = (error.strerror or "") if isinstance(error, gaierror) else "nothing listens there"
        return f"{named} can't be reached: {reason}; start that server, or set LEAT_{part.upper()} to one that runs"
    writer.close()
    return f"{masked(url)} listens"
