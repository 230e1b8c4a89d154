"""What the bus over RabbitMQ does when the connection is cut, and what it declares."""

import asyncio
import gc

import aio_pika
import pytest
from aio_pika.abc import AbstractConnection, AbstractIncomingMessage
from aio_pika.exceptions import ChannelNotFoundEntity, ChannelPreconditionFailed
from aiormq.base import FutureStore
from pamqp.commands import Exchange, Queue
from yarl import URL

from events.bus import BusError, Control
from events.catalogue import QUEUES
from events.rabbitmq import RabbitBus
from events.rabbitmq_link import ConnectionLost, Link, driven
from events.sources import DumpSource, SourceAdded
from events.tasks import Tasks
from tests.events.buses import Bench, Inbox, Proxy, dead_letters, polled, settled
from tests.events.test_bus import following
from tests.services import need

Cuttable = tuple[Bench, Proxy]


async def test_redelivers_what_was_not_acknowledged(cuttable: Cuttable) -> None:
    """A command that a cut connection held is delivered again on the next one; acknowledging the old delivery does nothing."""
    bench, proxy = cuttable
    inbox = Inbox(ack=False)
    await bench.bus.consume("dump", inbox, 1)
    await bench.bus.send(DumpSource(source="a"))
    await inbox.count(1)

    proxy.cut()
    await inbox.count(2)
    await inbox.deliveries[0].ack()
    await bench.bus.ping()

    assert inbox.sources == ["a", "a"]
    await inbox.deliveries[1].ack()
    await bench.bus.send(DumpSource(source="b"))
    await inbox.count(3)
    assert inbox.sources[2] == "b"


async def test_redelivers_after_a_crash(cuttable: Cuttable) -> None:
    """A command that a process held when it ended goes to another one."""
    bench, _ = cuttable
    crashing, living = Inbox(ack=False), Inbox()
    other = await bench.open()
    await other.consume("dump", crashing, 1)
    await bench.bus.send(DumpSource(source="a"))
    await crashing.count(1)

    await other.close()  # type: ignore[attr-defined]  # a bus over RabbitMQ has it
    await bench.bus.consume("dump", living, 1)

    await living.count(1)
    assert living.sources == ["a"]


async def test_cut_while_publishing(cuttable: Cuttable) -> None:
    """Every send that returned is on the queue, however often the cable was cut meanwhile; some may be there twice."""
    bench, proxy = cuttable
    inbox = Inbox()
    other = await bench.open()
    await other.consume("dump", inbox, 100)

    async def cutting() -> None:
        for _ in range(4):
            await asyncio.sleep(0.15)
            proxy.cut()

    async def sending(first: int) -> None:
        for number in range(first, first + 60):
            await bench.bus.send(DumpSource(source=str(number)))

    await asyncio.gather(cutting(), *(sending(first) for first in range(0, 600, 60)))

    wanted = {str(number) for number in range(600)}
    await inbox.until(lambda: set(inbox.sources) == wanted)


async def test_cut_while_consuming_and_acknowledging(cuttable: Cuttable) -> None:
    """Cuts while deliveries arrive and are acknowledged lose nothing and leave nothing behind."""
    bench, proxy = cuttable
    inbox = Inbox()
    other = await bench.open()
    await bench.bus.consume("dump", inbox, 5)

    async def cutting() -> None:
        for _ in range(4):
            await asyncio.sleep(0.15)
            proxy.cut()

    cuts = asyncio.create_task(cutting())
    for number in range(600):
        await other.send(DumpSource(source=str(number)))
    await cuts

    await inbox.until(lambda: {str(number) for number in range(600)} <= set(inbox.sources))
    await settled(other, "dump", lambda depth: depth.ready == 0)


