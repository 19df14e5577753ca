"""E10. A flow in one line at each end, and its colour: red, yellow, green."""

from __future__ import annotations

import asyncio

from stage import PATIENCE, Stage, play

import rsvp


async def scene(stage: Stage) -> None:
    h1, h2 = stage.clients["h1"], stage.clients["h2"]
    to, source = (stage["h2"], 5150), (stage["h1"], 4000)

    stage.says("one line: 1000 bytes/s are announced; nobody reserves as yet")
    sent = await rsvp.send(to, 1000, source=source, protocol="tcp", via=h1)
    await stage.sees("h2", rsvp.Path)
    stage.says(f"the sender is {sent.status}")

    stage.says("one line: reserved for each sender that is heard, and the confirmation waited for")
    received, _ = await asyncio.gather(
        rsvp.receive(to, protocol="tcp", wait=PATIENCE, via=h2), sent.wait(PATIENCE)
    )
    stage.says(f"the receiver is {received.status}, the sender {sent.status}")

    stage.says("the receiver closes its flow")
    await received.close()
    async for event in sent:
        if isinstance(event, rsvp.ResvGone):
            break
    stage.says(f"the receiver is {received.status}, the sender {sent.status}")

    stage.says("another one wants a guaranteed rate of ten times what the link has")
    greedy = await rsvp.receive(to, rate="100mbit", service="rate", protocol="tcp", wait=PATIENCE, via=h2)
    stage.says(f"the receiver is {greedy.status}: {greedy.error}")
    await greedy.close()
    await sent.close()
    stage.says(f"all is closed, the sender is {sent.status}")


if __name__ == "__main__":
    play(scene)
