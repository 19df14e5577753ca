"""Every scene of examples/scenes: each row of its table, from what was captured (and what was heard)."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp import Path as PathMessage
from rsvp import Resv, ResvConf, ResvTear, Tspec
from rsvp.objects import FF, FilterSpec, Session

from .decoders import require
from .scenes import play

BOTH = pytest.mark.parametrize("words", [(), ("--ipv6",)], ids=["IPv4", "IPv6"])
TSPEC = Tspec(8500.0, 680.0, 17000.0, 340, 340)
UDP = 17


@pytest.fixture(autouse=True)
def _decoders() -> None:
    require()


@BOTH
def test_e1_unicast_udp(tmp_path: Path, words: tuple[str, ...]) -> None:
    played = play("e01_unicast_udp", tmp_path, *words)
    s, r = map(ip_address, ("fd00:1::1", "fd00:2::2") if words else ("10.0.1.1", "10.0.2.2"))
    sender = FilterSpec(s, 4000)

    # 1: sender connects: Path with SESSION, TEMPLATE, TSPEC, ADSPEC (general and controlled load)
    frame, path = played.frames("h1", PathMessage)[0]
    assert (frame.source, frame.destination, frame.router_alert) == (s, r, True), "end to end"
    assert path.session.key == Session(r, UDP, 5150).key
    assert (path.sender.template, path.sender.tspec) == (sender, TSPEC)
    adspec = path.sender.adspec
    assert adspec is not None
    assert (adspec.controlled_load is not None, adspec.guaranteed) == (True, None)

    # 2: receiver connects back: Resv, hop by hop, FF, service 5, for the peer, with RESV_CONFIRM
    frame, resv = played.frames("h2", Resv)[0]
    assert (frame.source, frame.router_alert) == (r, False)
    assert frame.destination != s, "to the router, hop by hop"
    assert (resv.style, [flow.filters for flow in resv.flows]) == (FF, [(sender,)])
    assert (resv.flows[0].flowspec.service, resv.flows[0].flowspec.tspec) == (5, TSPEC)
    assert resv.confirm.receiver == r

    # 3: events; a ResvConf to the receiver
    assert played.of("h2", ResvConf)[0].confirm.receiver == r
    played.says("h2 hears SENDERS", "h2 hears REQUEST_CONFIRMED", "h1 hears RECEIVERS")

    # 4: it was allowed to send before anybody had reserved
    played.says("it may send: 1", "Resv ")

    # 5: shutdown of receiving is a ResvTear, closing the sender a PathTear; each reaches the other end
    assert played.order("h1") == ["Path", "Resv", "ResvConf", "ResvTear", "Resv", "ResvConf", "PathTear"]
    assert played.of("h1", ResvTear)[0].flows[0].filters == (sender,)
    played.says("h1 hears NO_RECEIVERS", "h2 hears NO_SENDERS")


def test_e1_guaranteed(tmp_path: Path) -> None:
    """Service 2: Tspec from the Path, R = TokenRate and S = DelayVariation; without them R = r, S = 0."""
    played = play("e01_guaranteed", tmp_path)
    [path] = played.of("h2", PathMessage)
    assert None not in (path.sender.adspec.controlled_load, path.sender.adspec.guaranteed)
    said = [resv.flows[0].flowspec for resv in played.of("h2", Resv)]
    assert [(one.service, one.tspec) for one in said] == [(2, TSPEC)] * 2
    assert [(one.rspec.rate, one.rspec.slack) for one in said] == [(10_000.0, 2000), (8500.0, 0)]