async def test_watchers_are_told_of_a_lost_connection(cuttable: Cuttable) -> None:
    """After a cut a watcher gets None, and then what is emitted from there on; so does who listens to control words."""
    bench, proxy = cuttable
    other = await bench.open()
    async with bench.bus.watch() as events, bench.bus.listen() as words:
        await other.emit(SourceAdded(source="before"))
        assert isinstance(await following(events), SourceAdded)

        proxy.cut()

        assert await following(events) is None
        await other.emit(SourceAdded(source="after"))
        await other.signal(Control(word="cancel", job_id="j"))
        after = await following(events)
        assert isinstance(after, SourceAdded)
        assert after.source == "after"
        assert [await following(words) for _ in range(2)] == [None, Control(word="cancel", job_id="j")]


async def test_outage(cuttable: Cuttable) -> None:
    """While the broker is away, a send waits and then raises, a hint raises at once; when it is back, everything goes on."""
    bench, proxy = cuttable
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 1)
    async with bench.bus.watch() as events:
        await proxy.stop()
        calls = (bench.bus.send(DumpSource(source="lost")), bench.bus.emit(SourceAdded(source="a")), bench.bus.ping())
        assert [isinstance(error, BusError) for error in await asyncio.gather(*calls, return_exceptions=True)] == [True] * 3

        waiting = asyncio.create_task(bench.bus.send(DumpSource(source="kept")))
        await proxy.start()
        await waiting

        await inbox.count(1)
        assert inbox.sources == ["kept"]
        assert await following(events) is None


async def test_consumer_cancelled_in_an_outage(cuttable: Cuttable) -> None:
    """A consumer that is cancelled while the connection is away does not come back with it."""
    bench, proxy = cuttable
    inbox = Inbox()
    consumer = await bench.bus.consume("dump", inbox, 1)
    await proxy.stop()

    await consumer.cancel()
    await proxy.start()
    await bench.bus.send(DumpSource(source="a"))

    await settled(bench.bus, "dump", lambda depth: depth.ready == 1 and depth.consumers == 0)
    assert inbox.deliveries == []


async def consumers(connection: AbstractConnection, queue: str) -> int:
    """How many a queue has, without declaring it."""
    try:
        return (await (await connection.channel()).get_queue(queue)).declaration_result.consumer_count or 0
    except ChannelNotFoundEntity:
        return 0


async def test_deleted_queue_comes_back(cuttable: Cuttable) -> None:
    """A queue that somebody deletes is declared again, by its consumers as by who sends to it."""
    bench, _ = cuttable
    assert isinstance(bench.bus, RabbitBus)
    inbox, hub = Inbox(), bench.bus.hub
    async with await aio_pika.connect(need("rabbitmq")) as connection:
        channel = await connection.channel()
        await channel.queue_delete(f"{hub}.dump")
        await bench.bus.send(DumpSource(source="a"))
        await bench.bus.consume("dump", inbox, 1)
        await inbox.count(1)

        await channel.queue_delete(f"{hub}.dump")
        await polled(lambda: consumers(connection, f"{hub}.dump"), lambda number: number == 1)
        await bench.bus.send(DumpSource(source="b"))
        await inbox.count(2)

    assert inbox.sources == ["a", "b"]


async def test_delivery_limit(cuttable: Cuttable) -> None:
    """A command that ends every connection that takes it becomes a dead letter after twenty deliveries."""
    bench, _ = cuttable
    assert isinstance(bench.bus, RabbitBus)
    await bench.bus.send(DumpSource(source="poison"))
    async with await aio_pika.connect(need("rabbitmq")) as connection:
        channel = await connection.channel()

        async def reject(message: AbstractIncomingMessage) -> None:
            await message.reject(requeue=True)

        await (await channel.get_queue(f"{bench.bus.hub}.dump")).consume(reject)
        letters = await polled(lambda: dead_letters(bench.bus), bool)

    assert [(letter.queue, letter.reason) for letter in letters] == [("dump", "delivery_limit")]


