"""/metrics: what Prometheus reads."""

import asyncio
import math
import time
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from domain.hub import Hub
from domain.jobs import asking
from domain.jobs.dead_letters import DEAD_LETTERS, Letter
from domain.jobs.verdicts import Succeeded
from events.apis import ValidateMapping
from events.sources import UploadSource
from tests.domain.jobs.ruled import Limits, under_rule
from tests.gateway.conftest import TOKEN, Client, done, serve, started


async def scrape(client: Client) -> dict[tuple[Any, ...], float]:
    """Every sample, by its name and the values of its labels in the order of their names."""
    async with client.session.get(f"{client.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        families = text_string_to_metric_families(await response.text())
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }


async def test_metrics_need_the_token(client: Client) -> None:
    """Without it they are refused as everything else."""
    async with client.session.get(f"{client.url}/metrics") as response:
        assert response.status == 401


async def test_jobs_are_counted(client: Client, hub: Hub) -> None:
    """What waits, what runs, what ended how and after how long, and what nobody could do."""
    await DEAD_LETTERS.insert(hub.records, "dead", Letter(queue="upload", body="no json", reason="why", created_at=1.0))
    await asking.ask(hub, UploadSource(source="waits"))
    await started(hub, "runs")
    async with client.watch("subscription { hubEvents(kinds: [JOB_FINISHED]) { events { jobId } } }") as finished:
        await finished.next()
        attempt = await started(hub, "ends")
        await attempt.finish(Succeeded(done(attempt), True))
        await finished.next()

    found = await scrape(client)

    assert found["leat_jobs", "upload", "QUEUED"] == 1
    assert found["leat_jobs", "upload", "RUNNING"] == 1
    assert found["leat_jobs", "dump", "QUEUED"] == 0
    assert found["leat_jobs_finished_total", "InspectSource", "SUCCEEDED", "upload"] == 1
    assert found["leat_dead_letters",] == 1
    assert found["leat_job_seconds_count", "InspectSource"] == 1
    assert found["leat_jobs_queued_total", "upload", "asked"] == 3
    assert found["leat_queue_depth", "upload"] == 3  # nobody takes from it
    assert found["leat_queue_oldest_seconds", "upload"] >= 0


async def test_held_jobs_are_counted(hub: Hub) -> None:
    """By rule; they wait in no queue."""
    ruled = under_rule(hub, Limits())
    for who in "aaab":
        await asking.ask(ruled, ValidateMapping(source="s"), asked_by=who)

    async with serve(ruled) as client:
        found = await scrape(client)

    assert found["leat_jobs_held", "people"] == 2
    assert found["leat_jobs", ValidateMapping.queue, "QUEUED"] == 4
    assert found["leat_queue_depth", ValidateMapping.queue] == 2


async def test_what_was_served_is_counted(client: Client) -> None:
    """By route and status; a path that is no route is one more of no route, whatever it says."""
    await client.ask("{ queues { name } }")
    for path in ("nothing", "nothing/else"):
        async with client.session.get(f"{client.url}/api/{path}/query"):
            pass

    found = await scrape(client)

    assert found["leat_http_requests_total", "POST", "/graphql", "200"] == 1
    assert len([key for key in found if key[0] == "leat_http_requests_total"]) <= 3


async def test_the_process_and_its_parts_are_told(client: Client, hub: Hub) -> None:
    """Version, memory, the event loop's lag, and whether every part answers."""
    found = await scrape(client)

    assert {key[1]: value for key, value in found.items() if key[0] == "leat_port_up"} == dict.fromkeys(
        ("bus", "records", "documents", "search", "files"), 1
    )
    assert any(key[0] == "leat_info" and hub.name in key for key in found)
    assert ("leat_event_loop_lag_seconds_count",) in found
    assert found["process_resident_memory_bytes",] > 0


async def test_two_gateways_of_a_process_count_apart(client: Client, hub: Hub) -> None:
    """A registry is the application's own."""
    await client.ask("{ queues { name } }")
    async with serve(hub) as other:
        found = await scrape(other)

    assert not [key for key in found if key[0] == "leat_http_requests_total"]


async def silence(*_: Any, **__: Any) -> None:
    """What a port does that says nothing."""
    await asyncio.Event().wait()


async def test_what_was_known_stays_while_ports_are_silent(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever does not answer, metrics and readiness do, soon: the last known figures stay, with their age, and come back."""
    monkeypatch.setattr("gateway.pinging.PATIENCE", 0.2)
    monkeypatch.setattr("gateway.pinging.LONGEST", 0.5)
    await asking.ask(hub, UploadSource(source="waits"))
    async with serve(hub) as client:
        before = await scrape(client)
        with monkeypatch.context() as patched:
            for port, method in ((hub.records, "count"), (hub.records, "find"), (hub.records, "ping"), (hub.files, "ping")):
                patched.setattr(port, method, silence)
            begun = time.monotonic()
            silent = [await scrape(client) for _ in range(4)]
            async with client.session.get(f"{client.url}/health/ready") as response:
                ready = await response.json()
            took = time.monotonic() - begun
        async with asyncio.timeout(5):
            while (after := await scrape(client))["leat_figures_age_seconds",] or not after["leat_port_up", "files"]:
                pass

    assert before["leat_jobs", "upload", "QUEUED"] == 1
    for found in silent:
        assert {key: value for key, value in found.items() if key[0] in ("leat_jobs", "leat_queue_depth", "leat_dead_letters")} == {
            key: value for key, value in before.items() if key[0] in ("leat_jobs", "leat_queue_depth", "leat_dead_letters")
        }
        assert (found["leat_port_up", "records"], found["leat_port_up", "documents"]) == (0, 1)
    ages = [found["leat_figures_age_seconds",] for found in silent]
    assert 0 < ages[0] < ages[-1] <= silent[-1]["leat_port_away_seconds", "records"] + 1
    assert set(ready["away"]) == {"records", "files"}
    assert took < 5 * 0.2 + 2
    assert after["leat_port_away_seconds", "files"] == 0


async def test_figures_that_were_never_read_are_none(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that began while the records were away says that it does not know, instead of 0."""
    monkeypatch.setattr(hub.records, "count", silence)
    monkeypatch.setattr("gateway.pinging.PATIENCE", 0.05)
    async with serve(hub) as client:
        found = await scrape(client)

    assert math.isnan(found["leat_workers",])
    assert ("leat_jobs", "upload", "QUEUED") not in found
