"""E9. Silence: what nobody refreshes ends by itself, and both ends are told."""

from __future__ import annotations

import signal

from stage import LOAD, WANT, Stage, play

from rsvp.gqos import Qos, Status


async def scene(stage: Stage) -> None:
    sender, receiver = stage.socket("h1"), stage.socket("h2")

    stage.says("a reservation with a refresh period of 0.75 s")
    await receiver.bind((stage["h2"], 5150))
    await receiver.set_qos(Qos(receiving=WANT))
    await sender.bind((stage["h1"], 4000))
    await sender.connect((stage["h2"], 5150), Qos(sending=LOAD))
    await stage.hears(sender, Status.RECEIVERS)
    await stage.hears(receiver, Status.SENDERS)

    stage.says("the router hangs: no Path gets through, no Resv, and nothing that tears them down")
    stage.signal("r", signal.SIGSTOP)
    await stage.hears(receiver, Status.NO_SENDERS)
    await stage.hears(sender, Status.NO_RECEIVERS)

    stage.says("it goes on, and so does the reservation")
    stage.signal("r", signal.SIGCONT)
    await stage.hears(receiver, Status.SENDERS)
    await stage.hears(sender, Status.RECEIVERS)


if __name__ == "__main__":
    play(scene, refresh=0.75)
