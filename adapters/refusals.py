"""Tells which documents an engine refused."""

from collections.abc import Sequence

from domain.errors import JobFailed

SHOWN = 20
"""Refused documents that are told one by one."""


def refusal(refused: Sequence[tuple[str, str]], documents: int) -> JobFailed:
    """The failure for a batch of so many documents, with ids and reasons of those that are refused."""
    lines = [f"{id}: {reason}" for id, reason in refused]
    more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    return JobFailed(
        f"{len(refused)} of {documents} documents can't be indexed: {lines[0]}{more}",
        detail="\n".join(lines[:SHOWN] + ["…"] * (len(lines) > SHOWN)),
        code="DOCUMENTS_REFUSED",
    )
