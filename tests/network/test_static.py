"""What rsvp.toml says that a node does for others: senders, reservations and listeners (RFC 5945)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from rsvp import config
from rsvp.commands.show import as_table
from rsvp.engine.outputs import PathError, PathEvent, ResvEvent, ResvGone
from rsvp.iana import ErrorCode
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.node import Node
from rsvp.objects import FF, FilterSpec, Session
from tests.nodes import Listener, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
HOST = FilterSpec(ip_address("10.0.1.1"), 4000)

SENDER = """
[[sender]]
destination = "10.0.3.2:5000"
source = "10.0.1.1:4000"
rate = "20kbit"
bucket = 5000
"""
BEHIND = SENDER + 'interface = "eth0"\n'
RESERVATION = """
[[reservation]]
destination = "10.0.3.2:5000"
senders = ["10.0.1.1:4000"]
rate = "20kbit"
bucket = 5000
confirm = true
"""
LISTENER = """
[[listener]]
destination = "10.0.3.0/24"
"""


async def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    """Wait in virtual time for something asynchronous to be so."""
    async with asyncio.timeout(seconds):
        while not await true():
            await asyncio.sleep(0.01)


def shows(node: Node, what: str, **fields: Any) -> Callable[[], Any]:
    """Whether the only entry of its kind has these values; without any, that there is none."""

    async def check() -> bool:
        entries = await node.show(what)
        if not fields:
            return not entries
        return len(entries) == 1 and all(entries[0][key] == value for key, value in fields.items())

    return check


class TestStatic:
    def test_those_of_ipsec_flows_meet(self) -> None:
        """RFC 2207: by SPI, of a host behind an interface and of the node's own."""

        def encrypted(table: str) -> str:
            return table.replace("10.0.1.1:4000", "10.0.1.1/spi=7") + 'protocol = "esp"\n'

        async def main() -> None:
            own = encrypted(SENDER).replace("10.0.1.1/", "")
            h1, h2 = config.read(own), config.read(encrypted(RESERVATION))
            async with running(chain(), h1=h1, h2=h2) as nodes:
                await until(shows(nodes["h1"], "reservations", style="FF"))
                (sender,) = await nodes["r1"].show("senders")
                assert sender["sender"] == {"address": "10.0.1.1", "gpi": 7}

        run(main())

    def test_people_see_which_table_made_it(self) -> None:
        async def main() -> None:
            async with running(chain(), h1=config.read(SENDER)) as nodes:
                for name, told in (("h1", True), ("r1", False)):
                    await until(shows(nodes[name], "senders", sender={"address": "10.0.1.1", "port": 4000}))
                    table = as_table("senders", await nodes[name].show("senders"))
                    columns = {column.header: list(column.cells) for column in table.columns}
                    assert columns.get("proxy") == (["sender"] if told else None)

        run(main())

    def test_a_sender_and_a_reservation_meet(self) -> None:
        async def main() -> None:
            h1, h2 = config.read(SENDER), config.read(RESERVATION)
            async with running(chain(), h1=h1, h2=h2) as nodes:
                await until(shows(nodes["h1"], "reservations", style="FF"))
                assert await shows(nodes["h1"], "senders", proxy="sender", phop=None)()
                assert await shows(nodes["h2"], "reservations", proxy="reservation", nhop=None)()
                assert await shows(nodes["r1"], "senders", proxy=None)()
                (installed,) = await nodes["r2"].show("installed")
                tspec = installed["flowspec"]["tspec"]
                assert (tspec["r"], tspec["b"]) == (2500.0, 5000.0)

        run(main())

    def test_both_for_hosts_behind_routers(self) -> None:
        async def main() -> None:
            r1, r2 = config.read(BEHIND), config.read(RESERVATION + 'interface = "eth1"')
            async with running(chain(), r1=r1, r2=r2) as nodes:
                await until(shows(nodes["r2"], "installed", interface="eth1"))
                await until(shows(nodes["r1"], "installed", interface="eth1"))

        run(main())

    def test_another_file_disturbs_nothing_that_is_in_both(self) -> None:
        """SIGHUP reads the file again."""

        async def main() -> None:
            other = SENDER.replace("4000", "4001")
            async with running(chain(), h1=config.read(SENDER), h2=config.read(RESERVATION)) as nodes:
                h1, h2 = nodes["h1"], nodes["h2"]
                await until(shows(h1, "reservations", style="FF"))
                listener = Listener(h2, await h2.open_session(SESSION))
                await h1.reconfigure(config.read(SENDER + other))

                async def two() -> bool:
                    return len(await nodes["r2"].show("senders")) == 2

                await until(two)
                await asyncio.sleep(10)
                assert await shows(h1, "reservations", style="FF")()
                await h1.reconfigure(config.read(other))
                await until(shows(nodes["r2"], "senders", sender={"address": "10.0.1.1", "port": 4001}))
                await h1.reconfigure(config.read(""))
                await until(shows(nodes["r2"], "senders"))
                told = [type(event).__name__ for event in listener.events]
                assert told == ["PathEvent", "PathEvent", "PathGone", "PathGone"]

        run(main())

    def test_what_cannot_be_made_yet_is_made_later(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            network = chain()
            async with running(network, r1=config.read(BEHIND.replace("eth0", "eth2"))) as nodes:
                r1 = nodes["r1"]
                await asyncio.sleep(5)
                assert not await r1.show("senders")
                wire = network.link(("r1", "10.0.7.1"), ("h7", "10.0.7.2"))
                await until(shows(r1, "senders", interface="eth2", outgoing=["eth1"]))
                wire.cut()
                await until(shows(nodes["r2"], "senders"))
                wire.mend()
                await until(shows(nodes["r2"], "senders", proxy=None))

        caplog.set_level(logging.INFO, "rsvp.proxy")
        run(main())
        about = "sender 10.0.1.1:4000 to 10.0.3.2:5000"
        missing = f"{about}: RSVP runs on no interface 'eth2' here, only on eth0, eth1"
        there = f"{about}: as it should be again"
        told = [record.getMessage() for record in caplog.records if record.name == "rsvp.proxy"]
        assert told == [missing, there, missing, there]

    def test_what_is_refused_is_asked_for_again(self, caplog: pytest.LogCaptureFixture) -> None:
        async def main() -> None:
            full = Session(ip_address("10.0.3.2"), 17, 6000)
            much = Tspec(9e6, 18e6)
            flows = (Flow(controlled_load(much), (HOST,)),)
            told = RESERVATION.replace("20kbit", "72mbit").replace("5000\n", "18000000\n")
            sender = SENDER.replace("20kbit", "72mbit").replace("5000\n", "18000000\n")
            async with running(chain(), r2=config.read(told + 'interface = "eth1"')) as nodes:
                h1, r2 = nodes["h1"], nodes["r2"]
                await h1.add_sender(await h1.open_session(full), HOST, much)
                handle = await r2.open_session(full)
                await Listener(r2, handle).until(PathEvent)
                await r2.reserve(handle, FF, flows, outgoing="eth1")
                await until(shows(r2, "installed", interface="eth1"))
                await h1.reconfigure(config.read(sender))
                await asyncio.sleep(100)
                await r2.close_session(handle)
                await until(shows(nodes["r1"], "installed", session={**DESTINATION, "port": 5000}))

        caplog.set_level(logging.INFO, "rsvp.proxy")
        run(main())
        refused, confirmed = caplog.messages
        assert refused.startswith("reservation for 10.0.3.2:5000: 10.0.3.1 refused: ")
        assert confirmed == "reservation for 10.0.3.2:5000: confirmed by 10.0.1.1"


DESTINATION = {"destination": "10.0.3.2", "protocol": 17}


class TestListener:
    def test_it_answers_for_whoever_is_behind_it(self) -> None:
        async def main() -> None:
            async with running(chain(), r2=config.read(LISTENER)) as nodes:
                h1, r2, h2 = nodes["h1"], nodes["r2"], nodes["h2"]
                handle = await h1.open_session(SESSION)
                listener = Listener(h1, handle)
                await h1.add_sender(handle, HOST, Tspec(2500.0, 5000.0))
                event = await listener.until(ResvEvent)
                assert isinstance(event, ResvEvent)
                assert (event.style, event.flowspec.tspec.rate) == (FF, 2500.0)
                assert await shows(r2, "reservations", proxy="listener", interface="eth1", nhop=None)()
                assert await shows(r2, "installed", interface="eth1")(), "the last link, too"
                assert not await h2.show("senders"), "the Path goes no further"
                await asyncio.sleep(200)
                assert await shows(r2, "installed", interface="eth1")()
                await h1.close_session(handle)
                await until(shows(r2, "sessions"))
                assert not any(entry["received"] for entry in await h2.show("counters"))

        run(main())

    def test_senders_come_and_go(self) -> None:
        async def main() -> None:
            async with running(chain(), r2=config.read(LISTENER)) as nodes:
                h1, r2 = nodes["h1"], nodes["r2"]
                handle = await h1.open_session(SESSION)
                for port in (1, 2, 3):
                    await h1.add_sender(handle, FilterSpec(HOST.address, port), Tspec(1000.0, 5000.0))

                async def three() -> bool:
                    return len(await r2.show("installed")) == 3

                await until(three)
                for port in (2, 1, 3):
                    await h1.remove_sender(handle, FilterSpec(HOST.address, port))
                await until(shows(r2, "sessions"))
                await h1.add_sender(handle, HOST, Tspec(1000.0, 5000.0))
                await until(shows(r2, "installed", interface="eth1"))

        run(main())

    @pytest.mark.parametrize(
        ("keys", "answered"),
        [
            ('destination = "10.0.3.0/24:4000-5000"', True),
            ('destination = "10.0.3.0/24:4000-4999"', False),
            ('destination = ":5000"', True),
            ('destination = "10.0.4.0/24"', False),
            ('destination = "10.0.3.0/24"\nprotocol = "tcp"', False),
            ('destination = "10.0.3.0/24"\nprotocol = 17', True),
        ],
    )
    def test_it_answers_for_no_others(self, keys: str, answered: bool) -> None:
        async def main() -> None:
            async with running(chain(), r2=config.read(f"[[listener]]\n{keys}")) as nodes:
                h1 = nodes["h1"]
                await h1.add_sender(await h1.open_session(SESSION), HOST, Tspec(2500.0, 5000.0))
                await asyncio.sleep(10)
                assert bool(await nodes["r2"].show("installed")) == answered
                assert bool(await nodes["h2"].show("senders")) != answered

        run(main())

    def test_service_style_and_rate(self) -> None:
        async def main() -> None:
            keys = 'style = "wf"\nservice = "rate"\nrate = 4000\nbucket = 8000\nconfirm = true'
            async with running(chain(), r2=config.read(LISTENER + keys)) as nodes:
                h1 = nodes["h1"]
                await h1.add_sender(await h1.open_session(SESSION), HOST, Tspec(2500.0, 5000.0))
                await until(shows(h1, "reservations", style="WF"))
                (found,) = await nodes["r1"].show("reservations")
                assert found["flowspec"]["service"] == "guaranteed"
                assert found["flowspec"]["tspec"]["b"] == 8000.0
                assert found["flowspec"]["rspec"]["R"] == 4000.0

        run(main())

    def test_it_may_reject(self) -> None:
        async def main() -> None:
            async with running(chain(), r2=config.read(LISTENER + 'answer = "reject"')) as nodes:
                h1 = nodes["h1"]
                handle = await h1.open_session(SESSION)
                listener = Listener(h1, handle)
                await h1.add_sender(handle, HOST, Tspec(2500.0, 5000.0))
                error = await listener.until(PathError)
                assert isinstance(error, PathError)
                assert (error.code, str(error.node)) == (ErrorCode.POLICY_CONTROL_FAILURE, "10.0.2.2")
                assert not await nodes["r2"].show("reservations")
                assert not await nodes["h2"].show("senders")

        run(main())

    def test_a_sender_hears_that_nothing_could_be_reserved(self) -> None:
        """RFC 5946 section 3.1: the ResvErr ends at the proxy, and the sender is told by a PathErr."""

        async def main() -> None:
            network = chain(middle={"bandwidth": 1000.0})
            async with running(network, r2=config.read(LISTENER)) as nodes:
                h1 = nodes["h1"]
                handle = await h1.open_session(SESSION)
                listener = Listener(h1, handle)
                await h1.add_sender(handle, HOST, Tspec(2500.0, 5000.0))
                error = await listener.until(PathError)
                assert isinstance(error, PathError)
                assert error.code == ErrorCode.ADMISSION_CONTROL_FAILURE

        run(main())

    def test_a_file_that_is_read_again(self) -> None:
        async def main() -> None:
            async with running(chain()) as nodes:
                h1, r2 = nodes["h1"], nodes["r2"]
                handle = await h1.open_session(SESSION)
                listener = Listener(h1, handle)
                await h1.add_sender(handle, HOST, Tspec(2500.0, 5000.0))
                await until(shows(r2, "senders", proxy=None))
                await r2.reconfigure(config.read(LISTENER))
                await listener.until(ResvEvent)
                await r2.reconfigure(
                    config.read(LISTENER + SENDER.replace("5000", "7000") + 'interface = "eth0"')
                )
                await asyncio.sleep(1)
                assert not any(isinstance(event, ResvGone) for event in listener.events)
                await r2.reconfigure(config.read(""))
                await listener.until(ResvGone)
                await until(shows(nodes["h2"], "senders", proxy=None))

        run(main())

    def test_it_follows_a_change_of_route(self) -> None:
        async def main() -> None:
            network = chain()
            for ends in ((("r2", "10.0.9.1"), ("x", "10.0.9.2")), (("x", "10.0.8.1"), ("h2", "10.0.8.2"))):
                network.link(*ends, delay=0.001, bandwidth=12.5e6)
            async with running(network, r2=config.read(LISTENER)) as nodes:
                h1, r2 = nodes["h1"], nodes["r2"]
                handle = await h1.open_session(SESSION)
                await h1.add_sender(handle, HOST, Tspec(2500.0, 5000.0))
                await until(shows(r2, "installed", interface="eth1"))
                network.wires[2].cut()
                await until(shows(r2, "installed", interface="eth2"))
                network.wires[2].mend()
                await until(shows(r2, "installed", interface="eth1"))

        run(main())

    def test_one_node_may_speak_for_both_ends(self) -> None:
        async def main() -> None:
            async with running(chain(), r1=config.read(BEHIND + LISTENER)) as nodes:
                r1 = nodes["r1"]
                await until(shows(r1, "installed", interface="eth1"))
                assert await shows(r1, "reservations", proxy="listener")()
                await r1.reconfigure(config.read(LISTENER))
                await until(shows(r1, "sessions"))
                for name in ("h1", "r2"):
                    assert not any(entry["received"] for entry in await nodes[name].show("counters"))

        run(main())

    def test_the_own_paths_of_its_node_are_its_own_matter(self) -> None:
        async def main() -> None:
            async with running(chain(), r2=config.read(LISTENER)) as nodes:
                r2 = nodes["r2"]
                await r2.add_sender(await r2.open_session(SESSION), None, Tspec(2500.0, 5000.0), port=4000)
                await until(shows(nodes["h2"], "senders", proxy=None))
                assert not await r2.show("reservations")

        run(main())


def test_one_router_at_each_end_makes_a_whole_reservation(caplog: pytest.LogCaptureFixture) -> None:
    """A sender proxy towards a receiver proxy: neither host knows of RSVP."""

    async def main() -> None:
        r1, r2 = config.read(BEHIND), config.read(LISTENER + "confirm = true")
        async with running(chain(), r1=r1, r2=r2) as nodes:
            for name in ("r1", "r2"):
                await until(shows(nodes[name], "installed", interface="eth1"))
            await asyncio.sleep(1)
            for name in ("h1", "h2"):
                assert not any(entry["received"] for entry in await nodes[name].show("counters"))

    caplog.set_level(logging.INFO, "rsvp.proxy")
    run(main())
    assert caplog.messages == ["listener for 10.0.3.0/24, 10.0.3.2:5000/17: confirmed by 10.0.2.1"]
