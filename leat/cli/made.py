"""What a job made, in a few words."""

from collections.abc import Mapping
from typing import Any


def made(result: Mapping[str, Any]) -> str:
    """Of the event that a job ended with; empty where it made nothing that is counted."""
    from domain.wording import counted

    if result.get("unchanged"):
        return "nothing new"
    said = [counted(result["count"], "documents")] if result.get("count") else []
    if result.get("type") == "SourceUploaded":
        said.append(counted(sum(part["count"] for part in result["parts"].values()), "documents"))
    said += [counted(len(result["files"]), "files")] if result.get("files") else []
    said += [f"version {result['version']}"] if result.get("version") else []
    said += [f"release {result['release']}"] if result.get("release") else []
    return ", ".join(said)
