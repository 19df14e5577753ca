"""Telephone calls over a link with room for two: the third is busy until somebody hangs up."""

from __future__ import annotations

from programs import BEST_EFFORT, Program, counted, overload, place, tell
from stage import Stage, play

LINK = "256kbit"
"""Three quarters of it may be reserved: 24,000 bytes/s. A call takes 10,000 each way (IPv6: 11,000)."""
FLOOD = 96_000.0
"""Bytes/s of best effort: three times what the link carries."""
ENOUGH = 50
"""Packets of each kind to judge by."""


async def scene(stage: Stage) -> None:
    callees = [Program(stage, "h2", "phone.py", place(stage, "h2", 5000 + n)) for n in (1, 2, 3)]

    def dial(n: int) -> Program:
        return Program(stage, "h1", "phone.py", place(stage, "h1", 4000 + n), place(stage, "h2", 5000 + n))

    stage.says("two call, one after the other")
    callers = []
    for n in (1, 2):
        callers.append(dial(n))
        await callers[-1].says("talking")
        await callees[n - 1].says("talking")

    stage.says("the link is full, and the third hears that it is busy")
    await dial(3).says("busy")
    await callees[2].says("the other end hung up")

    stage.says("the first hangs up, and the third tries again")
    callers[0].interrupt()
    await callers[0].says("hung up")
    await callees[0].says("the other end hung up")
    callers[0] = dial(3)
    await callers[0].says("talking")
    await callees[2].says("talking")

    stage.says("best effort asks three times of the link what it carries")
    link = stage.router.toward("h2")
    entries = [one for one in await stage.clients["r"].show("installed") if one["interface"] == link.name]
    calls = {f"{one['filters'][0]['port']} to {one['session']['port']}": one["handle"] for one in entries}
    async with overload(stage, "h1", "h2", FLOOD):
        before = await counted(link, lambda now: now[BEST_EFFORT].dropped)
        after = await counted(
            link,
            lambda now: (
                all(now[one].sent > before[one].sent + ENOUGH for one in calls.values())
                and now[BEST_EFFORT].dropped > before[BEST_EFFORT].dropped + ENOUGH
                and now[BEST_EFFORT].waiting
            ),
        )
    stage.says("meanwhile, on the link to h2:")
    tell({**calls, "best effort": BEST_EFFORT}, before, after)

    stage.says("all hang up")
    for caller, callee in zip(callers, callees[:0:-1], strict=True):
        caller.interrupt()
        await callee.says("the other end hung up")


if __name__ == "__main__":
    play(scene, bandwidth={"h2": LINK})
