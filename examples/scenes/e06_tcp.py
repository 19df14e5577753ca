"""E6. TCP: a server that sends to whoever calls, and a caller that reserves for its connection alone."""

from __future__ import annotations

import asyncio
import socket

from stage import LOAD, WANT, Stage, play

import rsvp
from rsvp.gqos import FlowDescriptor, GqosError, Qos, ReservationStyle, ReserveInfo, Status


async def scene(stage: Stage) -> None:
    listener, caller = (stage.socket(name, socket.SOCK_STREAM) for name in ("h1", "h2"))

    stage.says("server and caller have a QOS: without a connection nothing is signalled")
    await listener.bind((stage["h1"], 8080))
    listener.listen()
    await listener.set_qos(Qos(LOAD, WANT))
    await caller.bind((stage.any, 6000))
    await caller.set_qos(Qos(LOAD, WANT))

    stage.says("somebody else announces a flow to the caller's port")
    other = await stage.clients["h1"].session(stage["h2"], 6000, "tcp")
    await other.send(rsvp.Tspec(1000, 1000), port=9999)
    await stage.sees("h2", rsvp.Path)

    stage.says("the caller connects; what the server accepts has the listener's QOS")
    _, server = await asyncio.gather(caller.connect((stage["h1"], 8080)), listener.accept())
    async with server:
        stage.name(server, "h1")
        stage.says(f"inherited: {server.qos == listener.qos}; one session for each direction")
        for end in (server, caller):
            await stage.hears(end, Status.RECEIVERS)

        for style, count in ((ReservationStyle.FIXED_FILTER, 2), (ReservationStyle.SHARED_EXPLICIT, 1)):
            flows = tuple(FlowDescriptor(filters=stage.filters("h1", port=n)) for n in range(count))
            try:
                await caller.set_qos(Qos(provider_specific=(ReserveInfo(style, flow_descriptors=flows),)))
            except GqosError as error:
                stage.says(f"{style.name} in {count} descriptor(s) is refused, {error.code}: {error}")


if __name__ == "__main__":
    play(scene)
