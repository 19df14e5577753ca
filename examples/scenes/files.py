"""A file server that classifies its replies: listings overtake, downloads wait, a customer's are reserved."""

from __future__ import annotations

import asyncio
import socket

from programs import Program, place, until
from stage import Stage, play

import rsvp
from rsvp.lab import SCRATCH

PORT = 8021
BOOK = b"All of it is in the book. " * 4000
POLICY = """
[[rule]]
token = "bulk"
dscp = 8
[[rule]]
token = "bulk"
destination = "{customer}"
dscp = 8
reserve = "1mbit"
weight = 1
"""


async def scene(stage: Stage) -> None:
    files = SCRATCH / "files"
    files.mkdir()
    (files / "book").write_bytes(BOOK)
    (SCRATCH / "policy.toml").write_text(POLICY.format(customer=stage["h3"]))
    words = (place(stage, "h1", PORT), str(files), f"--policy={SCRATCH}/policy.toml")
    await Program(stage, "h1", "file_server.py", *words).says("serving")

    stage.says("h2 asks for a listing, a book, and a listing again")
    sock, reader, writer = await connect(stage, "h2")
    for request in ("LIST", "GET book", "LIST"):
        print(f"    h2: {request}: {len(await ask(reader, writer, request))} bytes")
    writer.close()

    stage.says("h3 does, too, and its downloads are announced: it reserves for them")
    sock, reader, writer = await connect(stage, "h3")
    async with await rsvp.attach(sock, receive=True, via=stage.clients["h3"]) as download:
        print(f"    h3: GET book: {len(await ask(reader, writer, 'GET book'))} bytes")
        await download.ready()
        print(f"    h3: the connection is {download.status}")
        print(f"    h3: GET book: {len(await ask(reader, writer, 'GET book'))} bytes")
        [one] = [one for one in await stage.clients["r"].show("installed") if one["interface"] == "to-h3"]
        print(f"    reserved: {one['bytes']} bytes of {one['packets']} packets, {one['dropped']} dropped")

    stage.says("it hangs up, and nothing is announced any more")
    writer.close()
    await until(lambda: nothing(stage))


async def connect(
    stage: Stage, host: str
) -> tuple[socket.socket, asyncio.StreamReader, asyncio.StreamWriter]:
    with stage.lab[host]:
        sock = socket.socket(socket.AF_INET6 if stage.version == 6 else socket.AF_INET)
    sock.bind((stage[host], 6000))
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (stage["h1"], PORT))
    return sock, *await asyncio.open_connection(sock=sock)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: str) -> bytes:
    """What the server answers: a list up to an empty line, or as many bytes as it says."""
    writer.write(f"{request}\n".encode())
    if request == "LIST":
        return await reader.readuntil(b"\n\n")
    return await reader.readexactly(int(await reader.readline()))


async def nothing(stage: Stage) -> bool:
    return not await stage.clients["r"].show("senders")


if __name__ == "__main__":
    play(scene, ("h1",), ("h2", "h3"), told=("h3",))
