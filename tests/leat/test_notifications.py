"""The story of a source that fails: told once, then once that it works again in the same thread, embedded and on servers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from standardwebhooks.webhooks import Webhook

from tests.adapters.hooks import Hooks, hooks
from tests.adapters.mailserver import MailServer, mail_server
from tests.leat.hubs import Line, plugin
from tests.leat.servers import on_servers

SECRET = "whsec_" + "bm90aWZpY2F0aW9ucyBhcmUgc2lnbmVk"


class Story(NamedTuple):
    """A hub that serves, and the servers that it sends to."""

    line: Line
    mail: MailServer
    web: Hooks

    async def do(self, *words: str) -> int:
        """Do a command; returns its exit code. The servers run in this process, so it must not wait for it."""
        return (await asyncio.to_thread(self.line.run, *words)).returncode

    async def json(self, *words: str) -> Any:
        """What a command printed as JSON."""
        return await asyncio.to_thread(self.line.json, *words)

    async def mails(self, count: int) -> list[EmailMessage]:
        """The mails, as soon as there are so many."""
        await comes(lambda: len(self.mail.taken) >= count)
        return self.mail.mails


async def comes(condition: Callable[[], bool]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.1)


@pytest.fixture(params=["embedded", "servers"])
async def story(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Story]:
    """Everything that sends is real."""
    async with contextlib.AsyncExitStack() as stack:
        mail, web = await stack.enter_async_context(mail_server()), await stack.enter_async_context(hooks())
        settings = {
            "LEAT_MAIL": f"smtp://127.0.0.1:{mail.port}?tls=never",
            "LEAT_MAIL_FROM": "Leat <hub@lab.example>",
            "LEAT_SLACK": f"{web.url}/api/",
            "LEAT_WEBHOOK_NETWORKS": "private",
            "LEAT_SECRET": "shared by all processes",
            "LEAT_PUBLIC_URL": "https://hub.lab.example",
        }
        if request.param == "embedded":
            line = Line(tmp_path, **settings)
            up = line.up()
        else:
            line = await stack.enter_async_context(on_servers(tmp_path, **settings))
            up = line.up("--no-workers")
            work = Line(tmp_path, **{**line.environment, "LEAT_DATA": str(tmp_path / "work")})
            workers = work.up("dump", "upload", "notification", command="work")
            await asyncio.to_thread(workers.__enter__)
            stack.push_async_callback(asyncio.to_thread, workers.__exit__, None, None, None)
        await asyncio.to_thread(up.__enter__)
        stack.push_async_callback(asyncio.to_thread, up.__exit__, None, None, None)
        yield Story(line, mail, web)


async def test_a_source_fails_and_works_again(story: Story, tmp_path: Path) -> None:
    """A mail, a message of Slack's and a signed post when it failed, nothing when it fails again, and one more of each in the same
    thread when it works; and all of that in one row of the inbox."""
    genes = plugin(tmp_path, "genes")
    good = (genes / "data" / "rows.tsv").read_text()
    (genes / "data" / "rows.tsv").write_text("half a row\n")
    for words in (
        ("channel", "add", "ops", "ops@lab.example", "--window", "0.3"),
        ("channel", "add", "team", "#data", "--medium", "slack", "--secret", "xoxb-good", "--window", "0.3"),
        ("channel", "add", "pager", f"{story.web.url}/in", "--secret", SECRET),
        ("source", "add", str(genes)),
    ):
        assert await story.do(*words) == 0
    assert await story.do("source", "dump", "genes") == 1
    await story.mails(1)
    assert await story.do("source", "upload", "genes") == 1
    (genes / "data" / "rows.tsv").write_text(good)
    assert await story.do("source", "reload", "genes") == 0
    assert await story.do("source", "dump", "genes", "--force") == 0
    first, second = await story.mails(2)
    await comes(lambda: [len(versions) for versions in story.web.messages.values()] == [2] and len(story.web.posted) == 2)

    assert (first["Subject"], second["Subject"]) == ("upload of genes failed", "Re: upload of genes failed")
    assert second["In-Reply-To"] == first["Message-ID"]
    assert "hub.lab.example/jobs/" in first.as_string().replace("=\n", "")
    bodies = [Webhook(SECRET).verify(body, headers) for _, headers, body in story.web.posted]
    assert [each["data"]["title"] for each in bodies] == ["upload of genes failed", "upload of genes works again"]
    inbox = await story.json("inbox")
    assert [(row["title"], row["count"]) for row in inbox["rows"]] == [("upload of genes works again", 2)]
    assert len(story.mail.taken) == 2


async def test_a_mail_server_that_is_busy_is_waited_for(story: Story) -> None:
    """The mail comes later, once; and its job says that it took two attempts."""
    story.mail.busy = 1
    assert await story.do("channel", "add", "ops", "ops@lab.example", "--window", "0") == 0
    assert await story.do("notify", "noon") == 0
    await comes(lambda: story.mail.busy == 0)
    (mail,) = await story.mails(1)

    assert mail["Subject"] == "noon"
    (job,) = [job for job in await story.json("jobs") if job["type"] == "SendNotification"]
    assert job["attempt"] == 2
