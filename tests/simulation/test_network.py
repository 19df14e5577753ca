"""What the simulated network does to packets, as real links and routers would."""

from __future__ import annotations

from functools import partial

from rsvp import decode
from rsvp.engine import PathEvent, ResvConfirmed
from rsvp.iana import MessageType
from rsvp.intserv import controlled_load
from rsvp.objects import FF
from rsvp.receiver import Receiver
from rsvp.simulation import Crossing, Drop, Event, Scenario, Simulation, Topology

LINE = "link h1 r1 10mbit 1ms\nlink r1 h2 10mbit 1ms\n"


def simulation(topology: str, **fields: float) -> Simulation:
    return Simulation(Topology.parse(topology), **fields)  # type: ignore[arg-type]


def reserved(topology: str, until: float = 5.0, **fields: float) -> Simulation:
    """h1 sends to h2, which reserves, with a confirmation."""
    network = simulation(topology, **fields)
    network.node("h2").receive("h2:5000", Receiver(FF, controlled_load), confirm=True)
    network.node("h1").send("h2:5000", 2500.0, port=4000)
    network.run(until)
    return network


def crossings(network: Simulation) -> list[Crossing]:
    """The packets from now on."""
    seen: list[Crossing] = []

    def watch(event: Event) -> None:
        if isinstance(event, Crossing):
            seen.append(event)

    network.observe(watch)
    return seen


def heard(network: Simulation, node: str, kind: type) -> int:
    return sum(isinstance(upcall, kind) for _, upcall in network.node(node).events)


def test_a_reservation_end_to_end() -> None:
    network = reserved(LINE)
    assert [view.flowspec.rate for view in network.node("r1").installed()] == [2500.0]
    assert heard(network, "h2", ResvConfirmed) == 1
    assert not network.invariants.check()


def test_delays_add_up() -> None:
    network = reserved(LINE)
    times = [time for time, upcall in network.node("h2").events if isinstance(upcall, PathEvent)]
    assert times == [0.002]


def test_everything_is_gone_after_it_was_given_back() -> None:
    network = reserved(LINE)
    network.node("h1").close("h2:5000")
    network.node("h2").close("h2:5000")
    network.run(6)
    assert network.empty


def test_a_router_without_rsvp_is_seen_by_its_ttl() -> None:
    """RFC 2205 section 3.8: the two TTLs of a Path differ, and the ADSPEC says so from there on."""
    network = simulation("plain p1\nlink h1 p1\nlink p1 r1\nlink r1 h2")
    seen = crossings(network)
    network.node("h2").receive("h2:5000", Receiver(FF, controlled_load), confirm=True)
    network.node("h1").send("h2:5000", 2500.0, port=4000)
    network.run(5)
    paths = [one for one in seen if one.packet.data[1] == MessageType.PATH]
    ttls = [(one.node, one.packet.ttl, decode(one.packet.data).send_ttl) for one in paths]
    assert ttls == [("h1", 63, 63), ("p1", 62, 63), ("r1", 61, 61)]
    (view,) = network.node("h2").senders()
    assert view.adspec is not None
    assert view.adspec.general.broken
    assert view.adspec.general.is_hops == 2  # h1 and r1
    # The Resv goes to h1, which is the previous hop, through p1 like any packet.
    assert network.node("h1").installed()
    assert heard(network, "h2", ResvConfirmed) == 1


def test_plain_routers_carry_multicast_along_the_tree() -> None:
    network = simulation("plain p1\nlink h1 p1\nlink p1 h2\nlink p1 h3\nlink p1 h4")
    for name in ("h2", "h3"):
        network.node(name).receive("239.1.1.1:5000", Receiver(FF, controlled_load))
    network.node("h1").send("239.1.1.1:5000", 2500.0, port=4000)
    network.run(1)
    assert [bool(network.node(name).senders()) for name in ("h2", "h3", "h4")] == [True, True, False]


def test_a_packet_whose_ttl_is_used_up_ends() -> None:
    network = simulation("plain p1 p2\nlink h1 p1\nlink p1 p2\nlink p2 h2")
    network.node("h2").open("h2:5000")
    network.node("h1").send("h2:5000", 2500.0, port=4000, ttl=2)
    network.run(1)
    assert not network.node("h2").senders()
    assert network.lost == 1
    network.node("h1").send("h2:5000", 2500.0, port=4000, ttl=3)
    network.run(2)
    assert network.node("h2").senders()


def test_a_lan_takes_a_path_to_members_and_routers_only() -> None:
    network = simulation("lan h1 r1 h2 h3\nlink r1 h4")
    network.node("h2").receive("239.1.1.1:5000", Receiver(FF, controlled_load))
    network.node("h4").receive("239.1.1.1:5000", Receiver(FF, controlled_load))
    seen = crossings(network)
    network.node("h1").send("239.1.1.1:5000", 2500.0, port=4000)
    network.run(1)
    assert seen[0].reached == ("r1", "h2")
    assert network.node("h4").senders()
    assert not network.node("h3").senders()
    # Two next hops on one interface are merged into one reservation.
    assert len(network.node("h1").reservations()) == 2
    assert len(network.node("h1").installed()) == 1
    assert not network.invariants.check()


