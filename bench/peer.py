"""The peer, `biothings-cli`: a plugin over documents that it fetches, parses and stores as its users have it do."""

import functools
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from bench.processes import measure

ENVIRONMENT = Path("bench/.venv-peer")
PROGRAM = ENVIRONMENT / "bin/biothings-cli"
RELEASE = "biothings[cli]==1.2.2"
PARSER = """import json
import os


def get_release(self):
    return "1"


def load_data(folder):
    with open(os.path.join(folder, "docs.ndjson")) as file:
        for line in file:
            yield json.loads(line)
"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder without a line per request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def install() -> None:
    """Make the peer's own environment where it is missing."""
    if not PROGRAM.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
        subprocess.run([str(ENVIRONMENT / "bin/pip"), "install", "--quiet", RELEASE], check=True)


def plugin(folder: Path, documents: Iterable[dict[str, Any]]) -> Path:
    """A plugin folder whose documents the peer has stored."""
    made = folder / "variants"
    made.mkdir()
    (folder / "docs.ndjson").write_bytes(b"\n".join(orjson.dumps(each) for each in documents))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        manifest = {
            "version": "0.3",
            "dumper": {"data_url": f"http://127.0.0.1:{server.server_port}/docs.ndjson", "release": "parser:get_release"},
            "uploader": {"parser": "parser:load_data", "on_duplicates": "error"},
        }
        (made / "manifest.json").write_bytes(orjson.dumps(manifest))
        (made / "parser.py").write_text(PARSER)
        measure([str(PROGRAM.absolute()), "dataplugin", "dump_and_upload"], made)
        server.shutdown()
    return made
