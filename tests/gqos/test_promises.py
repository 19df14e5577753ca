"""The page of promises names tests that exist, and every exception is in the page for those who port."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from rsvp.gqos import errors

ROOT = Path(__file__).parent.parent.parent
PROMISES = (ROOT / "docs" / "promises-gqos.md").read_text()
NAMED = re.findall(r"`([\w/]+\.py)::(\w+)`", PROMISES)


def functions(path: str) -> set[str]:
    file = ROOT / path if "/" in path else ROOT / "tests" / "gqos" / path
    return {node.name for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_is_named_exists():
    assert len(NAMED) > 100
    missing = [f"{path}::{name}" for path, name in NAMED if name not in functions(path)]
    assert not missing


def test_every_row_has_a_test_or_says_no():
    rows = [line for line in PROMISES.splitlines() if line.startswith("| ") and "---" not in line]
    without = [row for row in rows if "::" not in row and "| no" not in row and "shown by" not in row]
    assert not without


def test_every_exception_is_in_the_guide():
    guide = (ROOT / "docs" / "gqos.md").read_text()
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, errors.GqosError):
            assert f"`{name}`" in guide
