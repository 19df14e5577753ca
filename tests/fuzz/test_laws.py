"""The fuzz target's laws over its seeds, over cheap mutations of them, and over what fuzzing found."""

from __future__ import annotations

import base64
import random

import pytest

from tests.fuzz.corpus import messages
from tests.fuzz.laws import REPAIR, check, repaired

SEEDS = list(messages())

FOUND = [
    # A NULL object inside a Resv is passed over, and so is not written again.
    "EQJP1z8AAGgADAEBCgkJCREAE4wADAMBCgAAARI0VngACAUBAAB1MAAIDwEKCQkJAAwAAABoAAEKAAACAAgIAQAAABEA"
    "JAkCAAAABwUAAAZ/AAAFSHQkAEYcQABI9CQAAAAAQAAABdw=",
    # A DIAG_RESPONSE that reports an object of a class without a name.
    "EQhLwz8AALAADAEBCgkJCREAE4wADAMBCgACAQAAAAAALB4BEAAAABEiM0QF3AAACgkJCQAMCwEKAAABAAAE0gAMCg"
    "EKBwcHAAAABwAMIQEDAQsADAAAAAAQHwEAAAACCgABAQoAAgEASCABXwAAAAoAAQEKAAIBCgAAAUCjAB4AJAICAgAA"
    "AAB4n2e+AAwDAQoADAEG9wEyAAgFAQAB1MAAFNwADAr5CgAAAQAABNI=",
]
"""Inputs on which a law once failed."""


@pytest.mark.parametrize("data", SEEDS, ids=range(len(SEEDS)))
def test_laws_hold_for_the_seeds(data):
    check(data)
    check(repaired(bytes((REPAIR,)) + data[1:]))


@pytest.mark.parametrize("text", FOUND)
def test_laws_hold_for_what_fuzzing_found(text):
    check(repaired(base64.b64decode(text)))


@pytest.mark.parametrize("data", SEEDS, ids=range(len(SEEDS)))
def test_laws_hold_for_mutations(data):
    """The same ones in every run: cuts at any word, single bytes changed, words moved."""
    dice = random.Random(len(data))
    for _ in range(40):
        bad = bytearray(data)
        bad[:1] = bytes((REPAIR,))
        for _ in range(dice.choice((1, 1, 2, 5))):
            if len(bad) <= 8:
                break
            at = dice.randrange(8, len(bad))
            match dice.randrange(3):
                case 0:
                    bad[at] = dice.choice((0, 1, 4, 8, 127, 128, 255, bad[at] ^ 1 << dice.randrange(8)))
                case 1:
                    del bad[at & ~3 : (at & ~3) + 4]
                case _:
                    bad[at & ~3 : at & ~3] = bad[at & ~3 : (at & ~3) + 4 * dice.randrange(3)]
        check(repaired(bytes(bad)))
