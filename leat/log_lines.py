"""Where log lines go: standard error, for people on a terminal, as JSON elsewhere."""

import logging
import sys
from typing import Any

import orjson

from domain.masking import masked
from workers.middleware.log_context import BOUND

INFO, WARNING = logging.INFO, logging.WARNING
OURS = ("events", "domain", "adapters", "workers", "gateway", "leat")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: int = INFO) -> None:
    """Once at the start of a process that serves or works."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_bind)
    handler.setFormatter(People() if sys.stderr.isatty() else Machines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for package in OURS:
        logging.getLogger(package).setLevel(level)
    for driver in ("aiormq", "elastic_transport"):
        logging.getLogger(driver).setLevel(logging.CRITICAL)  # the adapters say it in our words


class Machines(logging.Formatter):
    """One JSON object per line."""

    def format(self, record: logging.LogRecord) -> str:
        said = {"at": record.created, "level": record.levelname.lower(), "logger": record.name, "event": record.getMessage()}
        said |= _members(record)
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        return masked(orjson.dumps(said, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


class People(logging.Formatter):
    """Time, level, text, then `key=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return super().formatMessage(record) + "".join(f"  {key}={value}" for key, value in _members(record).items())


def _bind(record: logging.LogRecord) -> bool:
    """What is said while a handler works names its job."""
    for key, value in BOUND.get().items():
        record.__dict__.setdefault(key, value)
    return True


def _members(record: logging.LogRecord) -> dict[str, Any]:
    """What was logged beside the text, by `extra`."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and value is not None}
