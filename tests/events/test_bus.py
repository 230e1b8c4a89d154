"""What every bus does, in one process and over RabbitMQ."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from events.bus import BusError, Control, Delivery
from events.catalogue import encode
from events.sources import DumpSource, SourceAdded, UploadSource
from tests.events.buses import BUFFER, Bench, Inbox, dead_letters, polled, settled

T = TypeVar("T")


async def following(stream: AsyncIterator[T]) -> T:
    """The next item, soon."""
    async with asyncio.timeout(20):
        return await anext(stream)


async def test_delivers_what_was_sent(bench: Bench) -> None:
    """A command arrives as it was sent, on its own queue."""
    inbox, other = Inbox(), Inbox()
    await bench.bus.consume("dump", inbox, 1)
    await bench.bus.consume("upload", other, 1)
    command = DumpSource(source="clinvar", force=True, job_id="j", run_id="r", cause_id="c")

    await bench.bus.send(command)

    await inbox.count(1)
    assert inbox.deliveries[0].command == command
    assert other.deliveries == []


async def test_keeps_what_nobody_takes(bench: Bench) -> None:
    """A confirmed command waits for a consumer that comes later, and depth counts it."""
    await bench.bus.send(DumpSource(source="a"))
    assert (await settled(bench.bus, "dump", lambda depth: depth.ready == 1)).consumers == 0

    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 1)

    await inbox.count(1)
    assert (await settled(bench.bus, "dump", lambda depth: depth.ready == 0)).consumers == 1


async def test_keeps_the_order(bench: Bench) -> None:
    """One consumer sees commands in the order they were sent."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 10)

    for number in range(100):
        await bench.bus.send(DumpSource(source=str(number)))

    await inbox.count(100)
    assert inbox.sources == [str(number) for number in range(100)]


async def test_confirms_many_at_once(bench: Bench) -> None:
    """Hundreds of sends in flight are all confirmed, and all arrive."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 100)

    await asyncio.gather(*(bench.bus.send(DumpSource(source=str(number))) for number in range(500)))

    await inbox.count(500)
    assert sorted(map(int, inbox.sources)) == list(range(500))


async def test_respects_slots(bench: Bench) -> None:
    """No more deliveries than slots are unacknowledged, and an acknowledgement lets the next one come."""
    inbox = Inbox(ack=False)
    await bench.bus.consume("dump", inbox, 2)
    for number in range(4):
        await bench.bus.send(DumpSource(source=str(number)))

    await inbox.count(2)
    await settled(bench.bus, "dump", lambda depth: depth.ready == 2)
    assert len(inbox.deliveries) == 2

    await inbox.deliveries[0].ack()
    await inbox.count(3)
    await settled(bench.bus, "dump", lambda depth: depth.ready == 1)
    assert inbox.sources == ["0", "1", "2"]


async def test_shares_a_queue(bench: Bench) -> None:
    """Two consumers of one queue take each command once."""
    first, second = Inbox(ack=False), Inbox(ack=False)
    other = await bench.open()
    await bench.bus.consume("dump", first, 1)
    await other.consume("dump", second, 1)

    await bench.bus.send(DumpSource(source="a"))
    await bench.bus.send(DumpSource(source="b"))

    await first.count(1)
    await second.count(1)
    assert sorted(first.sources + second.sources) == ["a", "b"]


async def test_same_command_twice(bench: Bench) -> None:
    """A doubled message is delivered twice: whoever handles it has to know."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 5)
    command = DumpSource(source="a")

    await bench.bus.send(command)
    await bench.bus.send(command)

    await inbox.count(2)
    assert [delivery.command for delivery in inbox.deliveries] == [command, command]


async def test_acknowledging_twice(bench: Bench) -> None:
    """A second acknowledgement does nothing: no slot too many, no broken channel."""
    inbox = Inbox(ack=False)
    await bench.bus.consume("dump", inbox, 1)
    for number in range(3):
        await bench.bus.send(DumpSource(source=str(number)))
    await inbox.count(1)

    await inbox.deliveries[0].ack()
    await inbox.deliveries[0].ack()

    await inbox.count(2)
    await settled(bench.bus, "dump", lambda depth: depth.ready == 1)
    assert len(inbox.deliveries) == 2


@pytest.mark.parametrize(
    "body",
    [b"not json", b'{"type":"NoSuchCommand"}', b'{"type":"DumpSource"}', b"", b'{"type":"UploadSource","source":"elsewhere"}'],
)
async def test_undecodable_message(bench: Bench, body: bytes) -> None:
    """What can't be decoded, or done by whoever takes from that queue, leaves it for the dead letters, with the reason, and what
    follows is delivered."""
    inbox = Inbox()
    await bench.put("dump", body)
    await bench.bus.send(DumpSource(source="fine"))

    await bench.bus.consume("dump", inbox, 1)

    await inbox.count(1)
    letters = await polled(lambda: dead_letters(bench.bus), bool)
    assert [(letter.queue, letter.body) for letter in letters] == [("dump", body)]
    assert letters[0].reason
    assert letters[0].reason != "rejected"
    assert await dead_letters(bench.bus) == []


