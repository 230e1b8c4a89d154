"""TLS of the gateway: its certificate, which may be renewed while it serves, and how the command line knows it again."""

import asyncio
import hashlib
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import aiohttp

from domain.errors import LeatError

log = logging.getLogger(__name__)

INTERVAL = 30.0
"""Seconds between two looks whether the certificate was renewed."""
BEGIN = "-----BEGIN CERTIFICATE-----"
END = "-----END CERTIFICATE-----"


class CertificateRefused(LeatError):
    """The gateway can't serve with this certificate."""

    code = "CERTIFICATE_REFUSED"


class Certificate:
    """A certificate with the chain behind it, and its key, in files of PEM. Raises CertificateRefused naming the setting."""

    def __init__(self, chain: str, key: str) -> None:
        if not (chain and key):
            raise CertificateRefused("LEAT_CERT and LEAT_KEY go together: set both, or none of them for a gateway without TLS")
        self._chain, self._key = Path(chain), Path(key)
        self._state = self._look()
        self.context = self._loaded()

    def fingerprint(self) -> str:
        """SHA-256 of the gateway's own certificate, the first of the chain, in hexadecimal digits."""
        first = self._chain.read_text().partition(BEGIN)[2].partition(END)[0]
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(f"{BEGIN}{first}{END}")).hexdigest()

    def renew(self) -> bool:
        """Serve what the files hold now, from the next connection on; returns whether they had changed. A pair that does not fit
        is refused, and the old one is served on."""
        state = self._look()
        if state == self._state:
            return False
        self._loaded()  # into a context of its own: the one that serves must not be left with a half of each
        self.context.load_cert_chain(self._chain, self._key, _no_password)
        self._state = state
        return True

    async def keep_current(self, renewed: Callable[[], None]) -> None:
        """Look for a renewed certificate for ever; a word in the log where it can't be used, at every look."""
        while True:
            await asyncio.sleep(INTERVAL)
            try:
                if await asyncio.to_thread(self.renew):
                    renewed()
                    log.info("the gateway serves a new certificate", extra={"file": str(self._chain)})
            except CertificateRefused as error:
                log.error("the new certificate can't be used", extra={"error": error.message})

    def _look(self) -> list[tuple[int, int, int]]:
        found = []
        for name, file in (("LEAT_CERT", self._chain), ("LEAT_KEY", self._key)):
            try:
                state = file.stat()
            except OSError as error:
                raise CertificateRefused(f"{name}={file}: {error.strerror}") from error
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
        return found

    def _loaded(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            context.load_cert_chain(self._chain, self._key, _no_password)
        except ssl.SSLError as error:
            reason = "it does not fit the certificate" if error.reason == "KEY_VALUES_MISMATCH" else "no certificate and key in PEM"
            raise CertificateRefused(f"LEAT_CERT={self._chain}, LEAT_KEY={self._key}: {reason} ({error.reason})") from error
        except OSError as error:
            raise CertificateRefused(f"LEAT_CERT={self._chain}, LEAT_KEY={self._key}: {error.strerror}") from error
        return context


def trusted(fingerprint: str) -> aiohttp.Fingerprint | bool:
    """What aiohttp's `ssl` takes: just that certificate, whoever signed it and whatever name it has, or, where none is told, those
    that this machine trusts."""
    return aiohttp.Fingerprint(bytes.fromhex(fingerprint)) if fingerprint else True


def _no_password() -> str:
    """A key with a password would have OpenSSL ask for it on the terminal."""
    return ""
