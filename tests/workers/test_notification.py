"""The notification worker, over a real mail server and web server: who is told what, and how often."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.headerregistry import Address
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from adapters.fernet import FernetSeal
from adapters.mail.smtp import SmtpMessenger
from adapters.slack.messenger import SlackMessenger
from adapters.webhook.messenger import WebhookMessenger
from domain.errors import LeatError
from domain.hub import Hub
from domain.jobs.jobs import JOBS
from domain.notifications import channels, inboxes, lanes
from domain.notifications.channels import CHANNELS
from domain.notifications.notifications import NOTIFICATIONS
from domain.ports.messages import Undeliverable
from events.catalogue import command_from
from events.notifications import Notify, SendDigest, SendNotification
from tests.adapters.hooks import Hooks, hooks
from tests.adapters.mailserver import MailServer, mail_server
from tests.workers.desk import HandJob, open_desk
from workers.notification.notify import notify
from workers.notification.send import send_digest, send_notification

HANDLERS: dict[str, Any] = {"Notify": notify, "SendNotification": send_notification, "SendDigest": send_digest}


class Place(NamedTuple):
    """A hub and the servers that it sends to."""

    hub: Hub
    mail: MailServer
    web: Hooks

    async def tell(self, subject: str = "upload:s", streak: str = "", kind: str = "source.failed", **values: Any) -> str:
        """Do a command that tells something; returns its id."""
        job = HandJob(self.hub)
        command = Notify(kind=kind, subject=subject, title=f"{subject} {streak}", streak=streak, job_id=job.id, **values)  # type: ignore[arg-type]
        await notify(command, job)
        return job.id

    async def send(self) -> list[Any]:
        """Do every job that was asked for and not done yet, whatever it waits for; returns their events, or what they raised."""
        done: list[Any] = []
        while left := [job for job in await JOBS.find(self.hub.records, state="QUEUED") if job.value.queue == "notification"]:
            for stored in left:
                command = command_from(stored.value.command)
                job = HandJob(self.hub)
                try:
                    done.append(await HANDLERS[stored.value.type](command, job))
                except LeatError as error:
                    done.append(error)
                ended = msgspec.structs.replace(stored.value, state="FINISHED")
                await JOBS.replace(self.hub.records, stored, ended)
        return done


@asynccontextmanager
async def _place(folder: Path) -> AsyncIterator[Place]:
    async with open_desk(folder) as desk, mail_server() as mail, hooks() as web:
        messengers = {
            "EMAIL": SmtpMessenger(f"smtp://127.0.0.1:{mail.port}?tls=never", Address("Leat", addr_spec="hub@x.example")),
            "SLACK": SlackMessenger(("private",), f"{web.url}/api/"),
            "WEBHOOK": WebhookMessenger(("private",)),
        }
        hub = replace(
            desk,
            messengers=messengers,
            media=frozenset(messengers),
            seal=FernetSeal("a secret"),
            secret="a secret",
            public_url="https://hub.example",
        )
        yield Place(hub, mail, web)
        for messenger in messengers.values():
            await messenger.close()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """The hub with a channel of each medium."""
    async with _place(tmp_path) as opened:
        await channels.add(opened.hub, "mail", "EMAIL", "ops@lab.example")
        await channels.add(opened.hub, "slack", "SLACK", "#data", secret="xoxb-good")
        await channels.add(opened.hub, "hook", "WEBHOOK", f"{opened.web.url}/in", secret="s3cret")
        yield opened


async def test_a_failure_and_its_end_are_one_thread_everywhere(place: Place) -> None:
    """Two mails of one thread, one message of Slack's that changed, two posts to the web hook, one row of the inbox."""
    await place.tell(streak="failing")
    await place.send()
    await place.tell(streak="failing")
    await place.send()
    await place.tell(streak="well")
    await place.send()

    first, second = place.mail.mails
    assert second["References"] == first["Message-ID"]
    assert (first["Subject"], second["Subject"]) == ("upload:s failing", "Re: upload:s failing")
    ((posted, changed),) = place.web.messages.values()
    assert [posted["blocks"][0]["text"]["text"][:16], changed["blocks"][0]["text"]["text"][:13]] == [
        "upload:s failing",
        "upload:s well",
    ]
    assert [path for path, _, _ in place.web.posted] == ["/in", "/in"]
    ((row),) = (await inboxes.read(place.hub, "administrator")).rows
    assert (row.count, row.title) == (2, "upload:s well")


