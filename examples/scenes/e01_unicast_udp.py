"""E1. Unicast UDP, one sender, and a receiver that is connected to it."""

from __future__ import annotations

from stage import CONFIRM, LOAD, WANT, Stage, play

from rsvp import Path
from rsvp.gqos import Check, Qos, Shutdown, Status


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    stage.says("the sender connects and says what it sends")
    await sender.bind((stage["h1"], 4000))
    await sender.connect((stage["h2"], 5150), Qos(sending=LOAD))
    await stage.sees("h2", Path)
    allowed = await sender.check_qos(Check.ALLOWED_TO_SEND_DATA)
    stage.says(f"nobody has reserved yet, and it may send: {allowed}")

    stage.says("the receiver connects back, and wants to be told when it is reserved")
    await receiver.bind((stage["h2"], 5150))
    await receiver.connect((stage["h1"], 4000), Qos(receiving=WANT, provider_specific=(CONFIRM,)))
    await stage.hears(receiver, Status.SENDERS)
    await stage.hears(receiver, Status.REQUEST_CONFIRMED)
    await stage.hears(sender, Status.RECEIVERS)

    stage.says("the receiver shuts receiving down")
    await receiver.shutdown(Shutdown.RECEIVE)
    await stage.hears(sender, Status.NO_RECEIVERS)

    stage.says("it receives again; then the sender closes its socket")
    await receiver.set_qos(Qos(receiving=WANT))
    await stage.hears(sender, Status.RECEIVERS)
    await sender.close()
    await stage.hears(receiver, Status.NO_SENDERS)


if __name__ == "__main__":
    play(scene)
