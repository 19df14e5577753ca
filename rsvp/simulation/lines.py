"""Lines of a topology or scenario file, word by word; each mistake is one sentence with its line.

link h1 r1 100mbit 1ms loss 5%      # what follows a number sign is for people only
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import NoReturn, TypeVar

from ..errors import ScenarioError
from ..units import TIMES, UNITS, parse_rate, parse_time

T = TypeVar("T")

MAX_CHOICES = 20
"""A complaint names no more words than this that could have been meant."""

MAX_KEEP = 255

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)([a-z%]*)", re.ASCII)
_COMMENT = re.compile(r"(?:^|\s)#.*")


class Words:
    """One line's words, taken from the left; every method raises ScenarioError that says `where`."""

    def __init__(self, words: list[str], where: str) -> None:
        self.words = words
        self.text = " ".join(words)
        self._where = where
        self._at = 0

    def again(self) -> Words:
        """These words with the same of them taken, to be read once more."""
        return copy(self)

    def fail(self, sentence: str) -> NoReturn:
        """Say what is wrong with this line."""
        raise ScenarioError(f"{self._where}: {sentence}")

    @property
    def next(self) -> str | None:
        """The next word, not taken yet; None at the end of the line."""
        return self.words[self._at] if self._at < len(self.words) else None

    def take(self, what: str) -> str:
        """The next word; `what` it should be is for the complaint that there is none."""
        word = self.next
        if word is None:
            self.fail(f"{what} is missing at the end of {self.text!r}")
        self._at += 1
        return word

    def maybe(self, *words: str) -> str | None:
        """The next word if it is one of these."""
        if self.next in words:
            return self.take("")
        return None

    @property
    def left(self) -> list[str]:
        """The words that are not taken yet."""
        return self.words[self._at :]

    def end(self, *known: str) -> None:
        """Nothing may follow; `known` are the words that could have stood here."""
        if self.next is not None:
            self.unknown(self.next, "word", known)

    def unknown(self, word: str, what: str, known: Iterable[str]) -> NoReturn:
        """Complain of a word, and offer the one that is most like it."""
        choices = list(known)
        near = difflib.get_close_matches(word, choices, 1)
        if near:
            self.fail(f"unknown {what} {word!r}, did you mean {near[0]!r}?")
        told = ", ".join(choices[:MAX_CHOICES]) + (" ..." if len(choices) > MAX_CHOICES else "")
        self.fail(f"unknown {what} {word!r}" + (f", known are {told}" if choices else ""))

    def read(self, reader: Callable[[str], T], what: str) -> T:
        """The next word as `reader` understands it; its ValueError becomes the complaint."""
        word = self.take(what)
        try:
            return reader(word)
        except ValueError as error:
            self.fail(str(error))


def read_lines(text: str, file: str) -> Iterator[Words]:
    """The lines of a file that say anything."""
    for number, line in enumerate(text.splitlines(), start=1):
        words = _COMMENT.sub("", line).split()
        if words:
            yield Words(words, f"{file}, line {number}")


# --- values ---------------------------------------------------------------------------------------


def read_span(text: str) -> float:
    """A time that is not zero. Raises ValueError."""
    seconds = parse_time(text)
    if seconds == 0.0:
        raise ValueError(f"a time of {text!r} is none at all: write 5, 1ms or 30s")
    return seconds


def read_share(text: str) -> float:
    """A share from "5%" or "0.05". Raises ValueError."""
    match = _NUMBER.fullmatch(text)
    if match is not None and match[2] in ("", "%"):
        share = float(match[1]) / (100 if match[2] else 1)
        if 0.0 <= share <= 1.0:
            return share
    raise ValueError(f"{text!r} is no share: write 5% or 0.05")


def read_count(text: str) -> int:
    """A whole number of at least 1. Raises ValueError."""
    if text.isascii() and text.isdecimal() and 0 < int(text) < 10**9:
        return int(text)
    raise ValueError(f"{text!r} is no whole number of at least 1")


def read_keep(text: str) -> int:
    """K of RFC 2205 section 3.7. Raises ValueError."""
    keep = read_count(text)
    if keep > MAX_KEEP:
        raise ValueError(f"K is 1 to {MAX_KEEP}, not {keep}")
    return keep


def read_whole(text: str) -> int:
    """A whole number, zero included. Raises ValueError."""
    if text.isascii() and text.isdecimal() and len(text) < 19:
        return int(text)
    raise ValueError(f"{text!r} is no whole number")


def is_number(word: str | None) -> bool:
    """Whether a word begins like a number, if with a unit that nobody knows."""
    return (word or "").lstrip("+-.")[:1].isdecimal()


def is_rate(text: str | None) -> bool:
    """Whether this word is written like a rate: a number with one of its units, or a bare one."""
    match = _NUMBER.fullmatch((text or "").lower())
    return match is not None and match[2] in UNITS


def is_time(text: str | None) -> bool:
    """Whether this word is a time with a unit; a bare number could be anything."""
    match = _NUMBER.fullmatch((text or "").lower())
    return match is not None and match[2] != "" and match[2] in TIMES


read_rate = parse_rate
read_time = parse_time