async def test_a_storm_is_one_message_with_a_count(place: Place) -> None:
    """A thousand failures that come together are one mail and one message; programs get each."""
    for number in range(300):
        await place.tell(f"upload:s{number}", "failing")
    await place.send()

    (mail,) = place.mail.mails
    assert mail["Subject"].startswith("300 notifications: upload:s0 failing")
    body = mail.get_body(("plain",))
    assert body is not None
    assert "and 280 more" in body.get_content()
    assert len(place.web.messages) == 1
    assert len(place.web.posted) == 300
    assert len({headers["webhook-id"] for _, headers, _ in place.web.posted}) == 300


async def test_what_is_done_twice_is_sent_once(place: Place) -> None:
    """A command that comes again asks for nothing more, and a digest that was sent is not sent again."""
    job = HandJob(place.hub)
    command = Notify(kind="notice", subject="notice", title="hello", job_id=job.id)
    for _ in range(3):
        await notify(command, job)
    await place.send()
    for name in ("mail", "slack"):
        await send_digest(SendDigest(channel=name, round=1), HandJob(place.hub))

    assert (len(place.mail.taken), len(place.web.messages), len(place.web.posted)) == (1, 1, 1)


async def test_a_mail_that_is_sent_again_is_the_same(place: Place) -> None:
    """Its process died after the server had taken it, before that was kept: the receiver knows it by its id."""
    await place.tell()
    batch = await lanes.take(place.hub, "mail", 1)
    assert batch is not None
    (digest,) = [job for job in await JOBS.find(place.hub.records, state="QUEUED") if job.value.target == "channel/mail"]
    hand = HandJob(place.hub)
    lane = (await lanes.LANES.get(place.hub.records, "mail")).value
    await send_digest(command_from(digest.value.command), hand)  # type: ignore[arg-type]
    await lanes.change(place.hub, "mail", lambda _: lane)
    await send_digest(command_from(digest.value.command), hand)  # type: ignore[arg-type]

    first, second = place.mail.mails
    assert first["Message-ID"] == second["Message-ID"]


async def test_an_address_that_refuses_mail_gets_no_more(place: Place) -> None:
    """The channel says why, until it is edited; what waits for it does not stop the others."""
    place.mail.refused = {"ops@lab.example": "550 5.1.1 no such user"}
    await place.tell()
    ended = await place.send()
    await place.tell()
    await place.send()

    assert [type(each) for each in ended].count(Undeliverable) == 1
    channel = (await CHANNELS.get(place.hub.records, "mail")).value
    assert "550" in channel.bounced
    assert len(place.web.posted) == 2
    place.mail.refused = {}
    await channels.edit(place.hub, "mail", address="new@lab.example")
    await place.tell()
    await place.send()
    assert [to for to, _ in place.mail.taken] == ["new@lab.example"]


async def test_a_channel_that_fails_is_told_on_the_others(place: Place) -> None:
    """And once more when it works again; never by itself."""
    await place.tell("channel:hook", "failing", "channel.failing")
    await place.send()

    assert len(place.mail.taken) == 1
    assert len(place.web.messages) == 1
    assert place.web.posted == []


async def test_a_channel_that_works_again_is_told(place: Place) -> None:
    """The first message that leaves after a failure takes the failure away."""
    place.web.statuses = [500]
    await place.tell()
    await place.send()
    failing = (await CHANNELS.get(place.hub.records, "hook")).value
    await place.tell("channel:hook", "failing", "channel.failing")
    await place.tell()
    await place.send()

    assert "500" in failing.failure
    assert failing.failing_since > 0
    assert (await CHANNELS.get(place.hub.records, "hook")).value.failure == ""
    assert "channel hook works again" in [row.title for row in (await inboxes.read(place.hub, "administrator")).rows]


