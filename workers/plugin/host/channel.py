"""Frames: one letter, four bytes of length (big-endian), and that many bytes.

| letter | payload |
|---|---|
| D | documents: a line with the JSON list of their ids, then one body a line, in that order |
| R | the result, a JSON value; the last frame of a call that went well |
| E | the failure {message, detail, code}; the last frame of one that did not |
"""

import os
import struct
from typing import Any

import orjson

HEADER = struct.Struct(">cI")


class Channel:
    """The descriptor that results leave by."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self.file = os.fdopen(descriptor, "wb", buffering=0)

    def send(self, letter: bytes, *chunks: bytes) -> None:
        """Write one frame, whole."""
        payload = b"".join((HEADER.pack(letter, sum(map(len, chunks))), *chunks))
        view = memoryview(payload)
        while view:
            view = view[self.file.write(view) or 0 :]

    def send_json(self, letter: bytes, value: Any) -> None:
        """Write one frame with a JSON value."""
        self.send(letter, orjson.dumps(value))
