"""Every scene of examples/scenes: each row of its table, from what was captured (and what was heard)."""

from __future__ import annotations

import math
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp import Path as PathMessage
from rsvp import PathErr, PathTear, Resv, ResvConf, ResvErr, ResvTear, Tspec
from rsvp.iana import ErrorCode, ErrorFlag
from rsvp.objects import FF, SE, WF, FilterSpec, Scope, Session

from . import smcroute
from .decoders import require
from .scenes import ROOT, SCENES, SCREEN, Played, play

BOTH = pytest.mark.parametrize("words", [(), ("--ipv6",)], ids=["IPv4", "IPv6"])
TSPEC = Tspec(8500.0, 680.0, 17000.0, 340, 340)
TCP, UDP = 6, 17
A, B, C, D = (FilterSpec(ip_address(f"10.0.{n}.1"), 4000) for n in (1, 2, 3, 4))
GROUP = Session(ip_address("239.1.2.3"), UDP, 5150)


def asked(message: Resv | ResvTear) -> list[tuple[float, tuple[FilterSpec, ...]]]:
    """The rate, bytes/s, and the senders of each flow descriptor."""
    return [(flow.flowspec.tspec.rate, flow.filters) for flow in message.flows]


@pytest.fixture(autouse=True)
def _decoders() -> None:
    require()


def test_every_scene_is_a_screen_and_played_here() -> None:
    index = (ROOT / "examples" / "README.md").read_text()
    for file in SCENES.glob("e*.py"):
        assert len(file.read_text().splitlines()) <= SCREEN, file
        assert f"`scenes/{file.name}`" in index
        assert f'play("{file.stem}"' in Path(__file__).read_text()


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


def test_e2_unconnected(tmp_path: Path) -> None:
    played = play("e02_unconnected", tmp_path)
    # A receiving socket before any peer: nothing without a Path; then a Resv without filters, WF.
    order = [
        (message.name, message.style)
        for _, message in played.frames("h2")
        if isinstance(message, Resv | ResvTear)
    ]
    # connect: ResvTear (WF), then Resv (FF); the next SET_QOS keeps FF.
    assert order[:4] == [("Resv", WF), ("ResvTear", WF), ("Resv", FF), ("Resv", FF)]
    assert [asked(resv) for resv in played.of("h2", Resv)] == [
        [(8500.0, ())],
        [(8500.0, (A,))],
        [(5000.0, (A,))],
    ]
    assert played.order("h2")[0] == "Path"
    # An unconnected sender: SET_QOS with DESTADDR starts the Paths; two destinations, two sessions.
    paths = played.of("h1", PathMessage)
    assert {(path.session.port, path.sender.template) for path in paths} == {(5150, A), (5151, A)}


@BOTH
def test_e3_fixed_filter(tmp_path: Path, words: tuple[str, ...]) -> None:
    smcroute.require()
    played = play("e03_fixed_filter", tmp_path, *words)
    a, b, c, group = A, B, C, GROUP
    if words:
        a, b, c = (FilterSpec(ip_address(f"fd00:{n}::1"), 4000) for n in (1, 2, 3))
        group = Session(ip_address("ff1e::123"), UDP, 5150)
    # Three Paths to the group, r = 2500 bytes/s each.
    paths = played.of("R", PathMessage)
    assert [(path.session.key, path.sender.tspec.rate) for path in paths] == [(group.key, 2500.0)] * 3
    # One Resv with three flow descriptors; towards each sender one with its own.
    resvs = played.of("R", Resv)
    assert {resv.style for resv in resvs} == {FF}
    assert asked(resvs[0]) == [(2500.0, (one,)) for one in (a, b, c)]
    for wire, one in zip("ABC", (a, b, c), strict=True):
        assert asked(played.of(wire, Resv)[0]) == [(2500.0, (one,))]
    played.says("the shared link carries 60 kbit/s")
    # C is dropped: ResvTear (FF, C), and a Resv with A and B.
    tear = played.of("R", ResvTear)[0]
    assert (tear.style, asked(tear)) == (FF, [(2500.0, (c,))])
    assert asked(resvs[1]) == [(2500.0, (one,)) for one in (a, b)]
    # B leaves: PathTear, an event, and its filter goes.
    assert played.of("R", PathTear)[0].sender.template == b
    played.says("C hears NO_RECEIVERS", "B leaves", "PathTear", "R hears SENDERS", "carries 20 kbit/s")
    assert asked(resvs[2]) == [(2500.0, (a,))]