@pytest.mark.parametrize("values", [{"kinds": ("release.held",)}, {"kinds": ()}, {"paused": True}])
async def test_a_channel_tells_what_was_chosen(place: Place, values: dict[str, Any]) -> None:
    """And nothing else, nor anything while it is paused."""
    await channels.edit(place.hub, "hook", **values)
    await place.tell()
    await place.tell(kind="release.held")
    await place.send()

    assert len(place.web.posted) == (1 if values.get("kinds") else 0)


async def test_what_is_told_by_name_goes_there_alone(place: Place) -> None:
    """Not into the inbox either."""
    await place.tell(kind="notice", to=("hook",))
    await place.send()

    assert (len(place.mail.taken), len(place.web.messages), len(place.web.posted)) == (0, 0, 1)
    assert (await inboxes.read(place.hub, "administrator")).rows == ()


async def test_templates_of_the_hub_go_first(place: Place, tmp_path: Path) -> None:
    """One of them may be replaced; markup in what is told stays text."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "message.html").write_text("<b>{{ notifications[0].title }}</b>")
    hub = replace(place.hub, templates=tmp_path / "templates")
    own = Place(hub, place.mail, place.web)
    await own.tell("<script>alert(1)</script>")
    await own.send()

    (mail,) = place.mail.mails
    shown = mail.get_body(("html",))
    assert shown is not None
    assert shown.get_content().strip() == "<b>&lt;script&gt;alert(1)&lt;/script&gt;</b>"


async def test_a_template_that_is_wrong_is_named(place: Place, tmp_path: Path) -> None:
    """The job fails, and says which."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "message.txt").write_text("{{ oh")
    own = Place(replace(place.hub, templates=tmp_path / "templates"), place.mail, place.web)
    await own.tell()

    assert any("message.txt" in str(each) for each in await own.send())


async def test_links_lead_to_the_hub(place: Place) -> None:
    """By its public address, with a way to end the channel."""
    await place.tell(link="jobs/7/log")
    await place.send()

    (mail,) = place.mail.mails
    body = mail.get_body(("plain",))
    assert body is not None
    assert "https://hub.example/jobs/7/log" in body.get_content()
    assert mail["List-Unsubscribe"].startswith("<https://hub.example/notifications/unsubscribe/")


async def test_a_message_that_nobody_sends_any_more_stops_nothing(place: Place) -> None:
    """Its job was cancelled: what came later is sent."""
    await place.tell()
    await lanes.take(place.hub, "mail", 1)
    for stored in await JOBS.find(place.hub.records, state="QUEUED"):
        await JOBS.replace(place.hub.records, stored, msgspec.structs.replace(stored.value, state="FINISHED"))
    await place.tell(kind="release.held")

    await lanes.let_go(place.hub)
    await place.send()

    assert len(place.mail.taken) == 1


async def test_what_is_gone_is_not_sent(place: Place) -> None:
    """A channel that was removed meanwhile, and a notification that is no longer kept."""
    id = await place.tell()
    await channels.remove(place.hub, "hook")
    await place.hub.records.delete(NOTIFICATIONS.kind, id)
    ended = await place.send()

    assert [each.notifications for each in ended] == [0] * len(ended)
    assert place.web.posted == []
    done = await send_notification(SendNotification(channel="hook", notification="none"), HandJob(place.hub))
    assert done.notifications == 0


def test_secrets_are_not_in_the_records_in_clear(place: Place, tmp_path: Path) -> None:
    """Neither what signs, nor a web hook's URL, whose path is as good as a password."""
    files = b"".join(path.read_bytes() for path in tmp_path.glob("records.db*"))

    assert b"#data" in files
    for secret in (b"xoxb-good", b"s3cret", place.web.url.encode() + b"/in"):
        assert secret not in files
