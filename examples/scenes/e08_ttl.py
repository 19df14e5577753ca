"""E8. A Path to a group has the TTL that the application set for its data, and 63 where it set none."""

from __future__ import annotations

from stage import LOAD, Stage, play

from rsvp import Path
from rsvp.gqos import Join, Qos, Status


async def scene(stage: Stage) -> None:
    receiver = await stage.listener("R")

    stage.says("A joins to send and sets no TTL")
    await stage.speaker("A", LOAD)
    seen = await stage.sees("A", Path)
    stage.says(f"to {seen.destination}: IP TTL {seen.ttl}, Send_TTL {seen.message.send_ttl}")
    await stage.hears(receiver, Status.SENDERS)

    stage.says("B sets a TTL of 3 before it joins")
    sender = stage.socket("B")
    await sender.bind((stage["B"], 4000))
    sender.set_multicast_ttl(3)
    await sender.join_leaf(stage.group, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
    seen = await stage.sees("B", Path)
    stage.says(f"IP TTL {seen.ttl}, Send_TTL {seen.message.send_ttl}")
    await stage.hears(receiver, Status.SENDERS)

    sender.set_multicast_ttl(5)
    stage.says("it sets 5: the refreshes have what the first Path had")
    seen = await stage.sees("B", Path)
    stage.says(f"IP TTL {seen.ttl}, Send_TTL {seen.message.send_ttl}")

    await sender.set_qos(Qos())
    stage.says("the next set_qos takes it up")
    seen = await stage.sees("B", Path, lambda path: path.send_ttl != 3)
    stage.says(f"IP TTL {seen.ttl}, Send_TTL {seen.message.send_ttl}")
    for seen in [await stage.sees(wire, Path, lambda path: path.send_ttl == 4) for wire in "RQ"]:
        stage.says(f"on to {seen.wire}: IP TTL {seen.ttl}, Send_TTL {seen.message.send_ttl}")


if __name__ == "__main__":
    play(scene, "AB", "RQ", multicast=True, refresh=0.5, told=("A", "B"))
