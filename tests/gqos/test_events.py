"""FD_QOS: posted once for a change, armed again by reading, and a descriptor for select."""

from __future__ import annotations

import asyncio
import select

import pytest

from rsvp.gqos import Aborted, Direction, EventQueue, QosEvent, Status, StatusInfo, WouldBlock
from tests.virtual_loop import run

ONE, TWO, THREE = (QosEvent(Direction.SENDING, StatusInfo(status)) for status in (11005, 11008, 11010))


def readable(queue: EventQueue) -> bool:
    return bool(select.select([queue.fileno()], [], [], 0)[0])


def test_the_edge():
    """4.1: nothing more is posted until the queue is asked; a change after that posts again."""

    async def story() -> None:
        queue = EventQueue()
        assert not readable(queue)
        queue.push(ONE)
        assert readable(queue)
        await queue.posted()
        queue.push(TWO)
        assert queue.get_nowait() == ONE
        assert not readable(queue), "one indication is left, and no change has happened since"
        queue.push(THREE)
        assert readable(queue)
        assert [queue.get_nowait(), queue.get_nowait()] == [TWO, THREE]
        with pytest.raises(WouldBlock):
            queue.get_nowait()
        assert not readable(queue)
        queue.close()

    run(story())


def test_reading_waits():
    async def story() -> None:
        queue = EventQueue()
        reading = asyncio.create_task(queue.get())
        waiting = asyncio.create_task(queue.posted())
        await asyncio.sleep(1)
        assert {reading.done(), waiting.done()} == {False}
        queue.push(ONE)
        assert await reading == ONE
        queue.push(TWO)
        await waiting
        assert await queue.get() == TWO
        queue.close()

    run(story())


def test_the_end():
    """An overlapped call that waits is aborted (995); what is queued can still be read."""

    async def story() -> None:
        queue = EventQueue()
        waiting = [asyncio.create_task(queue.get()), asyncio.create_task(queue.posted())]
        await asyncio.sleep(0)
        queue.close()
        for one in waiting:
            with pytest.raises(Aborted) as caught:
                await one
            assert caught.value.code == 995
        queue.push(ONE)
        assert (queue.first(), queue.fileno()) == (None, -1)
        other = EventQueue()
        other.push(ONE)
        other.close()
        other.close()
        assert await other.get() == ONE
        with pytest.raises(WouldBlock):
            other.get_nowait()

    run(story())


def test_an_event_says_what_it_is():
    event = QosEvent(Direction.RECEIVING, StatusInfo(11010, 56100, 56103), in_place=True)
    assert (event.status, event.extended) == (Status.ADMISSION_FAILURE, (56100, 56103))
    assert event.qos.provider_specific == (event.info,)
    assert event.qos.sending == event.qos.receiving
