"""E11. What marks messages have: classified ones of a connection, and datagrams with a mark of their own."""

from __future__ import annotations

import socket

from stage import Stage, play

from rsvp import AncillaryError, ancillary
from rsvp.classify import ClassifiedSocket, Priority, Scope


async def scene(stage: Stage) -> None:
    family = socket.AF_INET if stage.version == 4 else socket.AF_INET6
    with stage.lab["h2"]:
        server = socket.create_server((stage["h2"], 5150), family=family)
        sink = socket.socket(family, socket.SOCK_DGRAM)
    sink.bind((stage["h2"], 5151))
    with stage.lab["h1"]:
        stream = socket.create_connection((stage["h2"], 5150))
        datagrams = socket.socket(family, socket.SOCK_DGRAM)

    stage.says("a stream: HIGH for the connection, EXPEDITED for one message, then nothing is said")
    classified = ClassifiedSocket(stream)
    for text, priority, scope in (
        (b"before", None, Scope.MESSAGE),
        (b"first", Priority.HIGH, Scope.CONNECTION),
        (b"second", Priority.EXPEDITED, Scope.MESSAGE),
        (b"third", None, Scope.MESSAGE),
    ):
        classified.sendmsg(text, priority=priority, scope=scope)
        stage.says(f"{text.decode()}: DSCP {await stage.marks(text) >> 2}")

    stage.says("datagrams: the socket's traffic class is 40; a message has another, or -1, its default")
    ancillary.set_traffic_class(datagrams, 40)
    for value in (184, -1, 0, 255, 256, -2):
        text = b"with %d!" % value
        try:
            ancillary.send(datagrams, text, (stage["h2"], 5151), traffic_class=value)
        except AncillaryError as error:
            stage.says(f"{value}: refused, {error}")
        else:
            stage.says(f"{value}: {await stage.marks(text)} on the wire")
    for one in (server, sink, stream, datagrams):
        one.close()


if __name__ == "__main__":
    play(scene)
