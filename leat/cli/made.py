"""What a job made, in a few words."""

from collections.abc import Mapping
from typing import Any


def made(result: Mapping[str, Any]) -> str:
    """Of the event that a job ended with; empty where it made nothing that is counted."""
    from domain.wording import counted

    if result.get("unchanged"):
        return "nothing new"
    # Of a build or a release; of the parts of an upload, or of an inspection; of a mapping that was tried.
    parts = [part.get("count", 0) or part.get("documents", 0) for part in result.get("parts", {}).values()]
    documents = result.get("count", 0) or sum(parts) or result.get("documents", 0)
    name = result.get("name") or result.get("release") or result.get("version")
    said = [counted(documents, "documents")] if documents else []
    said += [counted(len(result["files"]), "files")] if result.get("files") else []
    said += [f"{'version' if result.get('type') == 'BuildFinished' else 'release'} {name}"] if name else []
    return ", ".join(said)
