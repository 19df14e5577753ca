"""`rsvp replay` of real captures: other people's routers, what of them is understood, and what is told.

Each capture of ours has what is told of it beside this file; RSVP_UPDATE=1 writes that anew. Captures of
others are only gone through, where RSVP_CAPTURES or the folder beside the repository has them.
"""

from __future__ import annotations

import json
import os
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path

import pytest

from rsvp.capture import Capture
from rsvp.commands.replay import tell_story
from rsvp.errors import CaptureError
from rsvp.replay import LinkReplay

ROOT = Path(__file__).parent.parent
OURS = sorted((ROOT / "captures").glob("*.pcap"))
EXPECTED = Path(__file__).parent / "expected"
FOLDER = Path(os.environ.get("RSVP_CAPTURES") or ROOT.parent.parent / "shared" / "captures")
OTHERS = sorted(one for one in FOLDER.rglob("*") if one.suffix in (".pcap", ".pcapng", ".cap"))


@pytest.mark.parametrize("capture", OURS, ids=lambda path: str(path.stem))
def test_what_is_told_of_a_capture(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = StringIO()
    with redirect_stdout(told):
        tell_story(str(capture))
    expected = EXPECTED / f"{capture.stem}.txt"
    if os.environ.get("RSVP_UPDATE"):
        expected.write_text(told.getvalue())
    assert told.getvalue() == expected.read_text()


def test_nothing_is_expected_of_captures_that_are_not_there() -> None:
    assert {one.stem for one in EXPECTED.iterdir()} == {one.stem for one in OURS}


def test_captures_of_other_people_can_be_gone_through() -> None:
    """Every RSVP packet is heard or counted, at every moment there is something to show."""
    for path in OTHERS:
        try:
            frames = len(list(Capture(str(path))))
        except CaptureError:
            frames = None
        try:
            replay = LinkReplay(capture := Capture(str(path)))
        except CaptureError:
            assert frames is None
            continue
        with suppress(CaptureError):
            for change in replay.changes():
                json.dumps(change.as_json())
        observer = replay.observer
        inside = sum(observer.received.values()) - observer.received["Bundle"]
        if not observer.received["Bundle"] and frames is not None:
            assert inside + sum(observer.unread_count.values()) == frames, path
        for what in replay.what:
            for entry in replay.show(what, why=True):
                json.dumps(entry)
        assert replay.ended, capture.name


def find(stem: str) -> LinkReplay:
    return LinkReplay(Capture(str(ROOT / "captures" / f"{stem}.pcap")))


def test_labels_of_a_tunnel_in_both_directions() -> None:
    replay = find("freertr_p2p")
    replay.run()
    assert [(one["nhop"], one["phop"], one["labels"]) for one in replay.show("reservations")] == [
        ("10.0.12.1", "10.0.12.2", [934943]),
        ("10.0.12.2", "10.0.12.1", [516085]),
    ]
    assert [(one["name"], one["phop"]) for one in replay.show("senders")] == [
        ("p2p-r2:tunnel1", "10.0.12.2"),
        ("p2p-r1:tunnel1", "10.0.12.1"),
    ]


def test_the_state_of_a_moment_is_that_of_its_frame() -> None:
    """A reservation that KOM's daemon changed to guaranteed service in packet 7, and gave back in 11."""
    told = []
    for frame in range(1, 14):
        replay = find("kom_ff-a")
        replay.run(frame=frame)
        assert replay.frame == frame
        told.append([one["flowspec"]["service"] for one in replay.show("reservations")])
        at = find("kom_ff-a")
        at.run(until=replay.time)
        assert at.show("reservations") == replay.show("reservations")
    assert told == [
        [],
        *[["controlled-load"]] * 5,
        *[["guaranteed"]] * 4,
        *[[]] * 3,
    ]


def test_time_goes_on_past_the_end_of_a_capture() -> None:
    replay = find("freertr_p2p")
    replay.run(until=10_000.0)
    assert (replay.ended, replay.time) == (True, 10_000.0)
    assert replay.show("senders") == replay.show("reservations") == []
    assert replay.show("neighbors")[0]["last_heard"] > 9000


def test_the_packets_behind_an_entry_are_named() -> None:
    replay = find("kom_ff-a")
    replay.run(frame=9)
    (reservation,) = replay.show("reservations", why=True)
    (why,) = reservation["why"]
    assert [source["frame"] for source in why["sources"]] == [2, 7]
    assert why["section"] == "RFC 2205 sections 3.1.4, 3.7"
