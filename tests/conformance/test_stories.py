"""Stories: what a network does, told by `rsvp sim` and read by a person (RFC 2205, RFC 2209).

Each folder is one: `story.md` says what is to happen and which section wants it, `scenario.rsvp` has
the network and what is expected of it, `expected.txt` what `rsvp sim` tells. A recording of a daemon
(`recording.jsonl`) or a capture (`capture.pcap`) in place of the scenario is a story, too, which
`rsvp replay FILE --story FOLDER` makes: it tells all that happened and what stands at the end.
RSVP_UPDATE=1 writes what is expected anew, so that a change of behaviour is a difference that
somebody reads.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rsvp.cli import main
from rsvp.commands.replay import tell_story

HERE = Path(__file__).parent
STORIES = sorted(file.parent for file in HERE.glob("*/scenario.rsvp"))
RECORDED = sorted(file for name in ("recording.jsonl", "capture.pcap") for file in HERE.glob(f"*/{name}"))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.name))
def test_the_story_goes_as_it_is_told(
    story: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(story)
    status = main(["sim", "scenario.rsvp"])
    told, problem = capsys.readouterr()
    assert status == 0, problem + told
    expected = story / "expected.txt"
    if os.environ.get("RSVP_UPDATE"):
        expected.write_text(told)
    assert told == expected.read_text()


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: str(file.parent.name))
def test_what_was_recorded_goes_as_it_is_told(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    tell_story(str(file))
    told = capsys.readouterr().out
    expected = file.parent / "expected.txt"
    if os.environ.get("RSVP_UPDATE"):
        expected.write_text(told)
    assert told == expected.read_text()
    assert (file.parent / "story.md").read_text().startswith("# ")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: str(story.name))
def test_every_story_has_prose_with_a_title_and_expects_something(story: Path) -> None:
    assert (story / "story.md").read_text().startswith("# ")
    assert " expect " in (story / "scenario.rsvp").read_text()


def test_no_folder_is_left_out() -> None:
    folders = {entry for entry in HERE.iterdir() if entry.is_dir() and entry.name != "__pycache__"}
    assert folders == {*STORIES, *(file.parent for file in RECORDED)}
    assert RECORDED
    assert len(STORIES) >= 30
