"""Everything that enters an engine, in a file, and read back: `rsvp.control.recording` has its form.

The engine is a function of its inputs, its clock and its seed (RFC 2205 and 2209 know no other), so
that a recording has all it takes to do everything again. Each line is written before the engine sees
the input: what made it fail is the last one.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import BinaryIO, Final

from . import __version__
from . import jsonform as j
from .config import RECORD_LIMIT
from .control.recording import (
    FORMAT,
    Checkpoint,
    Entry,
    Header,
    config_to_json,
    entry_to_json,
    read_entry,
    read_header,
)
from .control.schema import filters_to_json, write_line
from .engine import Config, Engine
from .engine.inputs import Configure, Input
from .engine.outputs import Output
from .errors import RecordingError

log = logging.getLogger("rsvp.recorder")

SEED_BITS: Final = 64
"""How large a seed is for whoever has none."""

STDIN: Final = "-"


class Recorder:
    """Writes one engine's inputs to a file.

    A file that is there already, and one that has grown to `limit` bytes, becomes FILE.1 in place of
    an earlier one, so that no more than twice the limit is ever taken. `clock` tells the time of day
    in seconds since 1970, None where the engine's time is not real.

        node = Node(recorder=Recorder("/var/lib/rsvp/inputs.jsonl"))

    What cannot be written ends the recording with a warning, and nothing else.
    """

    def __init__(
        self, path: str | Path, *, limit: int = RECORD_LIMIT, clock: Callable[[], float] | None = time.time
    ) -> None:
        """Raises OSError where the file cannot be made."""
        self.path = Path(path)
        self._limit = limit
        self._clock = clock
        self._header: Header | None = None
        self._stream: BinaryIO | None = None
        self._size = 0
        self._open()

    def engine(self, config: Config | None, seed: int | str) -> Engine:
        """An engine whose inputs are recorded; its random numbers come from `seed`."""
        return RecordedEngine(config or Config(), seed, self)

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def write(self, engine: RecordedEngine, event: Input | None, now: float) -> None:
        """Write one input, None for the timers, before the engine takes it."""
        if self._stream is None:
            return
        try:
            if self._header is None:
                self._begin(engine, now, follows=False)
            elif self._size >= self._limit:
                self._turn_over(engine, now)
            self._put(write_line(entry_to_json(now, event)))
        except OSError as error:
            log.warning("%s: %s: the recording ends here", self.path, error.strerror or error)
            self.close()

    def _open(self) -> None:
        if self.path.exists() and self.path.stat().st_size:
            os.replace(self.path, f"{self.path}.1")
        # Unbuffered: what a crash leaves is whole up to its last line.
        self._stream = io.FileIO(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
        self._size = 0

    def _put(self, line: bytes) -> None:
        assert self._stream is not None
        if self._stream.write(line) != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(line)

    def _begin(self, engine: RecordedEngine, now: float, *, follows: bool) -> None:
        self._header = Header(
            recording=FORMAT,
            version=__version__,
            seed=engine.seed,
            config=config_to_json(engine.config),
            at=now,
            epoch=None if self._clock is None else self._clock(),
            follows=follows,
        )
        self._put(write_line(self._header))

    def _turn_over(self, engine: RecordedEngine, now: float) -> None:
        """Go on in a new file, which begins with what stands."""
        self.close()
        self._open()
        self._begin(engine, now, follows=True)
        for at, event in engine.standing(now):
            self._put(write_line(entry_to_json(at, event)))
        handles = [
            (view.handle, j.session(view.session), view.interface, filters_to_json(view.filters))
            for view in engine.installed()
        ]
        self._put(write_line(Checkpoint(at=now, last=engine.last_handle, handles=handles)))


class RecordedEngine(Engine):
    """An engine that tells a recorder of everything before it happens."""

    def __init__(self, config: Config, seed: int | str, recorder: Recorder) -> None:
        super().__init__(config, rng=Random(seed))
        self.config = config
        self.seed = seed
        self._recorder = recorder

    def handle(self, event: Input, now: float) -> list[Output]:
        """See `Engine.handle`."""
        self._recorder.write(self, event, now)
        if isinstance(event, Configure):
            self.config = event.config
        return super().handle(event, now)

    def handle_timeout(self, now: float) -> list[Output]:
        """See `Engine.handle_timeout`."""
        self._recorder.write(self, None, now)
        return super().handle_timeout(now)


class Recording:
    """A recording as it is read: `header` at once, then each line's entry, once.

    Iterating yields the number of the line in the file, and when what happened. A last line that a
    crash cut off is passed over, and `cut` is set then. Raises RecordingError.
    """

    def __init__(self, source: str | Path | BinaryIO) -> None:
        self.name = "standard input" if source == STDIN else str(getattr(source, "name", source))
        self.cut = False
        self._stream = _opened(source)
        first = self._stream.readline()
        try:
            self.header = read_header(first)
        except ValueError as error:
            self._stream.close()
            raise RecordingError(f"{self.name}, line 1: {error}: name a recording or a capture") from None

    def __iter__(self) -> Iterator[tuple[int, Entry]]:
        with closing(self._stream):
            for number, line in enumerate(self._stream, start=2):
                if not line.endswith(b"\n"):
                    self.cut = True
                    return
                try:
                    entry = read_entry(line)
                except ValueError as error:
                    raise RecordingError(
                        f"{self.name}, line {number}: {error}: the file is damaged from there on"
                    ) from None
                yield number, entry


def _opened(source: str | Path | BinaryIO) -> BinaryIO:
    if source == STDIN:
        return sys.stdin.buffer
    return open(source, "rb") if isinstance(source, str | Path) else source
