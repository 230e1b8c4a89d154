"""Which release a dump is: what its validators say when the manifest does not."""

import datetime
import email.utils
import hashlib
import re
from collections.abc import Sequence

from workers.dump.fetch import Fetched


def release_of(fetched: Sequence[Fetched], digests: Sequence[str]) -> str:
    """The date (YYYY-MM-DD, UTC) of the last file's Last-Modified, else its ETag, else a hash of the contents.

    An ETag may be anything that the server likes. It becomes a folder's name, which plugins put into command lines; so everything
    in it but letters, digits and `._+-` becomes `_`. `digests`: sha256 of each file, in the same order.
    """
    last = fetched[-1]
    moment = email.utils.parsedate_tz(last.last_modified) if last.last_modified else None
    if moment:
        return datetime.datetime.fromtimestamp(email.utils.mktime_tz(moment), datetime.UTC).strftime("%Y-%m-%d")
    if last.etag:
        return re.sub(r"[^\w.+-]", "_", last.etag.removeprefix("W/").strip('"'), flags=re.ASCII)
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:12]
