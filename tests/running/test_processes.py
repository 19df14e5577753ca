"""What /proc tells of processes, and what is said where it does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rsvp.errors import Unavailable
from rsvp.running import processes
from rsvp.running.processes import descendants, require_children


def test_a_child_and_its_child_descend_from_here():
    script = "import os, sys; os.fork(); os.write(1, b'%d\\n' % os.getpid()); sys.stdin.read()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", script], **pipes) as child:  # type: ignore[call-overload]
        there = {int(child.stdout.readline()) for _ in range(2)}
        found = {one.pid: one for one in descendants()}
        assert there <= found.keys()
        assert os.getpid() not in found
        assert str(Path(sys.executable).resolve()) in found[child.pid].names
        assert not found[child.pid].has_ended()
        child.communicate("")
        assert found[child.pid].has_ended()
        assert child.pid not in {one.pid for one in descendants()}


def test_a_kernel_that_does_not_tell_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    require_children()
    monkeypatch.setattr(processes, "PROC", tmp_path)
    with pytest.raises(Unavailable, match="CONFIG_PROC_CHILDREN"):
        require_children()
