"""E9. A router that has forgotten: no Path for a reservation, then none for one of its senders."""

from __future__ import annotations

from stage import LOAD, Stage, play

from rsvp.gqos import FlowDescriptor, FlowSpec, Qos, ReservationStyle, ReserveInfo, ServiceType, Status


async def scene(stage: Stage) -> None:
    receiver = stage.socket("R")
    await receiver.bind((stage["R"], 5150))

    async def ask(rate: int) -> None:
        spec = FlowSpec(rate, service_type=ServiceType.CONTROLLEDLOAD)
        flows = tuple(FlowDescriptor(spec, stage.filters(name)) for name in "AB")
        info = ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=flows)
        await receiver.set_qos(Qos(receiving=spec, provider_specific=(info,)))

    stage.says("A and B send, and R reserves for both")
    await ask(8000)
    senders = {name: stage.socket(name) for name in "AB"}
    for name, sender in senders.items():
        await sender.bind((stage[name], 4000))
        await sender.connect((stage["R"], 5150), Qos(sending=LOAD))
        await stage.hears(sender, Status.RECEIVERS)

    stage.says("the router's daemon crashes and begins anew; R asks for something else before a Path comes")
    stage.kill("r")
    stage.start("r")
    await ask(7000)
    await stage.hears(receiver, Status.GENERIC_ERROR)

    stage.says("A changes what it sends, so that a Path comes; R asks once more")
    await senders["A"].set_qos(Qos(sending=FlowSpec(9000, 680, service_type=ServiceType.CONTROLLEDLOAD)))
    await stage.hears(receiver, Status.SENDERS)
    await ask(6000)
    await stage.hears(receiver, Status.GENERIC_ERROR)
    await stage.hears(senders["A"], Status.RECEIVERS)


if __name__ == "__main__":
    play(scene, "AB", "R", refresh=600)
