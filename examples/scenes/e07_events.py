"""E7. Event mode: a receiver that looks at what is sent before it says what it wants."""

from __future__ import annotations

from stage import LISTEN, LOAD, Stage, play

from rsvp.gqos import AdspecInfo, FlowSpec, Qos, ServiceType, Status, WouldBlock


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    stage.says("the receiver sets controlled load and NO_QOS_SIGNALING: it is told, and reserves nothing")
    await receiver.bind((stage["h2"], 5150))
    await receiver.set_qos(Qos(receiving=LISTEN))
    await sender.bind((stage["h1"], 4000))
    await sender.connect((stage["h2"], 5150), Qos(sending=LOAD))

    rate = 0
    while not rate:
        await receiver.wait_event()  # FD_QOS is posted once, and re-armed by get_qos
        try:
            while True:
                qos = receiver.get_qos()
                [adspec] = [one for one in qos.provider_specific if isinstance(one, AdspecInfo)]
                rate = qos.receiving.token_rate
                stage.says(f"get_qos: {rate} bytes/s over {adspec.general.int_serv_aware_hop_count} hops")
        except WouldBlock as empty:
            stage.says(f"get_qos: {empty}, {empty.code}")

    stage.says("it chooses half of that, and sets it without the flag: a Resv")
    await receiver.set_qos(Qos(receiving=FlowSpec(rate // 2, service_type=ServiceType.CONTROLLEDLOAD)))
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("it sets the flag again: the Resv is torn down, and it still hears of the sender")
    await receiver.set_qos(Qos(receiving=LISTEN))
    await stage.hears(sender, Status.NO_RECEIVERS)
    await sender.close()
    await stage.hears(receiver, Status.NO_SENDERS)


if __name__ == "__main__":
    play(scene)
