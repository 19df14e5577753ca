"""What a node offers to applications, a client of the daemon offers too: one suite for both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp.api import EXPLAINED, WHAT, Api
from rsvp.control import lasting
from rsvp.control.client import connect
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.engine.outputs import (
    PathEvent,
    PathGone,
    ResvConfirmed,
    ResvError,
    ResvEvent,
    ResvGone,
)
from rsvp.errors import LocalError, NoRoute, StyleConflict, UnknownSession
from rsvp.iana import ErrorCode
from rsvp.intserv import Tspec, controlled_load, guaranteed
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF, FilterSpec, GpiSession, PolicyData, Session
from rsvp.policy import PreemptionPriority, user
from tests.nodes import Listener, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)

Hosts = tuple[Api, Api]
Opener = Callable[[], AbstractAsyncContextManager[Hosts]]


@pytest.fixture(params=["node", "client", "lasting"])
def hosts(request: pytest.FixtureRequest, tmp_path: Path) -> Opener:
    """Opens the two ends of a network, as nodes or as clients of nodes."""

    @asynccontextmanager
    async def as_nodes() -> AsyncIterator[Hosts]:
        async with running(chain()) as nodes:
            yield nodes["h1"], nodes["h2"]

    @asynccontextmanager
    async def as_clients() -> AsyncIterator[Hosts]:
        async with running(chain()) as nodes:
            servers, clients = [], []
            for name in ("h1", "h2"):
                path = tmp_path / f"{name}.sock"
                server = ControlServer(nodes[name], ControlSocket(path))
                await server.start()
                servers.append(server)
                clients.append(await opener(path))
            try:
                yield clients[0], clients[1]
            finally:
                for end in (*clients, *servers):
                    await end.close()

    opener = lasting.connect if request.param == "lasting" else connect
    return as_nodes if request.param == "node" else as_clients


def test_a_reservation_is_made_confirmed_and_torn_down(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            sender, receiver = Listener(h1, sending), Listener(h2, receiving)
            assert await h1.add_sender(sending, None, TSPEC, port=4000) == SENDER

            path = await receiver.until(PathEvent)
            assert (path.handle, path.session.key) == (receiving, SESSION.key)
            assert (path.sender.template, path.sender.tspec) == (SENDER, TSPEC)
            assert path.sender.adspec.general.is_hops == 3

            flow = Flow(controlled_load(TSPEC), (SENDER,))
            await h2.reserve(receiving, FF, (flow,), confirm=True)
            resv = await sender.until(ResvEvent)
            assert (resv.handle, resv.style, resv.filters) == (sending, FF, (SENDER,))
            assert resv.flowspec == controlled_load(TSPEC)
            confirmed = await receiver.until(ResvConfirmed)
            assert (confirmed.style, confirmed.filters) == (FF, (SENDER,))

            await h2.release(receiving)
            assert (await sender.until(ResvGone)).filters == (SENDER,)
            await h1.remove_sender(sending, SENDER)
            assert (await receiver.until(PathGone)).template == SENDER

            await h1.close_session(sending)
            await asyncio.wait_for(sender.task, 1)

    run(story())


def test_closing_a_session_tears_down_what_was_made_in_it(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            receiver = Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC, ttl=9, adspec=None)
            path = await receiver.until(PathEvent)
            assert path.sender.adspec is None
            await h1.close_session(sending)
            await receiver.until(PathGone)
            with pytest.raises(UnknownSession):
                await h1.add_sender(sending, SENDER, TSPEC)

    run(story())


def test_a_refusal_in_the_network_is_an_event(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            receiver = Listener(h2, receiving)
            big = Tspec(50e6, 1e6, M=1400)
            await h1.add_sender(sending, SENDER, big)
            await receiver.until(PathEvent)
            await h2.reserve(receiving, SE, (Flow(guaranteed(big), (SENDER,)),), confirm=True)
            error = await receiver.until(ResvError)
            assert (error.code, error.value) == (ErrorCode.ADMISSION_CONTROL_FAILURE, 2)
            assert error.style == SE

    run(story())


def test_mistakes_raise_the_same_errors(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            far = await h1.open_session(Session(ip_address("192.0.2.1"), 17, 5000))
            with pytest.raises(NoRoute, match=r"192\.0\.2\.1"):
                await h1.add_sender(far, None, TSPEC)
            here = await h1.open_session(SESSION)
            with pytest.raises(LocalError, match=r"10\.9\.9\.9 is not an address of this node"):
                await h1.add_sender(here, FilterSpec(ip_address("10.9.9.9"), 1), TSPEC)
            with pytest.raises(LocalError):
                await h1.remove_sender(here, SENDER)
            with pytest.raises(LocalError, match="'fe80::1%eth0' has a zone"):
                await h1.session("fe80::1%eth0", 5000)
            with pytest.raises(UnknownSession):
                await h1.close_session(4711)
            with pytest.raises(LocalError, match="nothing called 'sendres'"):
                await h1.show("sendres")

            one, two = await h2.open_session(SESSION), await h2.open_session(SESSION)
            await h2.reserve(one, WF, (Flow(controlled_load(1e5)),))
            with pytest.raises(StyleConflict, match="WF"):
                await h2.reserve(two, FF, (Flow(controlled_load(1e5), (SENDER,)),))

    run(story())


def test_events_are_all_there_however_late_one_listens(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            for port in range(1, 51):
                await h1.add_sender(sending, FilterSpec(SENDER.address, port), TSPEC)
            await asyncio.sleep(1)
            listener = Listener(h2, receiving)
            await asyncio.sleep(0.1)
            assert [e.sender.template.port for e in listener.events] == list(range(1, 51))

    run(story())


def test_an_unknown_session_has_no_events(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, _):
            assert [event async for event in h1.events(99)] == []

    run(story())


def test_show_has_the_promised_keys(hosts: Opener):
    promised = {
        "interfaces": "name index addresses mtu bandwidth reservable reserved flows",
        "sessions": "session senders reservations style",
        "senders": "session sender phop interface outgoing tspec adspec expires_in",
        "reservations": "session style nhop interface filters flowspec expires_in",
        "requests": "session style phop interface filters flowspec",
        "installed": "session interface filters flowspec handle bytes packets dropped",
        "refusals": "session message neighbor interface filters flowspec code value text in_place times",
        "neighbors": "address interface encapsulation last_heard",
        "counters": "interface sent received errors",
    }
    assert set(promised) == set(WHAT)

    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            receiver = Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC)
            await receiver.until(PathEvent)
            await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),), confirm=True)
            await receiver.until(ResvConfirmed)
            seen = {}
            for what, keys in promised.items():
                # Each word has an entry on one of the two hosts at least.
                entries = [*await h1.show(what), *await h2.show(what)]
                assert entries or what == "refusals", what
                assert all(set(keys.split()) <= set(entry) for entry in entries), what
                seen[what] = entries
            [sender, _] = seen["senders"]
            assert sender["sender"] == {"address": "10.0.1.1", "port": 4000}
            assert sender["session"] == {"destination": "10.0.3.2", "protocol": 17, "port": 5000}
            assert sender["tspec"] == {"r": 125000, "b": 20000, "p": "inf", "m": 64, "M": 1400}
            assert seen["installed"][0]["flowspec"]["service"] == "controlled-load"
            assert seen["installed"][0]["packets"] == 2

    run(story())


def test_policy_data_goes_both_ways_and_comes_back_with_a_refusal(hosts: Opener):
    """SENDER and RESERVE take Policy_data, the upcalls give it (RFC 2205 section 3.11.1)."""
    mine = (PolicyData(elements=(PreemptionPriority(1, 2),)),)
    theirs = (
        PolicyData(elements=(user("somebody", "CN=somebody"),)),
        PolicyData(b"what no RFC describes..."),
    )

    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            sender, receiver = Listener(h1, sending), Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC, policy=mine)
            assert (await receiver.until(PathEvent)).policy == mine
            await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),), policy=theirs)
            assert (await sender.until(ResvEvent)).policy == theirs
            late = Listener(h2, await h2.open_session(SESSION))
            assert (await late.until(PathEvent)).policy == mine
            big = Tspec(50e6, 1e6, M=1400)
            await h1.add_sender(sending, SENDER, big, policy=mine)
            await h2.reserve(receiving, FF, (Flow(guaranteed(big), (SENDER,)),), policy=theirs)
            assert (await receiver.until(ResvError)).policy == theirs

    run(story())


def test_show_says_why(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            receiver = Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC)
            await receiver.until(PathEvent)
            await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),), confirm=True)
            await receiver.until(ResvConfirmed)
            [request] = await h2.show("requests", why=True)
            [only] = request["why"]
            assert only["section"] == "RFC 2209 section 2"
            [source] = only["sources"]
            assert (source["neighbor"], source["interface"]) == (None, None)
            assert source["spec"] == request["flowspec"]
            [installed] = await h1.show("installed", why=True)
            [source] = installed["why"][0]["sources"]
            assert (source["message"], source["neighbor"]) == ("Resv", "10.0.1.2")
            assert source["interface"] == installed["interface"]
            for what in EXPLAINED:
                entries = [*await h1.show(what, why=True), *await h2.show(what, why=True)]
                assert all(entry["why"] for entry in entries)
                assert all("why" not in entry for entry in await h1.show(what))
            with pytest.raises(LocalError, match="there is a why of senders, reservations"):
                await h1.show("counters", why=True)

    run(story())


def test_what_was_refused_is_shown_with_its_rule(tmp_path: Path):
    """RFC 2205 appendix B: the router that has too little left can be asked which rule that broke."""

    async def story() -> None:
        async with running(chain(bandwidth=50_000.0)) as nodes:
            h1, h2, r2 = nodes["h1"], nodes["h2"], nodes["r2"]
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            receiver = Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC)
            await receiver.until(PathEvent)
            await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),))
            await receiver.until(ResvError)
            socket = tmp_path / "r2.sock"
            server = ControlServer(r2, ControlSocket(socket))
            await server.start()
            client = await connect(socket)
            [refusal] = await client.show("refusals", why=True)
            assert refusal["message"] == "Resv"
            assert refusal["neighbor"] == "10.0.3.2"
            assert refusal["code"] == ErrorCode.ADMISSION_CONTROL_FAILURE
            assert refusal["filters"] == [{"address": "10.0.1.1", "port": 4000}]
            assert refusal["why"][0]["section"] == "RFC 2205 section 2.5"
            assert refusal["why"][0]["sources"][0]["interface"] == refusal["interface"]
            await client.close()
            await server.close()

    run(story())


def test_a_dry_run_of_admission_says_what_would_happen_and_makes_nothing(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):

            async def state(api: Api) -> list[object]:
                return [await api.show(what) for what in ("sessions", "senders", "reservations", "installed")]

            sending = await h1.open_session(SESSION)
            await h1.add_sender(sending, SENDER, TSPEC)
            await asyncio.sleep(1)
            before = await state(h1)
            (told,) = await h1.admit(SESSION, FF, (Flow(controlled_load(TSPEC), (SENDER,)),))
            assert (told["accepted"], told["reason"]) == (True, None)
            assert told["filters"] == [{"address": "10.0.1.1", "port": 4000}]
            assert told["rate"] + told["remains"] == 12.5e6 * 0.75
            assert told["interface"] in [entry["name"] for entry in await h1.show("interfaces")]
            # What the sender announces bounds what is taken; a sender not heard of may be as large as asked.
            other = Session(SESSION.destination, 17, 6000)
            (told,) = await h1.admit(other, FF, (Flow(controlled_load(1e8), (SENDER,)),))
            assert told["accepted"] is False
            assert told["reason"] == {
                "code": 1,
                "value": 2,
                "text": "admission control failure: requested bandwidth unavailable",
                "section": "RFC 2205 section 2.5",
                "limit": "link",
                "asked": 1e8,
                "available": 12.5e6 * 0.75,
                "unit": "bytes/s",
            }
            assert await state(h1) == before
            assert await h2.admit(SESSION, WF, (Flow(controlled_load(TSPEC)),)) == [], "it ends here"
            with pytest.raises(LocalError, match="lists no senders"):
                await h1.admit(SESSION, WF, (Flow(controlled_load(TSPEC), (SENDER,)),))
            encrypted = GpiSession(SESSION.destination, 17, 5000)
            with pytest.raises(LocalError, match=r"a GPI session is of ESP \(50\) or AH \(51\)"):
                await h1.admit(encrypted, WF, (Flow(controlled_load(TSPEC)),))
            nowhere = Session(ip_address("192.0.2.1"), 17, 5000)
            with pytest.raises(NoRoute, match="no route"):
                await h1.admit(nowhere, WF, (Flow(controlled_load(TSPEC)),))

    run(story())


def test_clear_removes_what_neighbours_made_and_says_so(hosts: Opener):
    async def story() -> None:
        async with hosts() as (h1, h2):
            sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
            sender, receiver = Listener(h1, sending), Listener(h2, receiving)
            await h1.add_sender(sending, SENDER, TSPEC)
            await receiver.until(PathEvent)
            await h2.reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),), confirm=True)
            await receiver.until(ResvConfirmed)
            other = Session(SESSION.destination, 17, 9)
            assert await h1.clear("sessions", other) == {"senders": 0, "reservations": 0, "kept": 0}
            assert await h1.clear("sessions", SESSION) == {"senders": 0, "reservations": 1, "kept": 1}
            await sender.until(ResvGone)
            assert await h1.show("reservations") == []
            assert await h2.clear("senders") == {"senders": 1, "reservations": 0, "kept": 0}
            await receiver.until(PathGone)
            assert (await h1.clear("counters"))["counters"] >= 1
            assert await h1.show("counters") == []
            with pytest.raises(LocalError, match="nothing called 'everything' to clear: one of sessions,"):
                await h1.clear("everything")
            with pytest.raises(LocalError, match="leave the session out"):
                await h1.clear("counters", SESSION)

    run(story())


def test_a_receiver_may_say_where_it_joined_its_group(hosts: Opener):
    async def story() -> None:
        async with hosts() as (_, h2):
            group = Session(ip_address("239.1.1.1"), 17, 5000)
            handle = await h2.open_session(group)
            (interface,) = [entry for entry in await h2.show("interfaces") if entry["index"]]
            flows = (Flow(controlled_load(TSPEC)),)
            await h2.reserve(handle, WF, flows, joined=interface["name"])
            (entry,) = await h2.show("reservations")
            assert entry["style"] == "WF"
            with pytest.raises(LocalError, match="RSVP runs on no interface 'eth9' here"):
                await h2.reserve(handle, WF, flows, joined="eth9")

    run(story())
