"""E3. Three multicast senders of 20 kbit/s, and a receiver that reserves for each of them."""

from __future__ import annotations

from stage import Stage, play

from rsvp import Resv
from rsvp.gqos import FlowDescriptor, FlowSpec, Qos, ReservationStyle, ReserveInfo, ServiceType, Status

RATE = FlowSpec(2500, 500, service_type=ServiceType.CONTROLLEDLOAD, max_sdu_size=500)


async def scene(stage: Stage) -> None:
    receiver = await stage.listener("R")
    senders = {}
    for name in "ABC":
        stage.says(f"{name} joins the group to send")
        senders[name] = await stage.speaker(name, RATE)
        await stage.hears(receiver, Status.SENDERS)

    async def reserve(names: str) -> None:
        flows = tuple(FlowDescriptor(RATE, stage.filters(name)) for name in names)
        info = ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=flows)
        await receiver.set_qos(Qos(receiving=RATE, provider_specific=(info,)))

    stage.says("the receiver reserves: three flow descriptors, a filter in each, one Resv")
    await reserve("ABC")
    for sender in senders.values():
        await stage.hears(sender, Status.RECEIVERS)
    stage.says(f"the shared link carries {await stage.reserved('R') * 8 / 1000:g} kbit/s for them")

    stage.says("C is dropped")
    await reserve("AB")
    await stage.hears(senders["C"], Status.NO_RECEIVERS)
    await stage.sees("R", Resv, lambda resv: len(resv.flows) == 2)

    stage.says("B leaves by itself, and its filter goes with it")
    await senders["B"].close()
    await stage.hears(receiver, Status.SENDERS)
    await stage.sees("R", Resv, lambda resv: len(resv.flows) == 1)
    stage.says(f"the shared link carries {await stage.reserved('R') * 8 / 1000:g} kbit/s")


if __name__ == "__main__":
    play(scene, "ABC", "R", multicast=True, refresh=1)
