"""The page of supported RFCs names every message and object there is, and only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsvp.messages import MESSAGES
from rsvp.objects import REGISTRY

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "supported-rfcs.md").read_text()


@pytest.mark.parametrize("key", sorted(REGISTRY), ids=str)
def test_each_object_is_listed(key):
    class_num, ctype = key
    lines = [line for line in PAGE.splitlines() if f"| `{REGISTRY[key].__name__}` |" in line]
    listed = [line.split("|")[1:3] for line in lines]
    assert any(
        int(which.split()[0]) == class_num and ctype in map(int, ctypes.split(","))
        for which, ctypes in listed
    )


@pytest.mark.parametrize("number", sorted(MESSAGES), ids=str)
def test_each_message_is_listed(number):
    assert f"| {int(number)} {MESSAGES[number].__name__} |" in PAGE


def test_the_tests_it_names_exist():
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


RULES = (ROOT / "docs" / "rules.md").read_text()


def test_the_page_of_rules_names_tests_that_exist():
    named = set(re.findall(r"`([\w/.]+)::([\w*]+)`", RULES)) - {("x", "y")}
    assert len(named) > 150
    missing = []
    for where, name in named:
        path = ROOT / "tests" / (where if "/" in where else f"engine/test_{where}.py")
        pattern = rf"def test_{name}\(|class {name}\b" if "*" not in name else rf"def test_{name[:-1]}"
        if not path.exists() or not re.search(pattern, path.read_text()):
            missing.append(f"{where}::{name}")
    assert missing == []
