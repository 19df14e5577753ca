"""The applications of examples/scenes: what they say, what crosses the wires, what the kernel counts."""

from __future__ import annotations

import re
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp import Path as PathMessage
from rsvp import PathTear, Resv, ResvConf, ResvErr, Tspec
from rsvp.iana import AdmissionError, ErrorCode
from rsvp.lab import chain
from rsvp.objects import FF, SE, WF, FilterSpec
from rsvp.paths import CONTROL
from tests.patience import PATIENCE

from . import smcroute
from .decoders import require
from .running import Running
from .scenes import Played, play

DOCS = Path(__file__).parent.parent.parent / "docs"
BOTH = pytest.mark.parametrize("words", [(), ("--ipv6",)], ids=["IPv4", "IPv6"])


@pytest.fixture(autouse=True)
def _decoders() -> None:
    require()


def replies(played: Played, host: str, port: int) -> list[tuple[int, int]]:
    """The DSCP and length of each segment of data that a server sent to a host, repetitions left out."""
    fields = ("ip.dsfield.dscp", "ipv6.tclass.dscp", "tcp.len", "tcp.seq")
    about = ("-r", str(played.captures / f"{host}.pcap"), "-Y", f"tcp.srcport == {port} && tcp.len > 0")
    words = [word for field in fields for word in ("-e", field)]
    said = subprocess.run(
        ["tshark", *about, "-T", "fields", *words], capture_output=True, text=True, check=True
    )
    segments: dict[int, tuple[int, int]] = {}
    for line in said.stdout.splitlines():
        four, six, length, number = line.split("\t")
        segments.setdefault(int(number), (int(four or six), int(length)))
    return [segments[number] for number in sorted(segments)]


def table(played: Played) -> dict[str, tuple[int, ...]]:
    """What a scene's table says of each row: packets sent, dropped and waiting."""
    rows = re.findall(r"^    (\w.*?) +(\d+) +(\d+) +(\d+)$", played.text, re.MULTILINE)
    return {name: tuple(map(int, numbers)) for name, *numbers in rows}


@BOTH
def test_a_third_call_is_busy_until_somebody_hangs_up(tmp_path: Path, words: tuple[str, ...]) -> None:
    played = play("voice", tmp_path, *words)
    h1, h2 = map(ip_address, ("fd00:1::1", "fd00:2::2") if words else ("10.0.1.1", "10.0.2.2"))
    packet = 220 if words else 200
    played.says("h1: talking", "h2: talking", "h1: talking", "h2: talking")
    played.says(f"h1: busy: {h2} refused: admission control failure: requested bandwidth unavailable")
    played.says("h1: busy", "h1: hung up", "h1: talking", "h2: talking")

    # G.711 in both directions, 50 packets a second
    paths = played.of("h2", PathMessage)
    assert {path.sender.tspec for path in paths} == {Tspec(50.0 * packet, 10.0 * packet, m=packet, M=packet)}
    assert {(path.session.destination, path.session.port) for path in paths} == {
        (address, port + n) for address, port in ((h1, 4000), (h2, 5000)) for n in (1, 2, 3)
    }
    assert {resv.style for resv in played.of("h2", Resv)} == {FF}

    # the caller reserves first; its reservation is refused, and that of the other end not even tried
    third = [one for _, one in played.frames("h1") if one.session.port in (4003, 5003)]
    names = [type(one) for one in third]
    assert names[:4] == [PathMessage, PathMessage, Resv, ResvErr]
    assert third[2].session.port == 4003
    [refusal] = played.of("h1", ResvErr)
    assert refusal.error.code == ErrorCode.ADMISSION_CONTROL_FAILURE
    assert refusal.error.value == AdmissionError.BANDWIDTH_UNAVAILABLE
    assert refusal.flow.filters == (FilterSpec(h2, 5003),)

    # after somebody hung up both are
    again = names.index(PathMessage, names.index(PathTear))
    assert [one.session.port for one in third[again:] if isinstance(one, ResvConf)] == [4003, 5003]

    # calls lose nothing and wait for nobody under an overload
    rows = table(played)
    assert set(rows) == {"4002 to 5002", "4003 to 5003", "best effort"}
    _, lost, waiting = rows.pop("best effort")
    assert lost > 50
    assert waiting > 0
    for sent, lost, waiting in rows.values():
        assert sent > 50
        assert lost == 0
        assert waiting <= 1


