"""Metrics for Prometheus: what this gateway heard and served, and how the hub stands when it is asked."""

import asyncio
import functools
import importlib.metadata
import math
from collections import Counter as Tally
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.hdrs import METH_ALL
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest

from domain.data.apis import APIS
from domain.hub import Hub
from domain.jobs import backlog, presence
from domain.jobs.dead_letters import DEAD_LETTERS
from domain.jobs.jobs import JOBS, UNFINISHED
from events.catalogue import QUEUES
from events.jobs import JobFinished, JobQueued
from events.lateness import watch_loop
from events.message import Event
from events.supervision import supervised
from gateway.live.tally import QUEUE_OF
from gateway.pinging import Ports, Reading

CONTENT_TYPE = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
SECONDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
Figures = list[tuple[Gauge, tuple[str, ...], float]]
"""Gauges with the values of their labels, and what they say."""
LAGS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)


class Metrics:
    """One gateway's, in a registry of its own.

    What was heard of jobs every gateway of the hub hears: look at one of them, or at the greatest; what was served is its own.
    """

    def __init__(self, hub: Hub, ports: Ports) -> None:
        self._hub = hub
        self._ports = ports
        self._figures = Reading(self._read)
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        Info("leat", "This gateway.", registry=registry).info({"version": importlib.metadata.version("leat"), "hub": hub.name})
        self._finished = Counter("leat_jobs_finished", "Jobs that ended.", ("queue", "command", "outcome"), registry=registry)
        self._again = Counter("leat_jobs_queued", "Jobs that were queued.", ("queue", "reason"), registry=registry)
        self._took = Histogram(
            "leat_job_seconds",
            "From the begin of a job's last attempt to its end.",
            ("command",),
            buckets=SECONDS,
            registry=registry,
        )
        self._served = Counter(
            "leat_http_requests", "Requests that were answered.", ("method", "route", "status"), registry=registry
        )
        self._lag = Histogram("leat_event_loop_lag_seconds", "How late the event loop is.", buckets=LAGS, registry=registry)
        self._depth = Gauge("leat_queue_depth", "Commands that wait for a worker.", ("queue",), registry=registry)
        self._oldest = Gauge("leat_queue_oldest_seconds", "How long the oldest due job has waited.", ("queue",), registry=registry)
        self._consumers = Gauge("leat_queue_consumers", "Processes that take from it just now.", ("queue",), registry=registry)
        self._jobs = Gauge("leat_jobs", "Jobs that are not finished.", ("queue", "state"), registry=registry)
        self._held = Gauge("leat_jobs_held", "Jobs that a rule holds back.", ("rule",), registry=registry)
        self._dead = Gauge("leat_dead_letters", "Messages that nobody could do, as kept in the records.", registry=registry)
        self._slots = Gauge("leat_worker_slots", "Jobs that workers do at a time.", ("queue",), registry=registry)
        self._memory = Gauge("leat_worker_memory_bytes", "Memory of a worker and its children.", ("worker",), registry=registry)
        self._seconds = Gauge(
            "leat_worker_cpu_seconds", "Processor time of a worker and its children.", ("worker",), registry=registry
        )
        self._late = Gauge(
            "leat_worker_loop_lag_seconds",
            "How late a worker's event loop was lately.",
            ("worker",),
            registry=registry,
        )
        self._workers = Gauge("leat_workers", "Worker processes.", registry=registry)
        self._age = Gauge("leat_figures_age_seconds", "How old what is told of queues, jobs and workers is.", registry=registry)
        self._away = Gauge(
            "leat_port_away_seconds", "For how long a part of the hub has not answered.", ("port",), registry=registry
        )
        self._up = Gauge("leat_port_up", "Whether a part of the hub answers.", ("port",), registry=registry)
        self._there = Gauge("leat_api_served_there", "Whether what an API serves is there.", ("api",), registry=registry)
        self._kept_back = Gauge("leat_api_release_held", "Whether a release waits to be accepted.", ("api",), registry=registry)

        self._free = Gauge("leat_disk_free_bytes", "What can still be written.", ("disk",), registry=registry)
        self._needed = Gauge("leat_disk_needed_bytes", "What the next job may need.", ("disk",), registry=registry)
        self._writable = Gauge("leat_disk_writable", "Whether a small write succeeded.", ("disk",), registry=registry)

        for gauge in (self._workers, self._dead):
            gauge.set(math.nan)  # not known yet

    def heard(self, event: Event, took: float | None) -> None:
        """Count an event; `took`: the seconds of a job that ended."""
        if isinstance(event, JobFinished):
            self._finished.labels(QUEUE_OF.get(event.command, ""), event.command, event.outcome).inc()
            if took is not None:
                self._took.labels(event.command).observe(took)
        elif isinstance(event, JobQueued):
            self._again.labels(QUEUE_OF.get(event.command, ""), event.reason).inc()

    def counted(self, route: str, handler: Handler) -> Handler:
        """The handler, counted under `route`. As middleware of the application it would cost more than a read of a document."""

        @functools.cache  # to find a child by its labels takes far longer than to count
        def child(method: str, status: int) -> Counter:
            return self._served.labels(method, route, str(status))

        async def counting(request: web.Request) -> web.StreamResponse:
            status = 500
            try:
                response = await handler(request)
                status = response.status
                return response
            except web.HTTPException as answer:
                status = answer.status
                raise
            finally:
                child(request.method if request.method in METH_ALL else "other", status).inc()

        return counting

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the event loop while the context is open."""
        async with supervised(event_loop_lag=functools.partial(watch_loop, self._lag.observe)):
            yield
        self._figures.close()

    async def serve(self, _: web.Request) -> web.Response:
        """Everything, as Prometheus reads it. What can't be read just now is told as it was known last, with its age."""
        states, served, disks, failure = await asyncio.gather(
            self._ports.ping(), self._ports.served(), self._ports.disks(), self._figures.renew()
        )
        for port, age in self._ports.ages().items():
            self._up.labels(port).set(not states[port])
            self._away.labels(port).set(age if states[port] else 0.0)
        self._age.set(self._figures.age if failure else 0.0)
        self._show(self._figures.value or [])
        for name, disk in disks.items():
            self._free.labels(name).set(disk.free)
            self._needed.labels(name).set(disk.needed)
            self._writable.labels(name).set(not disk.failure)
        self._there.clear()
        for api, reason in served.items():
            self._there.labels(api).set(not reason)
        return web.Response(body=generate_latest(self._registry), headers=CONTENT_TYPE)

    def _show(self, figures: Figures) -> None:
        by_worker = (self._memory, self._seconds, self._late)
        for gauge in (self._depth, self._oldest, self._consumers, self._jobs, self._held, self._slots, self._kept_back, *by_worker):
            gauge.clear()
        for gauge, labels, value in figures:
            (gauge.labels(*labels) if labels else gauge).set(value)

    async def _read(self) -> Figures:
        kept_back: Figures = [
            (self._kept_back, (stored.id,), stored.value.held() is not None) for stored in await APIS.readable(self._hub.records)
        ]
        return [*await self._read_queues(), *await self._read_jobs(), *await self._read_workers(), *kept_back]

    async def _read_queues(self) -> Figures:
        found: Figures = []
        for queue in await backlog.read(self._hub):
            found.append((self._depth, (queue.queue,), queue.depth))
            found.append((self._oldest, (queue.queue,), queue.oldest or 0.0))
            found.append((self._consumers, (queue.queue,), queue.consumers))
        return found

    async def _read_jobs(self) -> Figures:
        found: Figures = []
        for queue in QUEUES:
            for state in UNFINISHED:
                count = await self._hub.records.count(JOBS.kind, {"queue": queue, "state": state})
                found.append((self._jobs, (queue, state), count))
        for rule in self._hub.catalogue.rules:
            count = await self._hub.records.count(JOBS.kind, {"rule": rule.name, "is_held": True})
            found.append((self._held, (rule.name,), count))
        return [*found, (self._dead, (), await self._hub.records.count(DEAD_LETTERS.kind))]

    async def _read_workers(self) -> Figures:
        workers, slots = await presence.page(self._hub), Tally[str]()
        consumed: Figures = []
        for worker in workers:
            said = worker.value
            slots.update(said.queues)
            consumed.append((self._memory, (worker.id,), said.memory + sum(each.memory for each in said.children)))
            consumed.append((self._seconds, (worker.id,), said.seconds + sum(each.seconds for each in said.children)))
            consumed.append((self._late, (worker.id,), said.lag))
        counted = [(self._slots, (queue,), count) for queue, count in slots.items()]
        return [(self._workers, (), len(workers)), *counted, *consumed]
