"""Reads the request, limits the process, calls the plugin and sends what it gives."""

import base64
import ctypes
import faulthandler
import importlib
import logging
import os
import pickle
import resource
import signal
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import orjson

from . import failure, results
from .channel import Channel
from .documents import Outlet
from .guard import guard
from .loading import Loader, call

PR_SET_PDEATHSIG = 1
"""From <sys/prctl.h>: the signal that a process gets when its parent dies."""


def main() -> None:
    """Do one request."""
    guard()
    request = orjson.loads(_request())
    channel = Channel(request["channel"])
    _tie_to_parent()
    _limit(request["memory"])
    tempfile.gettempdir()  # decided now, as in a hub: there are plugins that name a folder for it which only hubs have
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # a TextIOWrapper here
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(levelname)s: %(message)s")
    faulthandler.enable()
    try:
        channel.send_json(b"R", ACTIONS[request["action"]](request, channel))
    except BaseException as error:  # noqa: BLE001 (whatever a plugin raises, SystemExit too, is told to the job, and ends this process)
        channel.send_json(b"E", failure.described(error, request))
    finally:
        try:
            _flush()
        finally:
            os._exit(0)  # the plugin's threads and exit handlers have no say


def _parse(request: dict[str, Any], channel: Channel) -> Any:
    function = _loader(request).function(request["function"])
    arguments = pickle.loads(base64.b64decode(request["job"])) if request.get("job") else (request["data"],)
    outlet = Outlet()
    for ids, bodies in outlet.batches(results.documents(function(*arguments, **request["keywords"])), request.get("limit")):
        channel.send(b"D", orjson.dumps(ids), b"\n", b"\n".join(bodies))
    return {"documents": outlet.seen, "dropped": outlet.dropped, "skipped": outlet.skipped, "long_ids": outlet.long_ids}


def _jobs(request: dict[str, Any], channel: Channel) -> Any:
    jobs = call(_loader(request).function(request["function"]), _subjects().uploader(request)())
    if isinstance(jobs, str | bytes) or not isinstance(jobs, Iterable):
        raise results.ResultRefused(f"the parallelizer returned {type(jobs).__name__}, no list of tuples")
    tuples = [tuple(job) if isinstance(job, list | tuple) else (job,) for job in jobs]
    return [base64.b64encode(pickle.dumps(arguments)).decode() for arguments in tuples]


def _mapping(request: dict[str, Any], channel: Channel) -> Any:
    mapping = call(_loader(request).function(request["function"]), _subjects().uploader(request))
    if mapping is not None and not isinstance(mapping, dict):
        raise results.ResultRefused(f"the mapping function returned {type(mapping).__name__}, no dict of properties")
    if isinstance(mapping, dict) and set(mapping) == {"properties"} and isinstance(mapping["properties"], dict):
        return mapping["properties"]
    return mapping or {}


def _release(request: dict[str, Any], channel: Channel) -> Any:
    release = call(_loader(request).function(request["function"]), _subjects().dumper(request))
    if release is None or str(release).strip() == "":
        raise results.ResultRefused("the release function returned nothing; it should return text such as 2024-01")
    return str(release).strip()


ACTIONS = {"parse": _parse, "jobs": _jobs, "mapping": _mapping, "release": _release}


def _subjects() -> Any:
    return importlib.import_module(".subjects", __package__)  # its HTTP and FTP clients take time to import, and parsers need none


def _loader(request: dict[str, Any]) -> Loader:
    return Loader(request["root"], request["name"], request["shim"])


def _request() -> bytes:
    """The first line of stdin, which the plugin itself finds empty."""
    line = b""
    while not line.endswith(b"\n"):
        chunk = os.read(0, 1 << 20)
        if not chunk:
            os._exit(1)
        line += chunk
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return line


def _tie_to_parent() -> None:
    """End when the guard dies, which nobody but the plugin would have done."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit(memory: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
