"""E2. Unicast UDP without a peer: a sender that names destinations, a receiver that takes all comers."""

from __future__ import annotations

from ipaddress import ip_address

from stage import LOAD, WANT, Stage, play

from rsvp import Path
from rsvp.gqos import DestAddr, FlowSpec, Qos, ServiceType, Status


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    stage.says("the receiver wants controlled load, whoever sends: without a Path nothing is reserved")
    await receiver.bind((stage["h2"], 5150))
    await receiver.set_qos(Qos(receiving=WANT))

    stage.says("the sender is not connected and names two destinations: two sessions")
    await sender.bind((stage["h1"], 4000))
    to = tuple(DestAddr(ip_address(stage["h2"]), port) for port in (5150, 5151))
    await sender.set_qos(Qos(sending=LOAD, provider_specific=to))
    await stage.sees("h2", Path, lambda path: path.session.port == 5151)
    await stage.hears(receiver, Status.SENDERS)
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("the receiver connects to the sender: the wildcard goes, a reservation for its peer comes")
    await receiver.connect((stage["h1"], 4000))
    await stage.hears(sender, Status.NO_RECEIVERS)
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("what it asks for later keeps that style")
    await receiver.set_qos(Qos(receiving=FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD)))
    await stage.hears(sender, Status.RECEIVERS)


if __name__ == "__main__":
    play(scene)
