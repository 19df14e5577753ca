"""E5. A conference with room for two speakers at once, whoever they are."""

from __future__ import annotations

from stage import Stage, play

from rsvp import Resv
from rsvp.gqos import FlowSpec, Qos, ServiceType, Status

RATE = FlowSpec(2500, 500, service_type=ServiceType.CONTROLLEDLOAD, max_sdu_size=500)
TWO = FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD)
THREE = FlowSpec(7500, service_type=ServiceType.CONTROLLEDLOAD)


async def scene(stage: Stage) -> None:
    stage.says("two speak; the receivers R and Q only listen as yet")
    receiver, other = await stage.listener("R"), await stage.listener("Q")
    senders = [await stage.speaker(name, RATE) for name in "AB"]
    for _ in senders:
        await stage.hears(receiver, Status.SENDERS)
        await stage.hears(other, Status.SENDERS)

    stage.says("R reserves twice what a speaker sends, and names nobody; towards each sender, SCOPE does")
    await receiver.set_qos(Qos(receiving=TWO))
    for sender in senders:
        await stage.hears(sender, Status.RECEIVERS)

    stage.says("C begins to speak and shares what is reserved: R asks for nothing new")
    late = await stage.speaker("C", RATE)
    await stage.hears(late, Status.RECEIVERS)

    stage.says("Q wants room for three: the larger of the two goes on to the senders")
    await other.set_qos(Qos(receiving=THREE))
    for sender in (*senders, late):
        await stage.hears(sender, Status.RECEIVERS)
    await stage.sees("A", Resv, lambda resv: resv.flows[0].flowspec.tspec.rate == 7500)
    stage.says(f"to R {await stage.reserved('R'):g} bytes/s, to Q {await stage.reserved('Q'):g}")


if __name__ == "__main__":
    play(scene, "ABC", "RQ", multicast=True, told=("R", "Q", "A"))
