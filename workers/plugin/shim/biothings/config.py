"""The configuration that plugins look into: a logger, and where downloads lie."""

import logging
import os
from typing import Any

DATA_ARCHIVE_ROOT = os.path.join(os.path.dirname(os.getcwd()), "archive")
"""Releases lie below, as `<source>/<release>`."""
DATA_PLUGIN_FOLDER = os.path.join(os.getcwd(), "plugins")
LOG_FOLDER = os.path.dirname(os.getcwd())
DATA_SRC_SERVER = "localhost"
DATA_SRC_PORT = 0
DATA_SRC_DATABASE = "src"
DATA_TARGET_DATABASE = "target"
MAX_PARALLEL_DUMP = 1
HUB_NAME = "leat"

logger = logging.getLogger("plugin")


def setup_default_log(name: str, folder: str = "", level: int = logging.INFO) -> logging.Logger:
    """A logger of that name; its lines become the job's."""
    log = logging.getLogger(name)
    log.setLevel(level)
    return log


def __getattr__(name: str) -> Any:
    """A setting of somebody else's hub is an error that says so."""
    raise AttributeError(f"config.{name} is a setting of a BioThings hub that there is no counterpart of here")
