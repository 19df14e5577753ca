"""Messages that no capture has: drawn ones of every type, each read by us and by tshark.

`HYPOTHESIS_PROFILE=hunt` draws many more of them. Whatever other file is at hand is compared in the same way
by `RSVP_CAPTURES=FOLDER pytest tests/capture`.
"""

from __future__ import annotations

import random
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, settings

from rsvp import _wire, te
from rsvp import messages as m
from rsvp.dissection import Dissection, WireObject
from tests import strategies
from tests.capture.build import ipv4, pcap
from tests.oracles import tshark
from tests.oracles.tshark_fields import Comparison

from .vectors import joined, split

OF_EACH_TYPE = settings.default.max_examples // 2
SHUFFLED = 30 * settings.default.max_examples

PRIVATE = {*range(124, 128), *range(188, 192), *range(252, 256)}
"""Their contents begin with an enterprise number (RFC 3936 section 2.2), where drawn ones may be empty."""

DEFINED_ELSEWHERE = {17, 18, 65, 66, 133, 202, 204, 229, 230, 231}
"""tshark has formats for them, of RFCs and companies that we do not implement; drawn contents have none."""

SHORT_TUNNEL = (1, 8, 28)
"""An IPv6 tunnel with an extended tunnel of four bytes, which one router sends; tshark reads sixteen."""

READ_ON = {(1, 9): 12, (1, 14): 12, (13, 2): 12}
"""Objects behind which tshark may read on, and how much has to follow them."""

GENERALIZED_LABELS = {(16, 2), (34, 2), (35, 2), (129, 2)}
"""An empty one makes tshark read past its end, and so does one in a route."""


def legible(found: Dissection) -> bool:
    """Whether tshark's formats of the objects leave room for what was drawn."""
    room = all(
        found.length - one.offset - one.length >= READ_ON.get((one.class_num, one.ctype), 0)
        for one in found.objects
    )
    return room and all(map(sound, found.objects)) and all(map(legible, found.messages or ()))


def sound(one: WireObject) -> bool:
    if one.class_num in PRIVATE or (one.class_num, one.ctype) in GENERALIZED_LABELS:
        return one.length > 4
    if (one.class_num, one.ctype, one.length) == SHORT_TUNNEL:
        return False
    parts = getattr(one.value, "hops", ()) or getattr(one.value, "records", ())
    labels = [part.label for part in parts if isinstance(part, te.LabelHop | te.LabelRecord)]
    return one.class_num not in DEFINED_ELSEWHERE and all(len(label) >= 4 for label in labels)


def drawn() -> list[bytes]:
    """Messages of each type, the same ones each time."""
    found: dict[bytes, None] = {}
    for number in m.MESSAGES:

        @settings(
            max_examples=OF_EACH_TYPE,
            phases=[Phase.generate],
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(strategies.MESSAGES[number])
        def draw(message: m.Message) -> None:
            data = _wire.encode(message)
            assume(len(data) < 60000 and legible(_wire.dissect(data)))
            found[data] = None

        draw()
    return list(found)


def shuffled(messages: list[bytes]) -> list[bytes]:
    """Messages of objects of these in any number and order, as no grammar allows them."""
    pool = [piece for data in messages if data[1] != m.Bundle.type for piece in split(data)]
    numbers = [number for number in m.MESSAGES if number != m.Bundle.type]
    chance = random.Random(2205)
    found = []
    for _ in range(SHUFFLED):
        head = bytes((0x10, chance.choice(numbers), 0, 0, chance.randrange(256), 0))
        data = joined(head, chance.choices(pool, k=chance.randrange(1, 12)))
        if legible(_wire.dissect(data)):
            found.append(data[:2] + _wire.checksum(data).to_bytes(2, "big") + data[4:])
    return found


def test_tshark_reads_the_same_in_messages_that_it_has_never_seen(tmp_path: Path) -> None:
    """Class, C-Type, length and order of all objects, and all the fields that tshark names."""
    messages = drawn()
    messages += shuffled(messages)
    file = tmp_path / "drawn.pcap"
    file.write_bytes(pcap([ipv4(data) for data in messages], 101))
    seen = tshark.read(file)
    assert [packet.frame for packet in seen] == list(range(1, len(messages) + 1))
    found = Comparison()
    for packet, data in zip(seen, messages, strict=True):
        assert not packet.message.malformed, data.hex()
        found.message(packet.message, _wire.dissect(data), f"frame {packet.frame}")
    assert found.differences == []
    assert found.messages > 2000
    assert found.objects > 10_000
    assert found.fields > 20_000
