"""The commands that the notification worker takes."""

from domain.errors import JobFailed, Refused
from events.notifications import Notify, SendDigest, SendNotification
from workers.context import Registration, Retry
from workers.notification.notify import notify
from workers.notification.send import send_digest, send_notification

_RETRY = Retry(attempts=8, base=5.0, cap=900.0, never=(Refused, JobFailed))
"""Servers of others may be away for the better part of an hour."""

REGISTRATIONS = (
    Registration(command=Notify, handler=notify, timeout=600.0),
    Registration(command=SendNotification, handler=send_notification, retry=_RETRY, timeout=900.0),
    Registration(command=SendDigest, handler=send_digest, retry=_RETRY, timeout=900.0),
)