async def test_dead_letters_by_the_page(bench: Bench) -> None:
    """At most `limit` dead letters are taken; the others stay."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 10)
    for number in range(5):
        await bench.put("dump", b"%d" % number)

    taken: list[bytes] = []
    async with asyncio.timeout(20):
        while len(taken) < 5:
            page = await dead_letters(bench.bus, 2)
            assert len(page) <= 2
            taken += [letter.body for letter in page]

    assert taken == [b"0", b"1", b"2", b"3", b"4"]


async def test_dead_letters_stay_until_they_are_kept(bench: Bench) -> None:
    """Where the block does not end well, they come again, in order and before what came meanwhile."""
    await bench.bus.consume("dump", Inbox(), 10)
    for body in (b"1", b"2"):
        await bench.put("dump", body)

    async def two() -> bool:
        with contextlib.suppress(OSError):
            async with bench.bus.dead_letters() as letters:
                if len(letters) < 2:
                    raise OSError("no room")
                await bench.put("dump", b"3")
                raise OSError("no room")
        return len(letters) == 2

    await polled(two, bool)
    async with bench.bus.dead_letters(1) as letters:
        assert [letter.body for letter in letters] == [b"1"]

    rest: list[bytes] = []
    async with asyncio.timeout(20):
        while len(rest) < 2:
            rest += [letter.body for letter in await dead_letters(bench.bus)]
    assert rest == [b"2", b"3"]


async def test_last_slot(bench: Bench) -> None:
    """Claim, cancel the consumer, then acknowledge: nothing more arrives, and the depth is the work that waits."""
    inbox = Inbox(ack=False)
    consumer = await bench.bus.consume("dump", inbox, 1)
    for number in range(3):
        await bench.bus.send(DumpSource(source=str(number)))
    await inbox.count(1)

    await consumer.cancel()
    await inbox.deliveries[0].ack()

    await settled(bench.bus, "dump", lambda depth: depth.ready == 2 and depth.consumers == 0)
    assert inbox.sources == ["0"]

    await bench.bus.consume("dump", inbox, 1)
    await inbox.count(2)
    assert inbox.sources == ["0", "1"]


async def test_cancelled_consumer_keeps_what_it_holds(bench: Bench) -> None:
    """Cancelling a consumer gives nothing back: its deliveries stay with their holder until they are acknowledged."""
    inbox = Inbox(ack=False)
    consumer = await bench.bus.consume("dump", inbox, 2)
    await bench.bus.send(DumpSource(source="0"))
    await bench.bus.send(DumpSource(source="1"))
    await inbox.count(2)

    await consumer.cancel()
    await consumer.cancel()
    later = Inbox()
    await bench.bus.consume("dump", later, 2)
    await bench.bus.send(DumpSource(source="2"))

    await later.count(1)
    assert later.sources == ["2"]
    for delivery in inbox.deliveries:
        await delivery.ack()


async def test_cancelled_while_starting(bench: Bench) -> None:
    """Who is cancelled while it starts to consume leaves no consumer behind that would take commands from the living."""
    for steps in range(12):
        task = asyncio.create_task(bench.bus.consume("dump", Inbox(ack=False), 100))
        for _ in range(steps):
            await asyncio.sleep(0)
        if not task.done():
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await (await task).cancel()

    assert (await settled(bench.bus, "dump", lambda depth: depth.consumers == 0)).consumers == 0
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 1)
    await bench.bus.send(DumpSource(source="a"))
    await inbox.count(1)


async def test_cancelled_while_stopping(bench: Bench) -> None:
    """Who is cancelled while it stops consuming has stopped all the same."""
    for steps in range(6):
        consumer = await bench.bus.consume("dump", Inbox(ack=False), 100)
        task = asyncio.create_task(consumer.cancel())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await consumer.cancel()

    await settled(bench.bus, "dump", lambda depth: depth.consumers == 0)


async def test_cancelled_send_harms_nobody(bench: Bench) -> None:
    """A send that is cancelled, wherever it is, leaves the others and the bus as they were."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 50)
    sends = [asyncio.create_task(bench.bus.send(DumpSource(source=str(number)))) for number in range(60)]
    for number, task in enumerate(sends):
        if number % 3 == 0:
            await asyncio.sleep(0)
            task.cancel()

    await asyncio.gather(*sends, return_exceptions=True)

    wanted = {str(number) for number, task in enumerate(sends) if not task.cancelled()}
    await inbox.until(lambda: wanted <= set(inbox.sources))


