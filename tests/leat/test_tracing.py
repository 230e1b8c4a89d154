"""A trace goes from the client's request over the queue to the job, its steps, the next jobs and their events."""

import asyncio
import contextlib
import gzip
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aio_pika
import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import format_span_id, format_trace_id

from adapters.opentelemetry.tracing import OpenTelemetryTracing
from domain.hub import Hub
from domain.jobs.asking import ask
from events.catalogue import encode
from events.message import Event
from events.sources import InspectSource, SourceInspected
from events.tracing import NoTracing
from leat.adapters import open_tracing
from leat.serving import listening, working
from leat.settings import Settings
from leat.wiring import open_hub
from tests.events.buses import remove
from tests.leat.hubs import plugin
from tests.services import need

CLIENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans() -> InMemorySpanExporter:
    """Where spans go."""
    return InMemorySpanExporter()


def tracing_to(spans: InMemorySpanExporter) -> OpenTelemetryTracing:
    """Tracing into memory."""
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    return OpenTelemetryTracing(provider)


async def run_once(hub: Hub, settings: Settings, folder: Path) -> list[Event]:
    """A source is added and run to its end, as a client with a trace of its own asks for it; returns what watchers heard."""
    heard: list[Event] = []
    async with (
        hub.bus.watch() as events,
        working(hub, ["dump", "upload"], 1),
        listening(hub, settings, "token") as url,
        aiohttp.ClientSession(headers={"Authorization": "Bearer token", "traceparent": CLIENT}) as session,
    ):

        async def told(query: str, **variables: Any) -> None:
            async with session.post(f"{url}/graphql", json={"query": query, "variables": variables}) as response:
                assert "errors" not in (body := await response.json()), json.dumps(body)

        await told("mutation($f: String!) { addSource(input: {folder: $f}) { __typename } }", f=str(plugin(folder)))
        await told('mutation { dumpSource(input: {source: "genes", idempotencyKey: "once"}) { __typename } }')
        async for event in events:
            if event is not None:
                heard.append(event)
            if isinstance(event, SourceInspected):
                return heard
    return heard


def span_id(span: ReadableSpan) -> str:
    """As in a `traceparent`."""
    assert span.context is not None
    return format_span_id(span.context.span_id)


@contextlib.asynccontextmanager
async def opened(tmp_path: Path, bus: str) -> AsyncIterator[tuple[Hub, Settings]]:
    """A hub on this bus, and its settings."""
    id = secrets.token_hex(4)
    settings = Settings(data=tmp_path / "data", bus=bus, name="test", id=id, port=0)
    try:
        async with open_hub(settings) as hub:
            yield hub, settings
    finally:
        if bus != "embedded:":
            await remove(bus, f"test-{id}")


@pytest.mark.parametrize("bus", ["embedded:", "rabbitmq"])
async def test_a_trace_goes_over_the_queue(tmp_path: Path, spans: InMemorySpanExporter, bus: str) -> None:
    """Each job is below what asked for it, in the client's trace, and events say within which span they were said."""
    async with opened(tmp_path, need(bus) if bus == "rabbitmq" else bus) as (hub, settings):
        heard = await run_once(replace(hub, tracing=tracing_to(spans)), settings, tmp_path)

    done = spans.get_finished_spans()
    by_name = {span.name: span for span in done if span.name != "graphql"}
    names = {span_id(span): span.name for span in done}
    parents = {name: names.get(format_span_id(span.parent.span_id)) for name, span in by_name.items() if span.parent}
    assert {format_trace_id(span.context.trace_id) for span in done if span.context} == {CLIENT.split("-")[1]}
    assert parents == {
        "DumpSource": "graphql",
        "dump:genes": "DumpSource",
        "UploadSource": "DumpSource",
        "upload:genes": "UploadSource",
        "InspectSource": "UploadSource",
        "inspect:genes": "InspectSource",
    }
    traced = [event for event in heard if event.trace]
    assert {"SourceDumped", "JobFinished", "SourceUploaded"} <= {type(event).__name__ for event in traced}
    assert {event.trace.split("-")[1] for event in traced} == {CLIENT.split("-")[1]}


async def test_messages_have_the_context_in_their_headers(tmp_path: Path, spans: InMemorySpanExporter) -> None:
    """Whoever else takes from the exchange finds W3C's header, where it is looked for."""
    url = need("rabbitmq")
    async with opened(tmp_path, url) as (hub, _), await aio_pika.connect(url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(f"{hub.name}.events", "#")
        await queue.bind(f"{hub.name}.commands", "upload")
        traced = replace(hub, tracing=tracing_to(spans))
        with traced.tracing.span("outer", CLIENT):
            carried = traced.tracing.carried()
            await ask(traced, InspectSource(source="s"))
        await ask(hub, InspectSource(source="s"))

        seen = []
        async with asyncio.timeout(10), queue.iterator(no_ack=True) as messages:
            async for message in messages:
                seen.append((message.routing_key, message.headers.get("traceparent")))
                if len(seen) == 4:
                    break

    assert set(seen) == {(key, trace) for key in ("JobQueued", "upload") for trace in (carried, None)}
    assert carried.split("-")[1] == CLIENT.split("-")[1] != carried


async def test_child_processes_send_spans_too(tmp_path: Path) -> None:
    """A collector gets what heavy steps do in their own processes, in the same trace, below the job that began them."""
    received: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        sent = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        received.extend(span for one in sent.resource_spans for scope in one.scope_spans for span in scope.spans)
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as collector:
        settings = Settings(data=tmp_path / "data", port=0, traces=str(collector.make_url("")))
        async with open_hub(settings) as hub:
            await run_once(hub, settings, tmp_path)

    names = {span.span_id: span.name for span in received}
    parents = {span.name: names.get(span.parent_span_id) for span in received if span.name in ("store", "inspect")}
    assert parents == {"store": "upload:genes", "inspect": "inspect:genes"}
    assert {span.trace_id.hex() for span in received} == {CLIENT.split("-")[1]}


async def test_where_nobody_traces_nothing_is_carried(tmp_path: Path) -> None:
    """Messages are as they were to the byte, and a span is always the same nothing."""
    off = open_tracing("", "leat")

    assert isinstance(off, NoTracing)
    assert off.span("a") is off.span("b", CLIENT, job="j")
    async with opened(tmp_path, "embedded:") as (hub, _):
        job = (await ask(hub, InspectSource(source="s"))).job
    assert "trace" not in job.value.command
    assert b"trace" not in encode(InspectSource(source="s"))


@pytest.mark.parametrize("parent", ["", "no trace at all", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff" * 300])
def test_what_is_no_context_begins_a_trace(spans: InMemorySpanExporter, parent: str) -> None:
    """A client's odd header harms nothing."""
    tracing = tracing_to(spans)

    with tracing.span("root", parent):
        assert len(tracing.carried().split("-")) == 4

    assert [span.parent for span in spans.get_finished_spans()] == [None]
    assert tracing.carried() == ""