@BOTH
def test_a_conference_with_room_for_two_voices(tmp_path: Path, words: tuple[str, ...]) -> None:
    smcroute.require()
    played = play("conference", tmp_path, *words)
    address = "fd00:{}::1" if words else "10.0.{}.1"
    a, b, c, d, e = (ip_address(address.format(n)) for n in range(1, 6))
    voice = 11_000.0 if words else 10_000.0

    # five announce their voices, and e reserves twice that, for all, or for those of the panel, once
    paths = {(path.session.port, path.sender.template.address) for path in played.of("e", PathMessage)}
    assert paths == {(port, one) for port in (5150, 5152) for one in (a, b, c, d, e)}
    asked = [resv for frame, resv in played.frames("e", Resv) if frame.source == e]
    assert {(resv.session.port, resv.style) for resv in asked} == {(5150, WF), (5152, SE)}
    assert {flow.flowspec.tspec.rate for resv in asked for flow in resv.flows} == {2 * voice}
    assert {resv.flows[0].filters for resv in asked if resv.style == WF} == {()}
    assert asked[-1].flows[0].filters == tuple(FilterSpec(one, 5152) for one in (a, b, c))

    # who speaks changes, and no message of RSVP follows
    said = played.text.index("b gives the floor")
    left = played.text.index("PathTear", said)
    assert "Resv" not in played.text[said:left]
    played.says("e: hears", "e: hears", "b gives the floor", "b: is silent", "d: speaks", f"e: hears {d}")

    rows = table(played)
    sent, lost, waiting = rows["a and b"]
    assert sent > 100
    assert (lost, waiting <= 1) == (0, True), "two at once fit"
    assert rows["best effort"][1] > 0
    assert rows["panel without words"] == (0, 0, 0), "who is not on it uses nothing of it"
    assert rows["best effort with d"][0] > 50
    assert rows["panel with a"][0] > 50
    assert rows["panel with a"][1] == 0


@BOTH
def test_a_file_server_says_what_its_replies_are(tmp_path: Path, words: tuple[str, ...]) -> None:
    played = play("files", tmp_path, *words)
    h1, h3 = map(ip_address, ("fd00:1::1", "fd00:3::2") if words else ("10.0.1.1", "10.0.3.2"))

    # listings are AF41, the download between them CS1, and nothing is announced
    first, *book, last = replies(played, "h2", 8021)
    assert first == last == (34, len(b"book\n\n"))
    assert {mark for mark, _ in book} == {8}
    assert sum(length for _, length in book) == 104_007, "with its size in front"
    assert not played.order("h2")

    # the customer's connection is announced and reserved for as long as it is there
    assert {mark for mark, _ in replies(played, "h3", 8021)} == {8}
    [path] = played.of("h3", PathMessage)
    assert (path.session.destination, path.session.protocol) == (h3, 6)
    assert (path.sender.template, path.sender.tspec.rate) == (FilterSpec(h1, 8021), 125_000.0)
    resv = played.of("h3", Resv)[0]
    assert (resv.style, resv.flows[0].filters) == (FF, (FilterSpec(h1, 8021),))
    assert [type(one) for _, one in played.frames("h3")][-1] == PathTear
    [(counted, dropped)] = re.findall(r"reserved: (\d+) bytes of \d+ packets, (\d+) dropped", played.text)
    assert int(counted) > 104_000, "a whole download"
    assert dropped == "0"


def test_reserving_from_a_script_takes_five_lines_at_most(tmp_path: Path) -> None:
    """What docs/library.md shows, as it stands, towards the daemon where daemons listen."""
    page = (DOCS / "library.md").read_text(encoding="utf-8")
    [script] = [
        block for block in re.findall(r"^```python\n(.*?)^```", page, re.M | re.S) if "blocking" in block
    ]
    assert len(script.splitlines()) <= 5
    lab = chain("h1", "h2")

    class Usual(Running):
        def config(self, name: str) -> str:
            text = super().config(name)
            return text.replace(self.control(name), str(CONTROL)) if name == "h2" else text

    with Usual(lab) as running:
        running.start("h1", "h2")
        assert str(lab["h2"].address) in script
        running.send()
        done = lab["h2"].python("-c", script, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.communicate(timeout=PATIENCE) == ("green\n", "")
