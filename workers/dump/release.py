"""Which release a dump is: what its validators say when the manifest does not."""

import datetime
import hashlib
import re
from collections.abc import Sequence

from workers.dump.download import Fetched
from workers.dump.headers import moment_of

_LATEST = 253402300800
"""The year 10000, in seconds since 1970: dates from there on are none."""


def release_of(fetched: Sequence[Fetched], digests: Sequence[str]) -> str:
    """The date (YYYY-MM-DD, UTC) of the last file's Last-Modified, else its ETag, else a hash of the contents.

    An ETag may be anything that the server likes. It becomes a folder's name, which plugins put into command lines; so everything
    in it but letters, digits and `._+-` becomes `_`. `digests`: sha256 of each file, in the same order.
    """
    last = fetched[-1]
    moment = moment_of(last.last_modified)
    if moment is not None and 0 <= moment < _LATEST:
        return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")
    if re.search(r"[A-Za-z0-9]", last.etag.removeprefix("W/")):
        return re.sub(r"[^\w.+-]", "_", last.etag.removeprefix("W/").strip('"'), flags=re.ASCII)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]