def test_e4_shared_explicit(tmp_path: Path) -> None:
    smcroute.require()
    played = play("e04_shared_explicit", tmp_path)
    # One descriptor with three filters, then four: 20 kbit/s for all of them together.
    resvs = played.of("R", Resv)
    assert {resv.style for resv in resvs} == {SE}
    assert [asked(resv) for resv in resvs] == [[(2500.0, (A, B, C))], [(2500.0, (A, B, C, D))]]
    played.says("together they have 20 kbit/s", "D hears RECEIVERS", "together they have 20 kbit/s")
    # D is not listed at first: it has best effort.
    played.says("D has heard nothing", "D is added", "D hears RECEIVERS")
    assert len(played.of("D", Resv)) == 1
    # Refused for TCP and for a connected UDP socket; fewer than 100 filters.
    played.says("refused, 11019: a connected socket has one sender", "refused, 11019", "refused, 11021")


def test_e5_wildcard(tmp_path: Path) -> None:
    smcroute.require()
    played = play("e05_wildcard", tmp_path)
    # No filter, twice a speaker's rate; a new speaker shares it without a new Resv.
    [resv] = played.of("R", Resv)
    assert (resv.style, asked(resv)) == (WF, [(5000.0, ())])
    played.says("C begins to speak", "C hears RECEIVERS 5000")
    # SCOPE where there are several ways to senders, and none on the only one (RFC 2205 section 3.4).
    assert resv.scope is None
    for wire, one in zip("ABC", (A, B, C), strict=True):
        assert {resv.scope for resv in played.of(wire, Resv)} == {Scope((one.address,))}
    # The larger of two receivers' goes on upstream.
    assert asked(played.of("Q", Resv)[0]) == [(7500.0, ())]
    assert [asked(resv) for resv in played.of("A", Resv)[:2]] == [[(5000.0, ())], [(7500.0, ())]]
    played.says("to R 5000 bytes/s, to Q 7500")


def test_e6_tcp(tmp_path: Path) -> None:
    played = play("e06_tcp", tmp_path)
    # Nothing before the connection: the first Path on the wire is that of somebody else.
    first, *paths = played.of("h2", PathMessage)
    assert first.sender.template == FilterSpec(A.address, 9999)
    # Protocol 6, the connection's two ends; the reverse flow is a second session with the ports swapped.
    there, back = (A.address, 8080), (ip_address("10.0.2.2"), 6000)
    said = {(path.session.key, path.sender.template) for path in paths}
    forth = Session(back[0], TCP, back[1]).key, FilterSpec(*there)
    assert said == {forth, (Session(there[0], TCP, there[1]).key, FilterSpec(*back))}
    # The accepted socket has what was set at the listener.
    played.says("inherited: True", "h1 hears RECEIVERS", "h2 hears RECEIVERS")
    # The caller, bound to any address, reserves for its peer alone, once it is connected; style FF.
    resvs = [resv for resv in played.of("h2", Resv) if resv.session.port == 6000]
    assert [(resv.style, asked(resv)) for resv in resvs] == [(FF, [(8500.0, (FilterSpec(*there),))])]
    played.says("the caller connects", "Resv 10.0.2.2:6000/6")
    played.says("FIXED_FILTER in 2 descriptor(s) is refused, 11023", "SHARED_EXPLICIT", "refused, 11019")


def test_e7_events(tmp_path: Path) -> None:
    played = play("e07_events", tmp_path)
    # SENDERS with the Path's Tspec and Adspec; get_qos until it is empty; no Resv as yet.
    played.says("get_qos: 8500 bytes/s over 2 hops", "no indication waits, 10035", "it chooses", "Resv ")
    # Then the flag is left out, and a Resv goes; the flag again, and it is torn.
    assert played.order("h2") == ["Path", "Resv", "ResvTear", "PathTear"]
    [resv] = played.of("h2", Resv)
    assert (resv.style, asked(resv)) == (WF, [(4250.0, ())])
    played.says("h1 hears NO_RECEIVERS", "h2 hears NO_SENDERS")