async def test_dead_letters_of_a_process_that_died_go_to_another(cuttable: Cuttable) -> None:
    """What was taken and not kept is the broker's again when the connection ends."""
    bench, proxy = cuttable
    other = await bench.open()
    await bench.bus.consume("dump", Inbox(), 1)
    await bench.put("dump", b"no json")

    async def held() -> bool:
        async with bench.bus.dead_letters() as letters:
            if not letters:
                return False
            assert await dead_letters(other) == []
            proxy.cut()
            await bench.bus.ping()  # over the next connection
            return True

    await polled(held, bool)

    assert [letter.body for letter in await polled(lambda: dead_letters(other), bool)] == [b"no json"]


async def test_commands_wait_in_quorum_queues(cuttable: Cuttable) -> None:
    """A queue of commands is a quorum queue: declaring it as a classic one is refused."""
    bench, _ = cuttable
    assert isinstance(bench.bus, RabbitBus)
    async with await aio_pika.connect(need("rabbitmq")) as connection:
        for queue in QUEUES:
            channel = await connection.channel()
            with pytest.raises(ChannelPreconditionFailed, match=r"x-queue-type.*quorum"):
                await channel.declare_queue(
                    f"{bench.bus.hub}.{queue}",
                    durable=True,
                    arguments={
                        "x-queue-type": "classic",
                        "x-delivery-limit": 20,
                        "x-dead-letter-exchange": f"{bench.bus.hub}.dead",
                    },
                )


async def test_names_carry_the_hub(cuttable: Cuttable) -> None:
    """Every exchange and queue that a bus declares is named after its hub, so that hubs share a broker without meeting."""
    bench, proxy = cuttable
    assert isinstance(bench.bus, RabbitBus)
    async with bench.bus.watch(), bench.bus.listen():
        sent = proxy.sent()

    names = [frame.queue for frame in sent if isinstance(frame, Queue.Declare)]
    names += [frame.exchange for frame in sent if isinstance(frame, Exchange.Declare)]
    hub = bench.bus.hub
    assert {f"{hub}.{name}" for name in (*QUEUES, "dead", "commands", "events", "control")} <= set(names)
    assert [name for name in names if not name.startswith(f"{hub}.")] == []


async def test_the_driver_gives_no_reason() -> None:
    """A call on a connection that ended without a reason has lost it, and what the driver does wrong is no lost connection."""
    calls = FutureStore(asyncio.get_running_loop())
    waiting = calls.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(calls.reject_all, None)
    with pytest.raises(ConnectionLost):
        await driven(waiting)

    async def wrong() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await driven(wrong())


async def test_what_fails_of_a_bug_is_tried_again(
    cuttable: Cuttable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a bug ends the upkeep of the connection, the log says so and the upkeep begins anew: nobody waits for ever."""
    bench, proxy = cuttable
    opened, tried = Link.open, asyncio.Event()

    async def wrong(*_: object) -> Link:
        tried.set()
        raise KeyError("bug")

    monkeypatch.setattr(Link, "open", wrong)
    proxy.cut()
    await asyncio.wait_for(tried.wait(), 20)
    monkeypatch.setattr(Link, "open", opened)

    await bench.bus.ping()

    assert [vars(record)["error"] for record in caplog.records if record.message == "side task failed"] == ["'bug'"]


async def test_nobody_hears_a_caller_that_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    """A call that fails after its caller was cancelled is not complained about."""
    tasks, failing = Tasks(), asyncio.Event()

    async def fail() -> None:
        await failing.wait()
        raise BusError

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await tasks.finish(fail())
    failing.set()
    await asyncio.sleep(0)
    await tasks.close()
    gc.collect()
    assert caplog.records == []


async def test_wrong_address() -> None:
    """A broker that can't be reached is a BusError at once, which does not tell the password."""
    with pytest.raises(BusError) as raised:
        await RabbitBus.open("amqp://guest:secret@127.0.0.1:1/", "test-none")

    assert "secret" not in str(raised.value)


async def test_wrong_password() -> None:
    """A refused sign-in is a BusError, which does not tell the password."""
    url = str(URL(need("rabbitmq")).with_user("guest").with_password("secret"))
    with pytest.raises(BusError) as raised:
        await RabbitBus.open(url, "test-none")

    assert "secret" not in str(raised.value)
