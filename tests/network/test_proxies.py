"""Applications that speak for hosts without RSVP, which are behind an interface that they name (RFC 5945)."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from rsvp.engine.outputs import PathEvent, ResvConfirmed, ResvError, ResvEvent
from rsvp.errors import LocalError, NoRoute
from rsvp.iana import ErrorCode
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF, FilterSpec, Session
from tests.nodes import Listener, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
HOST = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(2500.0, 5000.0)
FLOWS = (Flow(controlled_load(TSPEC), (HOST,)),)


def test_two_routers_reserve_for_two_hosts() -> None:
    async def main() -> None:
        async with running(chain()) as nodes:
            r1, r2 = nodes["r1"], nodes["r2"]
            one, two = await r1.open_session(SESSION), await r2.open_session(SESSION)
            upstream, downstream = Listener(r1, one), Listener(r2, two)
            assert await r1.add_sender(one, HOST, TSPEC, incoming="eth0") == HOST
            await downstream.until(PathEvent)
            await r2.reserve(two, FF, FLOWS, confirm=True, outgoing="eth1")
            await downstream.until(ResvConfirmed)
            await upstream.until(ResvEvent)
            for node in (r1, r2):
                (installed,) = await node.show("installed")
                assert (installed["interface"], installed["flowspec"]["tspec"]["r"]) == ("eth1", 2500.0)
            (sender,) = await r1.show("senders")
            assert (sender["phop"], sender["interface"], sender["outgoing"]) == (None, "eth0", ["eth1"])
            (reservation,) = await r2.show("reservations")
            assert (reservation["nhop"], reservation["interface"]) == (None, "eth1")
            assert (await nodes["h1"].show("senders"), await nodes["h1"].show("requests")) == ([], [])

    run(main())


def test_the_last_link_has_a_say() -> None:
    async def main() -> None:
        network = chain()
        async with running(network) as nodes:
            r2, h1 = nodes["r2"], nodes["h1"]
            much = Tspec(12e6, 24e6)
            await h1.add_sender(await h1.open_session(SESSION), HOST, much)
            handle = await r2.open_session(SESSION)
            listener = Listener(r2, handle)
            await listener.until(PathEvent)
            await r2.reserve(handle, FF, (Flow(controlled_load(much), (HOST,)),), outgoing="eth1")
            error = await listener.until(ResvError)
            assert isinstance(error, ResvError)
            assert (error.code, str(error.node)) == (ErrorCode.ADMISSION_CONTROL_FAILURE, "10.0.3.1")
            assert not await r2.show("installed")
            (refusal,) = await r2.show("refusals")
            assert (refusal["neighbor"], refusal["interface"]) == (None, "eth1")

    run(main())


def test_mistakes() -> None:
    async def main() -> None:
        async with running(chain()) as nodes:
            r1 = nodes["r1"]
            handle = await r1.open_session(SESSION)
            with pytest.raises(LocalError, match="RSVP runs on no interface 'eth9' here, only on eth0, eth1"):
                await r1.add_sender(handle, HOST, TSPEC, incoming="eth9")
            with pytest.raises(LocalError, match="no interface 'eth9'"):
                await r1.reserve(handle, FF, FLOWS, outgoing="eth9")
            with pytest.raises(LocalError, match="a host behind eth0: say which address it has"):
                await r1.add_sender(handle, None, TSPEC, incoming="eth0")
            nowhere = await r1.open_session(Session(ip_address("192.0.2.1"), 17, 5000))
            with pytest.raises(NoRoute):
                await r1.add_sender(nowhere, HOST, TSPEC, incoming="eth0")

    run(main())
