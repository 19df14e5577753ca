"""A conference of five, with room for two voices at once: of whoever speaks (WF), then of a panel (SE)."""

from __future__ import annotations

from programs import BEST_EFFORT, LINK, Program, counted, judge, place, tell, until
from stage import Stage, play

MEMBERS = ("a", "b", "c", "d", "e")
ENOUGH = 50


async def scene(stage: Stage) -> None:
    link = stage.router.toward("e")

    async def reserved(senders: int) -> dict[str, object]:
        """What is reserved on the link, once that many senders share it."""
        found = []

        async def settled() -> bool:
            everywhere = [len(await stage.clients[one].show("senders")) for one in MEMBERS]
            found[:] = [
                {name: one[name] for name in ("session", "filters", "flowspec", "handle")}
                for one in await stage.clients["r"].show("installed")
                if one["interface"] == link.name and len(one["filters"]) == senders
            ]
            return everywhere == [5] * 5 and len(found) == 1

        await until(settled)
        return found[0]

    def gather(port: int, *words: str) -> dict[str, Program]:
        group = place(stage, stage.group[0], port)
        return {one: Program(stage, one, "conference.py", group, *words) for one in MEMBERS}

    async def give_floor(member: str) -> None:
        members[member].hears("")
        await members[member].says("speaks")
        await members["e"].says(f"hears {stage[member]}")

    async def leave() -> None:
        for one in members.values():
            one.interrupt()
            await one.says("left")

    stage.says("everybody reserves two voices, for whoever speaks")
    members = gather(5150)
    granted = await reserved(0)
    handle = str(granted["handle"])
    stage.says("a and b speak at once, and best effort asks three times of the link what it carries")
    await give_floor("a")
    await give_floor("b")
    await judge(stage, {"a and b": handle}, "c", "e", 2 * ENOUGH)

    stage.says("b gives the floor to d: what is reserved stays as it is")
    members["b"].hears("")
    await members["b"].says("is silent")
    await give_floor("d")
    assert await reserved(0) == granted
    await leave()

    stage.says("another conference: the room is for a panel of a, b and c, and d speaks, who is not on it")
    members = gather(5152, "--panel", stage["a"], stage["b"], stage["c"])
    handle = str((await reserved(3))["handle"])
    before = await counted(link, bool)
    await give_floor("d")
    after = await counted(link, lambda now: now[BEST_EFFORT].sent > before[BEST_EFFORT].sent + ENOUGH)
    tell({"panel without words": handle, "best effort with d": BEST_EFFORT}, before, after)

    stage.says("a speaks, too, who is")
    await give_floor("a")
    before, after = after, await counted(link, lambda now: now[handle].sent > after[handle].sent + ENOUGH)
    tell({"panel with a": handle}, before, after)
    await leave()


if __name__ == "__main__":
    play(scene, MEMBERS, (), multicast=True, bandwidth={"e": LINK}, told=("e",), refresh=1.0)
