"""docs/graphql.md, sent to a running hub to the letter."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from graphql import OperationDefinitionNode, build_schema, parse

from leat.data_folder import TOKEN, URL
from tests.leat.hubs import ROOT, Line, plugin
from tests.leat.servers import on_servers

SECTIONS = (ROOT / "docs" / "graphql.md").read_text().split("\n## ")[1:]
PATIENCE = 60.0
"""Seconds that a hub on a busy machine may take for one step."""


def documents(section: str) -> list[str]:
    """The operations of a section, in their order."""
    return re.findall(r"```graphql\n(.*?)```", section, re.DOTALL)


def operation(document: str) -> OperationDefinitionNode:
    """The one operation of a document."""
    [node] = parse(document).definitions
    assert isinstance(node, OperationDefinitionNode)
    return node


def field(document: str) -> str:
    """The root field that it asks for."""
    name: str = operation(document).selection_set.selections[0].name.value  # type: ignore[attr-defined]
    return name


class Person:
    """Somebody who reads the page, and pastes what stands there with the values of their own."""

    def __init__(self, session: aiohttp.ClientSession, token: str, **values: str) -> None:
        self.session, self.token, self.values = session, token, values

    def variables(self, document: str) -> dict[str, str]:
        """A value for each variable that the operation declares and must have."""
        names = [each.variable.name.value for each in operation(document).variable_definitions or ()]
        given = self.values | {"key": str(uuid.uuid4())}
        return {name: given[name] for name in names if name != "after"}

    async def ask(self, document: str) -> Any:
        """What a query or mutation answers, which is no refusal."""
        async with self.session.post("/graphql", json={"query": document, "variables": self.variables(document)}) as answer:
            body = await answer.json()
        assert "errors" not in body, (document, body)
        found = body["data"][field(document)]
        assert "code" not in found or "path" not in found, (document, found)
        for job in (value for value in found.values() if isinstance(value, dict) and "runId" in value):
            self.values |= {"job": job["jobId"], "run": job["runId"]}
        return found

    @asynccontextmanager
    async def watch(self, document: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A subscription that has begun."""
        async with self.session.ws_connect("/graphql", protocols=("graphql-transport-ws",)) as socket:
            await socket.send_json({"type": "connection_init", "payload": {"token": self.token}})
            assert (await socket.receive_json())["type"] == "connection_ack"
            payload = {"query": document, "variables": self.variables(document)}
            await socket.send_json({"id": "1", "type": "subscribe", "payload": payload})
            first = await socket.receive_json(timeout=PATIENCE)
            assert first["type"] == "next", (document, first)
            assert "errors" not in first["payload"], (document, first)
            yield socket

    async def see_end(self, document: str) -> None:
        """Watch a run or a job until the subscription ends with it."""
        async with self.watch(document) as socket:
            while (said := await socket.receive_json(timeout=PATIENCE))["type"] != "complete":
                assert said["type"] == "next", (document, said)
                assert "errors" not in said["payload"], (document, said)

    async def see_event(self, document: str, begun: asyncio.Event) -> None:
        """Watch the hub until something happens."""
        async with self.watch(document) as socket:
            begun.set()
            while not (await socket.receive_json(timeout=PATIENCE))["payload"]["data"]["hubEvents"]["events"]:
                pass

    async def follow(self, section: str) -> None:
        """Do what a section says: who watches the hub begins before anything is asked for, who watches a job once it was."""
        texts, events = documents(section), dict[str, asyncio.Task[None]]()
        for document in texts:
            if field(document) == "hubEvents":
                begun = asyncio.Event()
                events[document] = asyncio.create_task(self.see_event(document, begun))
                await asyncio.wait([asyncio.create_task(begun.wait()), events[document]], return_when=asyncio.FIRST_COMPLETED)
        for document in texts:
            if operation(document).operation.value != "subscription":
                await self.ask(document)
            elif document in events:
                await events[document]
            elif field(document) in ("runEvents", "jobEvents"):
                await self.see_end(document)
            elif field(document) in ("workers", "inbox"):
                async with self.watch(document):
                    pass


@pytest.fixture(params=["embedded", "servers"])
async def hub(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Line]:
    """A hub, embedded and on the three servers."""
    async with AsyncExitStack() as stack:
        line = Line(tmp_path) if request.param == "embedded" else await stack.enter_async_context(on_servers(tmp_path))
        stack.enter_context(line.up("--concurrency", "2"))
        yield line


async def test_the_whole_story_over_graphql(hub: Line) -> None:
    """Every mutation does what the page says, every subscription tells of it, and those of jobs end with them."""
    home = plugin(hub.folder, "letters", rows=4)
    slow = plugin(hub.folder, "slow", body="    import time; time.sleep(300)")
    data = Path(hub.environment["LEAT_DATA"])
    token, url = ((data / name).read_text().strip() for name in (TOKEN, URL))
    async with aiohttp.ClientSession(url, headers={"Authorization": f"Bearer {token}"}) as session:
        values = {"folder": str(home), "source": "letters", "build": "words", "api": "words", "path": "letters.symbol"}
        person = Person(session, token, **values, query="letters.symbol:symbol3")
        for section in SECTIONS:
            match section.partition("\n")[0]:
                case "Roll back":
                    person.values["release"] = (await person.ask(documents(section)[0]))["releases"][-1]["output"]
                case "Cancel, and try again":
                    await asyncio.to_thread(hub.done, "source", "add", str(slow))
                    await asyncio.to_thread(hub.done, "source", "dump", "slow", "--detach")
                    person.values |= await running(hub)
            await person.follow(section)


async def running(hub: Line) -> dict[str, str]:
    """The job and the run of the slow upload, once it is under way."""
    async with asyncio.timeout(PATIENCE):
        while True:
            jobs = await asyncio.to_thread(hub.json, "jobs", "--target", "source/slow", "--state", "RUNNING")
            if found := [job for job in jobs if job["type"] == "UploadSource"]:
                return {"job": found[0]["jobId"], "run": found[0]["runId"]}


def test_every_mutation_of_a_step_is_there() -> None:
    """The page has each mutation that starts jobs, and each subscription."""
    schema = build_schema((ROOT / "schema.graphql").read_text())
    assert schema.mutation_type
    assert schema.subscription_type
    there = {field(document) for section in SECTIONS for document in documents(section)}
    starting = {
        name for name, each in schema.mutation_type.fields.items() if "idempotencyKey" in each.args["input"].type.of_type.fields
    }  # type: ignore[attr-defined]

    assert starting - there == set()
    assert set(schema.subscription_type.fields) - there == set()
