"""Sealing: secrets that have to be used again, such as what web hooks are signed with, are not in the records in clear."""

from typing import Protocol

from domain.errors import LeatError, NotReady


class SealBroken(LeatError):
    """It was sealed with another secret: give all processes of the hub the same LEAT_SECRET, and enter what was sealed again."""

    code = "SEAL_BROKEN"


class Seal(Protocol):
    """Seals texts, and opens them again."""

    def seal(self, text: str) -> str:
        """The text, sealed; empty where it is."""

    def open(self, sealed: str) -> str:
        """What was sealed. Raises SealBroken."""


class NoSeal:
    """Of a hub without a secret."""

    def seal(self, text: str) -> str:
        """Only what is empty. Raises NotReady."""
        if text:
            raise NotReady("this process has no secret to seal with: set LEAT_SECRET")
        return ""

    def open(self, sealed: str) -> str:
        """Only what is empty. Raises SealBroken."""
        if sealed:
            raise SealBroken
        return ""