@BOTH
def test_e8_ttl(tmp_path: Path, words: tuple[str, ...]) -> None:
    smcroute.require()
    played = play("e08_ttl", tmp_path, *words)
    group = ip_address("ff1e::123") if words else GROUP.destination

    def ttls(wire: str) -> list[tuple[int, int]]:
        found = played.frames(wire, PathMessage)
        assert {frame.destination for frame, _ in found} == {group}, "it goes to the group's address"
        return [(frame.ip_ttl, path.send_ttl) for frame, path in found]

    # None set: 63; 3 set before the join: 3; 5 set later: not before the next set_qos. IP and RSVP agree.
    assert ttls("A") == [(63, 63)]
    assert ttls("B") == [(3, 3), (5, 5)]
    played.says("it sets 5", "IP TTL 3, Send_TTL 3", "the next set_qos", "IP TTL 5, Send_TTL 5")
    # Through each outgoing interface.
    for wire in "RQ":
        assert set(ttls(wire)) == {(62, 62), (2, 2), (4, 4)}


def refusals(played: Played, wire: str) -> list[tuple[int, int]]:
    """Code and value of each ResvErr on a link."""
    return [(one.error.code, one.error.value) for one in played.of(wire, ResvErr)]


def test_e9_capacity(tmp_path: Path) -> None:
    played = play("e09_capacity", tmp_path)
    # No capacity: ResvErr 1/2 to the receiver, no state upstream; 56100/56103.
    first, larger, policy = played.of("h2", ResvErr)
    assert (first.error.code, first.error.value, first.error.flags) == (1, 2, 0)
    played.says("h2 hears ADMISSION_FAILURE 20000 bytes/s 56100/56103", "the sender has heard nothing")
    assert asked(played.of("h1", Resv)[0]) == [(6000.0, ())], "what was refused went no further"
    # A larger flowspec: a new Resv; refused, and the old one is kept, which InPlace says.
    assert (larger.error.code, larger.error.value) == (1, 2)
    assert larger.error.flags & ErrorFlag.IN_PLACE
    played.says("h2 hears ADMISSION_FAILURE 12000", "the old one stands", "reserved are 6000 bytes/s")
    # A smaller one: a new Resv, and RECEIVERS at the sender.
    rates = [resv.flows[0].flowspec.tspec.rate for resv in played.of("h2", Resv)]
    assert rates == [20_000.0, 6000.0, 12_000.0, 3000.0]
    assert [resv.flows[0].flowspec.tspec.rate for resv in played.of("h1", Resv)][:2] == [6000.0, 3000.0]
    played.says("h1 hears RECEIVERS 6000", "h1 hears RECEIVERS 3000")
    # Policy: code 2.
    assert policy.error.code == ErrorCode.POLICY_CONTROL_FAILURE
    played.says("h2 hears POLICY_FAILURE")


def test_e9_clashes(tmp_path: Path) -> None:
    smcroute.require()
    played = play("e09_clashes", tmp_path)
    # Styles that clash between receivers: ResvErr 5 to the one that came later.
    assert [code for code, _ in refusals(played, "Q")] == [ErrorCode.CONFLICTING_STYLE] == [5]
    assert refusals(played, "R") == []
    played.says("Q hears BAD_STYLE", "56300/56303")
    # A sender that is rejected upstream: PathErr, an event at the sender.
    [error] = played.of("A", PathErr)
    assert error.error.code == ErrorCode.CONFLICTING_DEST_PORTS == 7
    assert (error.session.port, error.sender.template.port) == (5150, 4001)
    played.says("A hears GENERIC_ERROR of 10.0.1.1:4001 56300/56305")


def test_e9_restart(tmp_path: Path) -> None:
    played = play("e09_restart", tmp_path)
    # No Path: code 3; no sender that matches: code 4.
    codes = [code for code, _ in refusals(played, "R")]
    assert codes[:2] == [ErrorCode.NO_PATH_INFORMATION] * 2 == [3, 3]
    assert set(codes[2:]) == {ErrorCode.NO_SENDER_INFORMATION} == {4}
    assert {one.flow.filters for one in played.of("R", ResvErr)[2:]} == {(B,)}
    played.says("R hears GENERIC_ERROR", "56300/56301", "A changes", "56300/56302", "A hears RECEIVERS")


