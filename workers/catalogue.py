"""Every worker, and the commands that it takes."""

from workers import build, dump, index, upload
from workers.context import Registration

WORKERS: dict[str, tuple[Registration, ...]] = {
    "dump": dump.REGISTRATIONS,
    "upload": upload.REGISTRATIONS,
    "build": build.REGISTRATIONS,
    "index": index.REGISTRATIONS,
}
