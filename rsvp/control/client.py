"""The application's end of the control socket: a `Client` has the verbs of a `Node`."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import jsonform
from ..aio import Endpoint
from ..engine.outputs import Upcall
from ..errors import ControlError, LocalError, RsvpError
from ..iana import DEFAULT_TTL
from ..intserv import DEFAULT_ADSPEC, Adspec, Excess, Tspec
from ..messages import Flow
from ..objects import Filter, PolicyData, Session, Style
from ..paths import CONTROL
from . import schema

LONGEST_ANSWER = 1 << 28
"""The longest line that a client takes from a daemon, bytes."""

PATIENCE = 30.0
"""Seconds to wait for an answer."""

LOST = "the connection to the daemon was lost"

_End = RsvpError | None


class NoDaemon(ControlError):
    """Nobody listens on the control socket."""


async def connect(path: str | Path = CONTROL) -> Client:
    """Open a client of the daemon at `path`.

    Raises NoDaemon, or ControlError where the socket cannot be opened; close the client when done.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=LONGEST_ANSWER)
    except (FileNotFoundError, ConnectionRefusedError):
        raise NoDaemon(
            f"no daemon listens on {path}: start one with 'rsvp daemon', or name its socket with --control"
        ) from None
    except PermissionError:
        raise ControlError(f"no permission to open {path}: it is for the daemon's user and group") from None
    except OSError as error:
        raise ControlError(f"{path} cannot be opened: {(error.strerror or str(error)).lower()}") from None
    return Client(reader, writer)


async def until_the_end(queue: asyncio.Queue[Upcall | _End] | None) -> AsyncIterator[Upcall]:
    """What a queue holds and will hold up to a None; raises an error that is in it."""
    while queue is not None and (item := await queue.get()) is not None:
        if isinstance(item, RsvpError):
            raise item
        yield item