def test_e9_timeouts(tmp_path: Path) -> None:
    played = play("e09_timeouts", tmp_path)
    played.says("the router hangs", "it goes on", "h1 hears RECEIVERS")
    silence = played.text[played.text.index("the router hangs") : played.text.index("it goes on")]
    for end in ("h2 hears NO_SENDERS", "h1 hears NO_RECEIVERS"):
        assert end in silence
    assert "Tear" not in silence, "nothing on the wire"


def test_e10_one_line(tmp_path: Path) -> None:
    played = play("e10_one_line", tmp_path)
    # send(dst, TCP, src, 1000 bytes/s): r 1000, b 2000, p infinite, m 64, M the largest interface's MTU.
    path = played.of("h1", PathMessage)[0]
    assert path.session.key == Session(ip_address("10.0.2.2"), TCP, 5150).key
    assert (path.sender.template, path.sender.tspec) == (A, Tspec(1000.0, 2000.0, math.inf, 64, 1500))
    # receive(dst, TCP, any source, controlled load, distinct): FF with RESV_CONFIRM, and a ResvConf.
    resv = played.of("h2", Resv)[0]
    assert (resv.style, asked(resv), resv.flows[0].flowspec.service) == (FF, [(1000.0, (A,))], 5)
    assert resv.confirm.receiver == path.session.destination
    assert played.of("h2", ResvConf)[0].confirm == resv.confirm
    # Colours: yellow until there is a Resv, a ResvConf; red when closed, and when refused.
    played.says(
        "the sender is yellow",
        "the receiver is green, the sender green",
        "the receiver is red, the sender yellow",
        "the receiver is red: 10.0.2.1 refused",
        "all is closed, the sender is red",
    )
    assert refusals(played, "h2") == [(1, 2)]


@BOTH
def test_e11_marking(tmp_path: Path, words: tuple[str, ...]) -> None:
    played = play("e11_marking", tmp_path, *words)
    # Connection HIGH, one message EXPEDITED, and HIGH again.
    played.says("before: DSCP 0", "first: DSCP 34", "second: DSCP 46", "third: DSCP 34")
    # Datagrams: as given, -1 the socket's own, all else EINVAL.
    played.says("184: 184 on", "-1: 40 on", "0: 0 on", "255: 255 on", "256: refused", "-2: refused")
    assert played.text.count("[Errno 22]") == 2
    # tshark says the same of every packet.
    marks = {b"third": 34 << 2, b"with 184!": 184, b"with -1!": 40, b"with 0!": 0, b"with 255!": 255}
    found = carried(tmp_path / "h1.pcap", "ipv6.tclass" if words else "ip.dsfield")
    assert {text: mark for text, mark in found if text in marks} == marks


def carried(file: Path, field: str) -> list[tuple[bytes, int]]:
    """What each packet carries and its traffic class, as tshark reads them."""
    command = ["tshark", "-r", str(file), "-Y", "tcp.payload or udp.payload", "-T", "fields"]
    for one in (field, "tcp.payload", "udp.payload"):
        command += ["-e", one]
    read = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    lines = [line.split("\t") for line in read]
    return [(bytes.fromhex(tcp or udp), int(mark, 0)) for mark, tcp, udp in lines]


def test_e12_proxies(tmp_path: Path) -> None:
    smcroute.require()
    played = play("e12_proxies", tmp_path)
    sender = FilterSpec(A.address, 5150)
    # sender-host 239.1.2.3 10.0.1.1 udp 5150 5150 20 5: r = 2500 bytes/s, b = 5000 bytes.
    path = played.of("h1", PathMessage)[0]
    assert (path.session.key, path.sender.template) == (GROUP.key, sender)
    assert (path.sender.tspec.rate, path.sender.tspec.bucket) == (2500.0, 5000.0)
    # reservation-host 239.1.2.3 10.0.1.1 udp 5150 5150 ff load 20 5: an FF Resv of the same.
    resv = played.of("h2", Resv)[0]
    assert (resv.style, asked(resv), resv.flows[0].flowspec.service) == (FF, [(2500.0, (sender,))], 5)
    assert resv.flows[0].flowspec.tspec.bucket == 5000.0
    # What is interrupted is torn down.
    played.says("reserved to h2: 20 kbit/s", "ResvTear", "PathTear", "they end with 0 and 0")
