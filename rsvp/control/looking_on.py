"""Log lines for whoever looks on over the control socket: by topic, through a queue of bounded length."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, deque
from collections.abc import AsyncIterator, Collection
from types import TracebackType
from typing import Final, Self

from ..jsonform import Json
from ..topics import as_json, topic_of

ROOM: Final = 2000
"""Lines that wait for one reader; more are left out, and it is told how many."""

_root: Final = logging.getLogger("rsvp")
_watchers: Final[Counter[str]] = Counter()
"""Topic -> how many look on; its logger is awake as long as somebody does."""


class Onlooker(logging.Handler):
    """The lines of some topics, from entering it with `with` until leaving it.

    "errors" is also whatever is a warning or worse in any other part.
    """

    def __init__(self, topics: Collection[str]) -> None:
        super().__init__()
        self._topics = frozenset(topics)
        self._lines: deque[Json] = deque()
        self._lost = 0
        self._news = asyncio.Event()

    def __enter__(self) -> Self:
        _root.addHandler(self)
        for topic in self._topics:
            _watchers[topic] += 1
            logging.getLogger(f"rsvp.{topic}").setLevel(logging.DEBUG)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        _root.removeHandler(self)
        for topic in self._topics:
            _watchers[topic] -= 1
            if not _watchers[topic]:
                logging.getLogger(f"rsvp.{topic}").setLevel(logging.NOTSET)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line, or count it where there is no room."""
        serious = record.levelno >= logging.WARNING and "errors" in self._topics
        if topic_of(record) not in self._topics and not serious:
            return
        if len(self._lines) >= ROOM:
            self._lost += 1
            return
        self._tell_lost()
        self._lines.append({"log": as_json(record)})
        self._news.set()

    def _tell_lost(self) -> None:
        if self._lost:
            self._lines.append({"lost": self._lost})
            self._lost = 0

    async def lines(self) -> AsyncIterator[Json]:
        """{"log": line}, and {"lost": n} where n were left out; without end."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._lines:
                yield self._lines.popleft()
                if not self._lines:
                    self._tell_lost()
