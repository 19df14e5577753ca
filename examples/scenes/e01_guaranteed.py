"""E1 with guaranteed service: the receiver chooses a rate and a slack, or leaves both to the Path."""

from __future__ import annotations

from dataclasses import replace

from stage import LOAD, Stage, play

from rsvp import Path
from rsvp.gqos import FlowSpec, Qos, ServiceType, Status


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    stage.says("the sender offers every service that there is")
    await sender.bind((stage["h1"], 4000))
    offer = replace(LOAD, service_type=ServiceType.GENERAL_INFORMATION)
    await sender.connect((stage["h2"], 5150), Qos(sending=offer))
    await stage.sees("h2", Path)

    stage.says("the receiver wants guaranteed service at 10000 bytes/s, and has 2 ms to spare")
    await receiver.bind((stage["h2"], 5150))
    want = FlowSpec(10_000, delay_variation=2000, service_type=ServiceType.GUARANTEED)
    await receiver.connect((stage["h1"], 4000), Qos(receiving=want))
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("it says nothing but the service: R is the Path's rate, S is 0")
    await receiver.set_qos(Qos(receiving=FlowSpec(service_type=ServiceType.GUARANTEED)))
    await stage.hears(sender, Status.RECEIVERS)


if __name__ == "__main__":
    play(scene)
