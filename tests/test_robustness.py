"""The page of what broke others names only tests that there are, and each test that bears such a name."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE))


def defined_in(file: Path) -> set[str]:
    return set(re.findall(r"^\s*(?:async )?def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE))


def test_the_tests_it_names_exist():
    assert len(NAMED) > 40
    assert [(file, name) for file, name in sorted(NAMED) if name not in defined_in(ROOT / file)] == []


def test_each_fault_that_has_a_test_is_listed():
    """By its number: one fault may have several tests."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for year, number in re.findall(r"def test_cve_(\d{4})_(\d+)", file.read_text(encoding="utf-8")):
            assert f"CVE-{year}-{number}" in PAGE
