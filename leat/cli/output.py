"""What commands print: tables and lines for people, JSON for scripts."""

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from leat.cli.exits import Exit

LINES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
"""What ends a line, or moves a terminal's cursor."""
WORDS = {"CANCELED": "cancelled", "TIMED_OUT": "timed out", "CANCELING": "cancelling"}


def as_json(value: Any) -> None:
    """One JSON value on a line of its own."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Aligned columns under their names (`createdAt` reads CREATED AT); `none` where there are no rows. A terminal gets one that
    fits, with short times and wide cells on several lines; whatever else reads it gets each row whole on one line."""
    lines = [[LINES.sub(" ", _shown(row.get(column))) for column in columns] for row in rows]
    if not lines:
        print("none")
        return
    lines.insert(0, [re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", " ", column).upper() for column in columns])
    from leat.cli.terminal import aligned, fitted, wanted  # not at the top: `--help` is to import little

    widths = wanted(lines)
    for line in fitted(lines) if sys.stdout.isatty() else [aligned(line, widths) for line in lines]:
        print(line)


def tell_more(after: str | None) -> None:
    """Say how the list goes on, where it does."""
    if after:
        note(f"there are more: --after {after}, or --limit")


def pairs(values: Mapping[str, Any]) -> None:
    """One `name  value` per line."""
    width = max((len(name) for name in values), default=0)
    for name, value in values.items():
        print(f"{name.ljust(width)}  {_shown(value)}")


def said(json: bool, value: Any, text: str) -> Exit:
    """A finished command: the value for scripts, a sentence for people."""
    if json:
        as_json(value)
    else:
        print(text)
    return Exit.DONE


def wait_of(job: Mapping[str, Any]) -> str:
    """What a queued job waits for: another job, a rule that holds it back, or a time, such as an automatic build or one that is
    tried again, and why; empty for others."""
    if job["waitingFor"]:
        return f"waits for job {job['waitingFor']}"
    if job["held"]:
        return f"held: {job['held']}"
    if job["state"] != "QUEUED" or not job["notBefore"]:
        return ""
    why = f": {job['error']['message'].splitlines()[0]}" if job.get("error") else ""
    return f"due at {datetime.fromisoformat(job['notBefore']).astimezone():%H:%M:%S}{why}"


def word_of(state: str) -> str:
    """A state or an outcome as people write it: CANCELED is `cancelled`."""
    return WORDS.get(state, state.lower())


def note(text: str) -> None:
    """A message for people only, which is kept out of what scripts read; secrets of URLs are masked."""
    from domain.masking import masked  # not at the top: `--help` is to import little

    print(masked(text), file=sys.stderr, flush=True)


def _shown(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(item) for item in value) or "-"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
