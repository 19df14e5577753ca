"""E9. What does not go together: receivers with different styles, sessions with and without a port."""

from __future__ import annotations

from stage import LOAD, WANT, Stage, play

import rsvp
from rsvp.gqos import FlowDescriptor, Qos, ReservationStyle, ReserveInfo, Status


async def scene(stage: Stage) -> None:
    stage.says("A sends to the group, and R reserves for whoever does")
    receiver, other = await stage.listener("R"), await stage.listener("Q")
    sender = await stage.speaker("A", LOAD)
    await stage.hears(receiver, Status.SENDERS)
    await stage.hears(other, Status.SENDERS)
    await receiver.set_qos(Qos(receiving=WANT))
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("Q reserves for A alone: the router cannot merge the two")
    info = ReserveInfo(
        ReservationStyle.FIXED_FILTER, flow_descriptors=(FlowDescriptor(filters=stage.filters("A")),)
    )
    await other.set_qos(Qos(receiving=WANT, provider_specific=(info,)))
    await stage.hears(other, Status.BAD_STYLE)

    stage.says("an application of B's announces all UDP to R, without a port")
    session = await stage.clients["B"].session(stage["R"], 0, "udp")
    await session.send(rsvp.Tspec(1000, 1000))
    await stage.sees("R", rsvp.Path, lambda path: path.session.port == 0)

    stage.says("A announces a flow to a port of R's: the router refuses the sender")
    rejected = stage.socket("A")
    await rejected.bind((stage["A"], 4001))
    await rejected.connect((stage["R"], 5150), Qos(sending=LOAD))
    await stage.hears(rejected, Status.GENERIC_ERROR)


if __name__ == "__main__":
    play(scene, "AB", "RQ", multicast=True, told=("A", "R", "Q"))
