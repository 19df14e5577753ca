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
