"""The daemon's own log on standard error: as text or as JSON, from a level on, all topics or some."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection

from ..topics import as_json, topic_of
from ..vocabulary import TOPICS


class JsonFormatter(logging.Formatter):
    """A line of JSON, the same as `rsvp log --json` has."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return json.dumps(as_json(record))


class _Chosen(logging.Filter):
    """Lines of some topics only, and whatever is more than gossip."""

    def __init__(self, topics: Collection[str]) -> None:
        super().__init__()
        self._topics = topics

    def filter(self, record: logging.LogRecord) -> bool:
        topic = topic_of(record)
        return record.levelno > logging.DEBUG or topic not in TOPICS or topic in self._topics


def to_standard_error(form: str, level: str, topics: Collection[str]) -> None:
    """Log from `level` on, as "text" or "json"; of the lines at level debug only those of `topics`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter("%(name)s: %(message)s"))
    # The handler has it, too: loggers of topics are awake while somebody looks on with `rsvp log`.
    handler.setLevel(level.upper())
    handler.addFilter(_Chosen(topics))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)
