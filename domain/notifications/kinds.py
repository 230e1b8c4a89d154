"""The kinds of notifications: what people can be told of, and choose from."""

from collections.abc import Iterable, Mapping

import msgspec

from domain.errors import Invalid


class KindOfNotification(msgspec.Struct, frozen=True, kw_only=True):
    """One of them, as the settings page shows it."""

    title: str
    description: str
    by_default: bool = True
    """Whether channels tell it whose owner chose no kinds."""


KINDS: Mapping[str, KindOfNotification] = {
    "source.failed": KindOfNotification(
        title="Source failed", description="A dump, upload or inspection failed for good, or works again after that."
    ),
    "schedule.failed": KindOfNotification(
        title="Schedule failed", description="A schedule started nothing, or what it started failed; or it works again."
    ),
    "run.failed": KindOfNotification(
        title="Build or release failed", description="A build, a release or a validation failed for good, or works again."
    ),
    "release.held": KindOfNotification(
        title="Release held", description="A release was made and is kept back by a gate: a person decides."
    ),
    "release.published": KindOfNotification(
        title="Release published", description="A new release of an API is served.", by_default=False
    ),
    "disk.low": KindOfNotification(title="Disk nearly full", description="A disk of the hub has too little room, or room again."),
    "dead_letter": KindOfNotification(title="Dead letter", description="A message came that no process could do."),
    "channel.failing": KindOfNotification(
        title="Channel failing", description="Messages can't be sent by a channel, or can again."
    ),
    "notice": KindOfNotification(title="Notice", description="What an administrator or a service has to say."),
}
"""By name. Later rooms add theirs here."""


def check_kinds(names: Iterable[str]) -> tuple[str, ...]:
    """The names, each once. Raises Invalid naming one that is unknown."""
    chosen = tuple(dict.fromkeys(names))
    if unknown := [name for name in chosen if name not in KINDS]:
        raise Invalid(f"there is no kind {unknown[0]!r} of notification; there are {', '.join(KINDS)}", ("kinds",))
    return chosen


DEFAULTS = tuple(name for name, kind in KINDS.items() if kind.by_default)
