"""`leat schema`: the contracts as files, schema.graphql and messages.json, written from the code and compared with it."""

import json
from argparse import Namespace
from pathlib import Path

from events import catalogue
from leat.cli.exits import Ended, Exit


def messages() -> str:
    """The content of messages.json."""
    return json.dumps(catalogue.schema(), indent=2, sort_keys=True) + "\n"


def contents() -> dict[str, str]:
    """What the files hold, by name."""
    from gateway.schema import print_schema

    return {"schema.graphql": print_schema(), "messages.json": messages()}


def run(flags: Namespace) -> Exit:
    """Write both files, or say which are stale."""
    stale = [name for name, text in contents().items() if not _is(flags.folder / name, text)]
    if stale and flags.check:
        raise Ended(Exit.FAILED, f"stale: {', '.join(stale)}; `leat schema` writes them")
    for name in stale:
        (flags.folder / name).write_text(contents()[name])
        print(flags.folder / name)
    return Exit.DONE


def _is(file: Path, text: str) -> bool:
    return file.exists() and file.read_text() == text