def test_loss_duplication_and_order() -> None:
    def arrivals(words: str) -> int:
        network = simulation(f"link h1 h2 1ms {words}", seed=5, refresh=0.01)
        network.node("h2").open("h2:5000")
        network.node("h1").send("h2:5000", 2500.0, port=4000)
        network.run(20)
        return network.node("h2").received[1, "Path"] - network.node("h1").sent[1, "Path"]

    sent = 2000
    assert arrivals("") in (0, -1)
    assert -0.4 * sent < arrivals("loss 30%") < -0.2 * sent
    assert 0.2 * sent < arrivals("duplicate 30%") < 0.4 * sent


def test_only_reordering_lets_packets_pass_each_other() -> None:
    def numbers(words: str) -> list[int]:
        """Tspecs in the order in which they arrive; they were sent in rising order."""
        network = simulation(f"link h1 h2 1ms {words}", seed=5)
        network.node("h2").open("h2:5000")
        for number in range(1, 101):
            network.at(number / 1000, partial(network.node("h1").send, "h2:5000", float(number), port=1))
        network.run(2)
        return [int(up.sender.tspec.rate) for _, up in network.node("h2").events]  # type: ignore[union-attr]

    assert numbers("jitter 50ms") == list(range(1, 101))
    mixed = numbers("reorder 20%")
    assert mixed != sorted(mixed)


def test_the_nth_message_is_dropped() -> None:
    network = simulation(LINE, seed=2)
    network.drop(Drop(MessageType.PATH, "r1", "h2", skip=1, count=2))
    seen = crossings(network)
    network.node("h2").open("h2:5000")
    network.node("h1").send("h2:5000", 2500.0, port=4000)
    network.run(300)
    fates = [bool(one.lost) for one in seen if one.node == "r1"]
    assert fates[:5] == [False, True, True, False, False]
    assert not any(one.lost for one in seen if one.node == "h1")


def test_a_broken_link_loses_what_is_on_it_and_routes_go_round() -> None:
    topology = (
        "link h1 r1\nlink r1 r2 1s\nlink r2 h2\nlink r1 r3 1ms cost 5\nlink r3 r2 1ms cost 5\n"
        "router r1 r2 r3\n"
    )
    network = simulation(topology, convergence=0.5)
    network.node("h2").receive("h2:5000", Receiver(FF, controlled_load))
    network.node("h1").send("h2:5000", 2500.0, port=4000)
    network.run(0.9)
    network.cut(network.link("r1", "r2"))
    network.run(1.2)
    assert network.lost == 1
    assert not network.node("h2").senders()
    network.run(10)  # W, 2 s after routing has followed (RFC 2205 section 3.6)
    assert network.node("r3").senders()
    assert network.node("h2").senders()
    assert network.node("r3").installed()
    network.mend(network.link("r1", "r2"))
    network.run(300)
    assert not network.node("r3").senders()
    assert [view.interface for view in network.node("r1").installed()] == [2]
    assert not network.invariants.check()


def test_a_crash_loses_state_and_a_restart_finds_it_again() -> None:
    network = reserved(LINE)
    network.crash(network.node("r1"))
    network.run(10)
    assert network.node("r1").senders() == []
    network.restart(network.node("r1"))
    network.run(100)
    assert network.node("r1").senders()
    assert network.node("r1").installed()
    assert not network.invariants.check()


def test_without_refreshes_state_ends_within_its_lifetime() -> None:
    """RFC 2205 section 3.7: L = (K + 0.5) * 1.5 * R."""
    network = reserved(LINE, refresh=30.0)
    network.crash(network.node("h1"))
    network.run(5 + 157.5 + 0.1)
    assert not network.node("r1").sessions()
    network = reserved(LINE, refresh=30.0)
    network.crash(network.node("h1"))
    network.run(5 + 60)
    assert network.node("r1").senders()


def test_a_restarted_host_is_told_of_nothing() -> None:
    network = reserved(LINE)
    network.restart(network.node("h2"))
    network.run(300)
    assert network.node("h2").events == []
    assert network.node("r1").installed() == []
    assert network.node("r1").senders()


def test_ipv6() -> None:
    network = reserved(LINE, versions=(6,))  # type: ignore[arg-type]
    assert heard(network, "h2", ResvConfirmed) == 1
    assert str(network.node("r1").senders()[0].phop) == "fd00:0:1::1"


def test_two_applications_of_one_node_share_its_session() -> None:
    scenario = Scenario.parse(
        LINE + "at 0 h1 send h2:5000 from :4000 20kbit\nat 1 h2 reserve h2:5000 ff 10kbit as a\n"
        "at 1 h2 reserve h2:5000 ff 20kbit as b\nat 3 h2 close h2:5000 as b\nrun 5"
    )
    network = scenario.simulation()
    network.run(2)
    assert [view.flowspec.rate for view in network.node("r1").installed()] == [2500.0]
    network.run(5)
    assert [view.flowspec.rate for view in network.node("r1").installed()] == [1250.0]
