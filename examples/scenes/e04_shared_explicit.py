"""E4. Senders that are listed share 20 kbit/s: enough for whoever talks."""

from __future__ import annotations

import socket

from stage import Stage, play

from rsvp.gqos import FlowDescriptor, FlowSpec, GqosError, Qos, ReservationStyle, ReserveInfo, Status

RATE = FlowSpec(2500, 500, service_type=2, max_sdu_size=500)


async def scene(stage: Stage) -> None:
    stage.says("four join the group to send; the receiver only listens as yet")
    receiver = await stage.listener("R")
    senders = {name: await stage.speaker(name, RATE) for name in "ABCD"}
    for _ in senders:
        await stage.hears(receiver, Status.SENDERS)

    def shared(names: str) -> Qos:
        flows = (FlowDescriptor(RATE, stage.filters(*names)),)
        info = ReserveInfo(ReservationStyle.SHARED_EXPLICIT, flow_descriptors=flows)
        return Qos(receiving=RATE, provider_specific=(info,))

    stage.says("A, B and C are listed: one flow descriptor; D has best effort")
    await receiver.set_qos(shared("ABC"))
    for name in "ABC":
        await stage.hears(senders[name], Status.RECEIVERS)
    stage.says(f"together they have {await stage.reserved('R') * 8 / 1000:g} kbit/s")
    stage.says(f"D has heard {senders['D'].last or 'nothing'}")

    stage.says("D is added: a Resv with four filters")
    await receiver.set_qos(shared("ABCD"))
    await stage.hears(senders["D"], Status.RECEIVERS)
    stage.says(f"together they have {await stage.reserved('R') * 8 / 1000:g} kbit/s")

    datagrams, stream = stage.socket("R"), stage.socket("R", socket.SOCK_STREAM)
    await datagrams.connect((stage["A"], 4000))
    await stream.bind((stage["R"], 80))
    for one, names in ((datagrams, "AB"), (stream, "AB"), (receiver, 25 * "ABCD")):
        try:
            await one.set_qos(shared(names))
        except GqosError as error:
            stage.says(f"refused, {error.code}: {error}")


if __name__ == "__main__":
    play(scene, "ABCD", "R", multicast=True)