async def test_cancelled_calls_keep_the_connection(bench: Bench) -> None:
    """Calls that are cancelled half-way cost nobody the connection: watchers miss nothing, nothing is delivered twice."""
    inbox = Inbox(ack=False)
    await bench.bus.consume("dump", inbox, 2)
    await bench.bus.send(DumpSource(source="held"))
    await inbox.count(1)
    async with bench.bus.watch() as events:
        for steps in range(1, 8):
            for call in (bench.bus.depth(["dump"]), dead_letters(bench.bus), bench.bus.consume("upload", Inbox(), 1)):
                task = asyncio.ensure_future(call)
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
            await bench.bus.ping()
        await bench.bus.emit(SourceAdded(source="a"))
        assert await following(events) is not None

    await inbox.deliveries[0].ack()
    await bench.bus.send(DumpSource(source="next"))
    await inbox.count(2)
    assert inbox.sources == ["held", "next"]


async def test_watchers_see_every_event(bench: Bench) -> None:
    """Every watcher, of this process and of others, sees every event from entering on, in order, as it was emitted."""
    other = await bench.open()
    events = [SourceAdded(source=str(number), job_id="j") for number in range(20)]
    async with bench.bus.watch() as near, bench.bus.watch() as second, other.watch() as far:
        for event in events:
            await bench.bus.emit(event)

        for stream in (near, second, far):
            assert [await following(stream) for _ in events] == events


async def test_slow_watcher_is_told_of_the_gap(bench: Bench) -> None:
    """A watcher that does not keep up gets None in place of what it missed, holds up nobody, and sees the newest."""
    newest = SourceAdded(source="newest")
    async with bench.bus.watch() as slow, bench.bus.watch() as quick:
        for number in range(BUFFER + 10):
            await bench.bus.emit(SourceAdded(source=str(number)))
            assert await following(quick) is not None
        await bench.bus.emit(newest)
        await following(quick)

        seen = [await following(slow)]
        while seen[-1] != newest:
            seen.append(await following(slow))

    assert None in seen
    assert len(seen) <= BUFFER + 1


async def test_control_words_reach_everybody(bench: Bench) -> None:
    """A control word reaches every listener of every process."""
    other = await bench.open()
    word = Control(word="cancel", job_id="j")
    async with bench.bus.listen() as near, bench.bus.listen() as second, other.listen() as far:
        await other.signal(word)

        assert [await following(stream) for stream in (near, second, far)] == [word] * 3


async def test_slow_listener_is_told_of_the_gap(bench: Bench) -> None:
    """Who does not keep up with control words gets None in place of what it missed, and the newest."""
    newest = Control(word="cancel", job_id="newest")
    async with bench.bus.listen() as slow, bench.bus.listen() as quick:
        for number in range(BUFFER + 10):
            await bench.bus.signal(Control(word="cancel", job_id=str(number)))
            assert await following(quick) is not None
        await bench.bus.signal(newest)
        await following(quick)

        seen = [await following(slow)]
        while seen[-1] != newest:
            seen.append(await following(slow))

    assert None in seen
    assert len(seen) <= BUFFER + 1


async def test_depth_of_several_queues(bench: Bench) -> None:
    """Depth answers for each queue that is asked for, in that order."""
    await bench.bus.send(UploadSource(source="a"))

    await settled(bench.bus, "upload", lambda depth: depth.ready == 1)
    found = await bench.bus.depth(["upload", "dump"])

    assert [(depth.queue, depth.ready, depth.consumers) for depth in found] == [("upload", 1, 0), ("dump", 0, 0)]


async def test_answers_ping(bench: Bench) -> None:
    """A bus that works answers."""
    await bench.bus.ping()


async def test_closed_bus_refuses(bench: Bench) -> None:
    """A closed bus ends its watchers and refuses every call."""
    bus = await bench.open()
    async with bus.watch() as events:
        await bus.close()  # type: ignore[attr-defined]  # both adapters have it; the port leaves it to whoever opened
        with pytest.raises(StopAsyncIteration):
            await following(events)

    with pytest.raises(BusError):
        await bus.send(DumpSource(source="a"))
    with pytest.raises(BusError):
        await bus.emit(SourceAdded(source="a"))
    with pytest.raises(BusError):
        await bus.ping()


async def test_close_ends_handlers(bench: Bench) -> None:
    """Closing the bus ends the handlers that still run, and waits for them."""
    bus = await bench.open()
    begun, ended = asyncio.Event(), asyncio.Event()

    async def handler(delivery: Delivery) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await bus.consume("dump", handler, 1)
    await bus.send(DumpSource(source="a"))
    async with asyncio.timeout(20):
        await begun.wait()

    await bus.close()  # type: ignore[attr-defined]  # as above

    assert ended.is_set()


async def test_encodes_what_it_carries(bench: Bench) -> None:
    """What arrives was decoded anew: no object is shared between sender and receiver."""
    inbox = Inbox()
    await bench.bus.consume("dump", inbox, 1)
    command = DumpSource(source="a")

    await bench.bus.send(command)
    await inbox.count(1)

    assert inbox.deliveries[0].command is not command
    assert encode(inbox.deliveries[0].command) == encode(command)
