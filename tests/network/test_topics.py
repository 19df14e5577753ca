"""What a node tells of itself, by topic, with what it is about beside the text."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from rsvp import decode
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF
from rsvp.transport import Packet
from rsvp.vocabulary import TOPICS
from tests.network.test_nodes import SENDER, SESSION, story
from tests.nodes import chain
from tests.virtual_loop import run

Lines = list[tuple[str, str, dict[str, Any]]]


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    """What was told in a life of one reservation, one that was refused, and of a broken packet."""
    caplog.set_level(logging.DEBUG, "rsvp")

    async def tell() -> None:
        async with story(chain({"bandwidth": 1e5})) as s:
            await s.announce()
            for rate in (50_000.0, 100_000.0):
                wanted = controlled_load(Tspec(rate, 20_000.0, M=1400))
                await s.nodes["h2"].reserve(s.receiving, FF, (Flow(wanted, (SENDER,)),))
                await asyncio.sleep(1)
            r1 = s.nodes["r1"]
            r1._received(Packet(b"\x10\x01", SENDER.address, SENDER.address, next(iter(r1._links)), 9))
            await s.nodes["h2"].release(s.receiving)
            await asyncio.sleep(1)

    run(tell())
    return [
        (record.name.removeprefix("rsvp."), record.getMessage(), record.fields)
        for record in caplog.records
        if hasattr(record, "fields")
    ]


def test_every_topic_has_its_lines(lines: Lines):
    assert {topic for topic, _, _ in lines} == set(TOPICS)
    texts = {topic: [text for name, text, _ in lines if name == topic] for topic in TOPICS}
    assert "Path to 10.0.3.2 through eth0, session 10.0.3.2:5000/17" in texts["sent"]
    assert "Path from 10.0.1.1 through eth0, session 10.0.3.2:5000/17" in texts["received"]
    about = "10.0.1.1:4000 in session 10.0.3.2:5000/17, of"
    assert f"sender {about} 10.0.1.1 through eth0: made" in texts["state"]
    assert f"sender {about} an application here: made" in texts["state"]
    assert f"reservation for {about} 10.0.2.2 through eth1: made" in texts["state"]
    assert f"reservation for {about} 10.0.2.2 through eth1: torn down" in texts["state"]
    assert "reservation 1 on eth1 admitted: 50000 bytes/s" in texts["admission"]
    refusals = [text for text in texts["admission"] if "refused" in text]
    assert refusals[0].startswith("Resv of 10.0.2.2 refused, session 10.0.3.2:5000/17: ")
    assert {"InstallFlow 1 on eth1", "RemoveFlow 1 on eth1"} <= set(texts["traffic"])
    assert any(text.startswith("dropped a packet from 10.0.1.1: ") for text in texts["errors"])


def test_messages_are_told_whole(lines: Lines):
    for _, text, fields in (line for line in lines if line[0] in ("sent", "received")):
        message = decode(bytes.fromhex(fields["data"]))
        assert (message.name, str(message.session)) == (fields["message"], fields["session"])
        assert text.startswith(f"{message.name} ")


def test_what_lines_are_about_is_json(lines: Lines):
    (made,) = [
        fields
        for topic, _, fields in lines
        if topic == "state" and (fields["neighbor"], fields["change"]) == ("10.0.1.1", "made")
    ]
    assert made == {
        "what": "sender",
        "change": "made",
        "session": {"destination": str(SESSION.destination), "protocol": 17, "port": 5000},
        "filters": [{"address": "10.0.1.1", "port": 4000}],
        "interface": "eth0",
        "neighbor": "10.0.1.1",
    }
    (refused, *_) = [fields for _, _, fields in lines if fields.get("result") == "refused"]
    assert (refused["code"], refused["value"], refused["interface"]) == (1, 2, "eth1")
    admitted = [fields for _, _, fields in lines if fields.get("result") == "admitted"]
    assert admitted[0]["flowspec"]["tspec"]["r"] == 50_000
