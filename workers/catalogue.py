"""Every worker, and the commands that it takes."""

from workers.build.registrations import REGISTRATIONS as BUILD
from workers.context import Registration
from workers.dump.registrations import REGISTRATIONS as DUMP
from workers.index.registrations import REGISTRATIONS as INDEX
from workers.notification.registrations import REGISTRATIONS as NOTIFICATION
from workers.upload.registrations import REGISTRATIONS as UPLOAD

WORKERS: dict[str, tuple[Registration, ...]] = {
    "dump": DUMP,
    "upload": UPLOAD,
    "build": BUILD,
    "index": INDEX,
    "notification": NOTIFICATION,
}
