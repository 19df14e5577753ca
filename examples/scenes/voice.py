"""Telephone calls over a link with room for two: the third is busy until somebody hangs up."""

from __future__ import annotations

from programs import LINK, Program, judge, place
from stage import Stage, play


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
    shown = await stage.clients["r"].show("installed")
    entries = [one for one in shown if one["interface"] == stage.router.toward("h2").name]
    calls = {f"{one['filters'][0]['port']} to {one['session']['port']}": one["handle"] for one in entries}
    stage.says("meanwhile, on the link to h2:")
    await judge(stage, calls, "h1", "h2")

    stage.says("all hang up")
    for caller, callee in zip(callers, callees[:0:-1], strict=True):
        caller.interrupt()
        await callee.says("the other end hung up")


if __name__ == "__main__":
    play(scene, bandwidth={"h2": LINK})
