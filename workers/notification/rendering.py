"""Rendering: notifications as the message that a channel sends, by templates that a hub may replace with its own."""

import functools
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, TemplateError, select_autoescape

from domain.errors import JobFailed
from domain.hub import Hub
from domain.ids import derived_id
from domain.notifications.notifications import Notification, one_line
from domain.notifications.unsubscribing import link_of
from domain.nouns import Stored
from domain.ports.messages import Message

OURS = Path(__file__).parent / "templates"
SHOWN = 20
"""Notifications that one message tells in words; of the others it tells the number."""


def rendered(hub: Hub, channel: str, told: Sequence[Stored[Notification]], count: int, batch: str = "") -> Message:
    """One message for notifications of which there are `count` in all. `batch` names it where there are several: then it is a
    thread by itself. Raises JobFailed naming a template that is wrong."""
    first = told[0]
    alone = count == 1
    id = derived_id("message", channel, first.id if alone else batch)
    thread = derived_id("message", channel, first.value.thread) if alone else id
    subject = first.value.headline if alone else _subject(told, count)
    unsubscribe = link_of(hub, channel)
    words = {
        "hub": hub.name,
        "address": hub.public_url,
        "unsubscribe": unsubscribe,
        "more": count - min(len(told), SHOWN),
        "notifications": [_shown(hub, each.value) for each in told[:SHOWN]],
    }
    return Message(
        id=id,
        thread=thread,
        subject=one_line(subject),
        text=_render(hub.templates, "message.txt", words),
        html=_render(hub.templates, "message.html", words),
        at=max(each.value.at for each in told),
        link=_link(hub, first.value) if alone else "",
        unsubscribe=unsubscribe,
        body=_body(hub, told, count),
    )


def _subject(told: Sequence[Stored[Notification]], count: int) -> str:
    """Such as `3 notifications: upload of clinvar failed, …`."""
    return f"{count:,} notifications: {', '.join(each.value.title for each in told[:3])}{', …' if count > 3 else ''}"


def _shown(hub: Hub, told: Notification) -> dict[str, object]:
    return {
        "title": told.title,
        "text": told.text,
        "link": _link(hub, told),
        "kind": told.kind,
        "subject": told.subject,
    }


def _link(hub: Hub, told: Notification) -> str:
    return f"{hub.public_url}/{told.link}" if told.link and hub.public_url else ""


def _body(hub: Hub, told: Sequence[Stored[Notification]], count: int) -> dict[str, object]:
    """For programs: `type`, `timestamp` and `data`, as Standard Webhooks advises."""
    data = [
        {
            "id": each.id,
            "kind": each.value.kind,
            "subject": each.value.subject,
            "thread": each.value.thread,
            "title": each.value.title,
            "text": each.value.text,
            "link": _link(hub, each.value),
            "at": _time(each.value.at),
        }
        for each in told
    ]
    first: dict[str, object] = dict(data[0]) if count == 1 else {"count": count, "notifications": data}
    kind = told[0].value.kind if count == 1 else "digest"
    return {"type": kind, "timestamp": _time(told[0].value.at), "data": first}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")


def _render(folder: Path | None, name: str, words: dict[str, object]) -> str:
    try:
        return _templates(folder).get_template(name).render(words)
    except TemplateError as error:
        raise JobFailed(f"the template {name} of LEAT_TEMPLATES can't be used: {error}") from error


@functools.cache
def _templates(folder: Path | None) -> Environment:
    """Those of the hub's own folder before ours; a changed file is read again."""
    loader = ChoiceLoader([FileSystemLoader(path) for path in (folder, OURS) if path])
    return Environment(loader=loader, autoescape=select_autoescape(("html",)), keep_trailing_newline=True)
