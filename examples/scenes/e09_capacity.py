"""E9. What does not fit: admission refuses it, the old one stands, policy takes away."""

from __future__ import annotations

import signal

from stage import WANT, Stage, play

from rsvp.gqos import FlowSpec, Qos, ServiceType, Status

OFFER = FlowSpec(20_000, 2000, service_type=ServiceType.CONTROLLEDLOAD, max_sdu_size=500)


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    async def ask(rate: int) -> None:
        stage.says(f"the receiver wants {rate} bytes/s")
        await receiver.set_qos(Qos(receiving=FlowSpec(rate, service_type=ServiceType.CONTROLLEDLOAD)))

    stage.says("20000 bytes/s are sent, and the link takes 9375 of reservations: no capacity")
    await receiver.bind((stage["h2"], 5150))
    await receiver.set_qos(Qos(receiving=WANT))
    await sender.bind((stage["h1"], 4000))
    await sender.connect((stage["h2"], 5150), Qos(sending=OFFER))
    await stage.hears(receiver, Status.ADMISSION_FAILURE)
    stage.says(f"the sender has heard {sender.last or 'nothing'}")

    await ask(6000)
    await stage.hears(sender, Status.RECEIVERS)
    await ask(12_000)
    await stage.hears(receiver, Status.ADMISSION_FAILURE)
    stage.says(f"reserved are {await stage.reserved('h2'):g} bytes/s")
    await ask(3000)
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("the operator has other plans for the link: its rate is 20 kbit/s from now on")
    stage.configure("r", bandwidth="20kbit")
    stage.signal("r", signal.SIGHUP)
    await stage.hears(receiver, Status.POLICY_FAILURE)


if __name__ == "__main__":
    play(scene, bandwidth={"h2": "100kbit"})
