"""The hub's seal, by Fernet of `cryptography`: AES-128-CBC and HMAC-SHA256."""

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken

from domain.ports.sealing import SealBroken


class FernetSeal:
    """Seals texts with a secret of any length."""

    def __init__(self, secret: str) -> None:
        self._fernet = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"leat seal\0" + secret.encode()).digest()))

    def seal(self, text: str) -> str:
        """The text, sealed; empty where it is."""
        return self._fernet.encrypt(text.encode()).decode() if text else ""

    def open(self, sealed: str) -> str:
        """What was sealed. Raises SealBroken."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode() if sealed else ""
        except InvalidToken as error:
            raise SealBroken from error
