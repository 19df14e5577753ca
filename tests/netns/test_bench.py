"""The benchmark of a whole router, small: it speaks to a node as a transport does, and has to keep up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent


def test_reservations_are_installed_shown_and_removed() -> None:
    command = [sys.executable, "-m", "tests.bench.installed", "--flows", "20", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert all(figure > 0 for figure in json.loads(done.stdout).values())