class Client(Endpoint):
    """`rsvp.api.Api` by a daemon: each verb raises what the node there raised, or ControlError.

    What was made is torn down when the client is closed or its process ends.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, tuple[asyncio.Future[Any], bool]] = {}
        self._unwanted: set[int] = set()
        """Requests for a session whose caller was cancelled before the answer."""
        self._queues: dict[int, asyncio.Queue[Upcall | _End]] = {}
        self._lines: asyncio.Queue[jsonform.Json | _End] = asyncio.Queue()
        self._gone: ControlError | None = None
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def open_session(self, session: Session) -> int:
        """Take part in a session; the result is its handle."""
        handle: int = await self._ask("open_session", session=jsonform.session(session))
        return handle

    async def close_session(self, handle: int) -> None:
        """Leave a session: what was made in it is torn down and its events end."""
        await self._ask("close_session", handle=handle)

    async def add_sender(
        self,
        handle: int,
        template: Filter | None,
        tspec: Tspec,
        *,
        port: int = 0,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        policy: tuple[PolicyData, ...] = (),
        excess: Excess = Excess.BORROW,
        incoming: str | None = None,
    ) -> Filter:
        """Announce a sender, or change it; without `template` the daemon picks its own address."""
        answer = await self._ask(
            "add_sender",
            handle=handle,
            sender=None if template is None else jsonform.filter_spec(template),
            tspec=jsonform.tspec(tspec),
            port=port,
            ttl=ttl,
            adspec=None if adspec is None else jsonform.adspec(adspec),
            policy=schema.policy_to_json(policy),
            excess=excess,
            incoming=incoming,
        )
        return jsonform.read_filter(answer)

    async def remove_sender(self, handle: int, template: Filter) -> None:
        """Take a sender back; a PathTear follows."""
        await self._ask("remove_sender", handle=handle, sender=jsonform.filter_spec(template))

    async def reserve(
        self,
        handle: int,
        style: Style,
        flows: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        policy: tuple[PolicyData, ...] = (),
        joined: str | None = None,
        outgoing: str | None = None,
    ) -> None:
        """Reserve, in place of what was reserved before in this session."""
        await self._ask(
            "reserve",
            handle=handle,
            style=style.name,
            flows=[schema.flow_to_json(flow) for flow in flows],
            confirm=confirm,
            ttl=ttl,
            policy=schema.policy_to_json(policy),
            joined=joined,
            outgoing=outgoing,
        )

    async def release(self, handle: int, filters: tuple[Filter, ...] | None = None) -> None:
        """Give the reservation back, all of it or that for some senders."""
        wanted = None if filters is None else schema.filters_to_json(filters)
        await self._ask("release", handle=handle, filters=wanted)

    def events(self, handle: int) -> AsyncIterator[Upcall]:
        """The session's events in order, to its end; for one reader.

        Raises ControlError when the daemon goes away.
        """
        return until_the_end(self._queues.get(handle))

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, jsonform.Json]]:
        """Entries as `rsvp show` prints them."""
        entries: list[dict[str, jsonform.Json]] = await self._ask("show", what=what, why=why)
        return entries

    async def admit(
        self, session: Session, style: Style, flows: tuple[Flow, ...]
    ) -> list[dict[str, jsonform.Json]]:
        """What the daemon would say to a reservation; see `rsvp.api.Api.admit`."""
        verdicts: list[dict[str, jsonform.Json]] = await self._ask(
            "admit",
            session=jsonform.session(session),
            style=style.name,
            flows=[schema.flow_to_json(flow) for flow in flows],
        )
        return verdicts

    @property
    def lost(self) -> ControlError | None:
        """Why there is no connection any more; None while there is one."""
        return self._gone

    async def ended(self) -> None:
        """Wait until there is no connection any more."""
        await asyncio.wait({self._task})

    async def clear(self, what: str, session: Session | None = None) -> dict[str, int]:
        """Remove state that neighbours made, or begin the counters anew; see `rsvp.api.Api.clear`."""
        about = None if session is None else jsonform.session(session)
        numbers: dict[str, int] = await self._ask("clear", what=what, session=about)
        return numbers

    async def log(self, topics: Collection[str]) -> AsyncIterator[dict[str, jsonform.Json]]:
        """What happens in the daemon from now on, a line each, until the client is closed.

        A line is {"log": {...}} or {"lost": n}, as in `schema.Log`. Raises LocalError for an unknown
        topic, and ControlError when the daemon goes away.
        """
        await self._ask("log", topics=list(topics))
        while (line := await self._lines.get()) is not None:
            if isinstance(line, RsvpError):
                raise line
            yield line

    async def close(self) -> None:
        """Close the connection, and with it every session."""
        self._end(ControlError("the connection to the daemon is closed"), for_events=None)
        self._task.cancel()
        self._writer.close()
        await asyncio.gather(self._task, self._writer.wait_closed(), return_exceptions=True)

    async def _ask(self, verb: str, **fields: jsonform.Json) -> Any:
        if self._gone is not None:
            raise self._gone
        number = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        line = schema.write_line({"verb": verb, "id": number, **fields})
        if len(line) > schema.MAX_LINE:
            raise LocalError(
                f"too much for one request to the daemon: {len(line)} of {schema.MAX_LINE} bytes"
            )
        self._waiting[number] = (future, verb == "open_session")
        try:
            async with asyncio.timeout(PATIENCE):
                self._writer.write(line)
                await self._writer.drain()
                return await future
        except TimeoutError:
            raise ControlError(f"the daemon does not answer within {PATIENCE:g} s") from None
        except OSError:
            lost = ControlError(LOST)
            del self._waiting[number]
            self._end(lost, for_events=lost)
            self._writer.close()
            raise self._gone or lost from None
        except asyncio.CancelledError:
            if verb == "open_session":
                if future.cancelled():
                    self._unwanted.add(number)
                elif future.done() and future.exception() is None:
                    self._drop(future.result())
            raise
        finally:
            self._waiting.pop(number, None)
            if future.done() and not future.cancelled():
                future.exception()  # where the connection broke while asking, nobody else looks at it

    async def _read(self) -> None:
        lost = ControlError(LOST)
        try:
            while (line := await self._reader.readline()).endswith(b"\n"):
                self._take(schema.read_line(line))
        except OSError:
            pass
        except (ValueError, KeyError, TypeError):
            lost = ControlError("what listens on the control socket is no daemon of this version")
        self._end(lost, for_events=lost)
        self._writer.close()

    def _take(self, line: jsonform.Json) -> None:
        if "event" in line:
            self._take_event(line)
            return
        if "log" in line or "lost" in line:
            self._lines.put_nowait(line)
            return
        if line["id"] in self._unwanted:
            self._unwanted.discard(line["id"])
            if "result" in line:
                self._queues[line["result"]] = asyncio.Queue()
                self._drop(line["result"])
            return
        future, opens = self._waiting.get(line["id"], (None, False))
        if opens and "result" in line:
            # Made here and not by the caller: the first events may follow in the same breath.
            self._queues[line["result"]] = asyncio.Queue()
        if future is None or future.done():
            return
        if "error" in line:
            future.set_exception(schema.read_error(line["error"]))
        else:
            future.set_result(line["result"])

    def _drop(self, handle: int) -> None:
        """Close a session that nobody waits for any more, without waiting oneself."""
        self._writer.write(
            schema.write_line({"verb": "close_session", "id": next(self._ids), "handle": handle})
        )

    def _take_event(self, line: jsonform.Json) -> None:
        handle = line["handle"]
        if line["event"] == schema.CLOSED:
            self._queues.pop(handle).put_nowait(None)
        else:
            self._queues[handle].put_nowait(schema.read_upcall(line, handle))

    def _end(self, error: ControlError, for_events: _End) -> None:
        """Nothing more will come: wake up whoever waits."""
        if self._gone is not None:
            return
        self._gone = error
        for future, _ in self._waiting.values():
            if not future.done():
                future.set_exception(error)
        for queue in (self._lines, *self._queues.values()):
            queue.put_nowait(for_events)
        self._queues.clear()
