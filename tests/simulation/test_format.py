"""Scenario and topology files: what they may say, and one sentence with its line for each mistake."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from rsvp.errors import ScenarioError
from rsvp.intserv import Flowspec, Tspec, controlled_load, guaranteed
from rsvp.objects import FilterSpec, GpiFilter, Session
from rsvp.simulation import Acted, Checked, Event, Kind, Scenario, Shown, Simulation, Topology

NETWORK = "link h1 r1 10mbit 1ms\nlink r1 h2 10mbit 1ms\nlink r1 h3\n"
PATHS = (
    NETWORK + "at 0 h1 send 239.1.1.1:5000 from :4000 20kbit\nat 0 h3 send 239.1.1.1:5000 from :4000 40kbit\n"
)
SENDERS = (FilterSpec(ip_address("10.0.1.1"), 4000), FilterSpec(ip_address("10.0.3.2"), 4000))


def run(text: str) -> tuple[Simulation, list[Event]]:
    scenario = Scenario.parse(text)
    simulation = scenario.simulation()
    seen: list[Event] = []
    simulation.observe(seen.append)
    simulation.run(scenario.end)
    return simulation, seen


def reserved(simulation: Simulation, node: str = "h2") -> list[tuple[tuple[object, ...], Flowspec]]:
    views = simulation.node(node).reservations()
    return [(tuple(sorted(view.filters, key=str)), view.flowspec) for view in views]


# --- topologies -----------------------------------------------------------------------------------


def test_the_words_of_a_link() -> None:
    topology = Topology.parse(
        "link a b 10mbit 5ms jitter 1ms loss 5% duplicate 0.1 reorder 2% held 1s reservable 50% "
        "per-flow 1mbit mtu 9000 cost 3  # a comment"
    )
    (link,) = topology.links
    assert (link.bandwidth, link.delay, link.jitter) == (1_250_000.0, 0.005, 0.001)
    assert (link.loss, link.duplication, link.reordering, link.held) == (0.05, 0.1, 0.02, 1.0)
    assert (link.reservable, link.per_flow, link.mtu, link.cost) == (0.5, 125_000.0, 9000, 3)


def test_names_and_addresses_of_ends() -> None:
    simulation = Simulation(Topology.parse("link a:ge0 b@10.9.0.2\nlink a c:x@10.8.0.1,fd00::1\nlink b c"))
    ports = {port.name: [str(one) for one in port.addresses] for port in simulation.node("a").ports.values()}
    assert ports == {"ge0": ["10.0.1.1"], "eth2": ["10.0.2.1"]}
    assert [str(one) for one in simulation.node("c").addresses] == ["10.8.0.1", "fd00::1", "10.0.3.2"]
    assert [str(one) for one in simulation.node("b").addresses] == ["10.9.0.2", "10.0.3.1"]


def test_given_addresses_are_not_given_again() -> None:
    simulation = Simulation(Topology.parse("link a@10.0.1.2 b@10.0.1.1\nlink a@10.0.2.1 b"))
    assert [str(one) for one in simulation.node("b").addresses] == ["10.0.1.1", "10.0.2.2"]


def test_what_nodes_are() -> None:
    topology = Topology.parse(
        "link a b\nlink b c\nplain b\nrouter c refresh 5 keep 2 route-delay 1 blockade 9 slew 5%"
    )
    assert [topology.kind(name) for name in "abc"] == [Kind.HOST, Kind.PLAIN, Kind.ROUTER]
    simulation = Simulation(topology, refresh=20)
    assert [(node.timing["refresh"], node.keep) for node in simulation.nodes.values()] == [
        (20, 3),
        (20, 3),
        (5, 2),
    ]
    assert simulation.node("b").engine is None
    timing = {"refresh": 5, "keep": 2, "route_delay": 1, "blockade": 9, "slew": 0.05}
    assert simulation.node("c").timing == timing


def test_generated_topologies() -> None:
    assert [len(Topology.line(5).nodes), len(Topology.line(5).links)] == [7, 6]
    tree = Topology.tree(7, fan=2, hosts=2)
    assert [len(tree.nodes), len(tree.links)] == [22, 21]
    grid = Topology.grid(3, 4)
    assert [len(grid.nodes), len(grid.links)] == [24, 12 + 17]
    assert Topology.random(20, seed=1) == Topology.random(20, seed=1)
    assert Topology.random(20, seed=1) != Topology.random(20, seed=2)
    assert Simulation(Topology.random(50)).node("r50").engine is not None


def test_a_topology_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / "net.txt").write_text(NETWORK)
    (tmp_path / "story.rsvp").write_text("topology net.txt\nat 0 h1 send h2:1 20kbit\nrun 1")
    scenario = Scenario.load(tmp_path / "story.rsvp")
    assert list(scenario.topology.nodes) == ["h1", "r1", "h2", "h3"]
    simulation = scenario.simulation()
    simulation.run(1)
    assert simulation.node("h2").senders()


# --- actions --------------------------------------------------------------------------------------


def test_what_senders_say() -> None:
    simulation, _ = run(
        NETWORK
        + "at 0 h1 send h2:5000/tcp from :4000 rate 80kbit bucket 2000 peak 160kbit min 100 max 500 ttl 9\n"
        "at 0 h1 send h3:1 20kbit no-adspec"
    )
    (view,) = simulation.node("h2").senders()
    assert view.session == Session(ip_address("10.0.2.2"), 6, 5000)
    assert view.sender == SENDERS[0]
    assert view.tspec == Tspec(10_000.0, 2000, 20_000.0, 100, 500)
    (view,) = simulation.node("h3").senders()
    assert view.adspec is None
    assert view.tspec.bucket == 3000


@pytest.mark.parametrize(
    ("words", "flows"),
    [
        ("ff 8kbit for h1:4000", [(SENDERS[:1], controlled_load(1000))]),
        (
            "ff 8kbit for h1:4000 and 16kbit for h3:4000",
            [(SENDERS[:1], controlled_load(1000)), (SENDERS[1:], controlled_load(2000))],
        ),
        ("se 8kbit bucket 5000 for h1:4000,h3:4000", [(SENDERS, controlled_load(1000, bucket=5000))]),
        ("wf 8kbit max 600", [((), controlled_load(1000, M=600))]),
        ("wf 8kbit guaranteed 16kbit slack 7", [((), guaranteed(1000, 2000, 7))]),
        ("ff 8kbit guaranteed for h1:4000", [(SENDERS[:1], guaranteed(1000))]),
        ("ff", [(SENDERS[:1], controlled_load(2500)), (SENDERS[1:], controlled_load(5000))]),
        ("ff for h3:4000", [(SENDERS[1:], controlled_load(5000))]),
        ("se 8kbit", [(SENDERS, controlled_load(1000))]),
        ("wf", [((), controlled_load(5000))]),
    ],
)
def test_what_receivers_ask_for(words: str, flows: list[object]) -> None:
    simulation, _ = run(PATHS + f"at 5 h2 reserve 239.1.1.1:5000 {words}\nrun 10")
    assert sorted(reserved(simulation), key=str) == flows


def test_reservations_follow_senders_that_come_and_go() -> None:
    simulation, _ = run(
        NETWORK + "at 0 h2 reserve 239.1.1.1:5000 ff\nat 1 h1 send 239.1.1.1:5000 from :4000 20kbit\n"
        "at 5 h1 stop 239.1.1.1:5000 from :4000\nat 5 h3 send 239.1.1.1:5000 from :4000 40kbit\nrun 10"
    )
    assert reserved(simulation) == [(SENDERS[1:], controlled_load(5000))]


def test_what_cannot_be_done_is_told_and_the_run_goes_on() -> None:
    simulation, seen = run(
        PATHS + "at 1 h2 reserve 239.1.1.1:5000 ff 8kbit for h1:4000 as a\n"
        "at 2 h2 reserve 239.1.1.1:5000 wf 8kbit as b\nat 3 h2 release 239.1.1.1:77\nat 4 node h3 crash\n"
        "at 5 h3 open 239.1.1.1:5000"
    )
    refused = [event.refused for event in seen if isinstance(event, Acted) and event.refused]
    assert refused == [
        "this session is reserved in style FF, which does not go together with WF",
        "h2 takes no part in 239.1.1.1:77/17",
        "h3 is down",
    ]
    assert len(reserved(simulation)) == 1


def test_release_of_one_sender_and_of_all() -> None:
    text = PATHS + "at 5 h2 reserve 239.1.1.1:5000 ff\nat 10 h2 release 239.1.1.1:5000"
    assert reserved(run(text + " for h1:4000\nrun 12")[0]) == [(SENDERS[1:], controlled_load(5000))]
    assert reserved(run(text + "\nrun 12")[0]) == []


def test_groups_are_joined_and_left() -> None:
    simulation, _ = run(
        NETWORK + "at 0 h1 send 239.1.1.1:5000 20kbit\nat 1 h* join 239.1.1.1\nat 5 expect r1 senders 1\n"
        "at 5 show r1 senders\nat 10 h2,h3 leave 239.1.1.1\nrun 12"
    )
    (view,) = simulation.node("r1").senders()
    assert view.outgoing == ()


def test_links_change_as_told() -> None:
    simulation, _ = run(
        NETWORK
        + "at 1 link r1 h2 loss 100%\nat 2 link h1 r1 1mbit reservable 50%\nat 3 link r1 h3 down\nrun 4"
    )
    assert simulation.link("r1", "h2").spec.loss == 1.0
    assert [view.limit for view in simulation.node("h1").interfaces()] == [62_500.0]
    assert [view.name for view in simulation.node("r1").interfaces()] == ["eth1", "eth2"]


def test_a_message_of_ones_own_arrives() -> None:
    simulation, _ = run(
        NETWORK
        + "at 1 inject r1 eth1 1001 ttl 3\nat 2 inject r1 eth1 10070000ff000008 from 10.0.1.9 to 10.0.1.2"
    )
    assert simulation.node("r1").errors.total() == 2


def test_drops() -> None:
    simulation, _ = run(
        NETWORK + "at 0 drop Path from h1 to r1 count all\nat 0 drop any from h3 nth 2\n"
        "at 1 h1 send 239.1.1.1:5000 from :4000 20kbit\n"
        "at 1 h3 send 239.1.1.1:5000 from :4000 20kbit\nrun 500"
    )
    assert [view.sender for view in simulation.node("r1").senders()] == [SENDERS[1]]
    assert simulation.lost == simulation.node("h1").sent[1, "Path"] + 1


@pytest.mark.parametrize(
    ("words", "held", "found"),
    [
        ("r1 senders 2", True, "2 senders"),
        ("r1 senders 1", False, "2 senders"),
        ("r1 reservations at-least 2", True, "2 reservations"),
        ("r1 installed at-most 1", False, "2 installed"),
        ("r1 reserved eth2 60kbit", True, "60 kbit/s reserved"),
        ("r1 reserved 50kbit", False, "60 kbit/s reserved"),
        ("h2 heard path", True, "path 2 times"),
        ("h2 heard confirm 2", True, "confirm 2 times"),
        ("h1 heard resv_error", False, "resv_error 0 times"),
        ("empty", False, "state on h1, r1, h2, h3"),
    ],
)
def test_expectations(words: str, held: bool, found: str) -> None:
    _, seen = run(PATHS + f"at 1 h2 reserve 239.1.1.1:5000 ff confirm\nat 10 expect {words}")
    (check,) = [event for event in seen if isinstance(event, Checked)]
    assert (check.text, check.held, check.found) == (words, held, found)


def test_what_is_repeated_and_shown() -> None:
    _, seen = run(PATHS + "every 2 from 1 check\nevery 3 show r1 senders sessions\nrun 6")
    assert [event.time for event in seen if isinstance(event, Checked)] == [1, 3, 5]
    shown = [(event.time, event.what, len(event.entries)) for event in seen if isinstance(event, Shown)]
    assert shown == [(3, "senders", 2), (3, "sessions", 1), (6, "senders", 2), (6, "sessions", 1)]


def test_settings() -> None:
    scenario = Scenario.parse(
        "seed 7\nrefresh 5\nkeep 2\nconvergence 1s\naddresses both\nrun until 2min\n" + NETWORK
    )
    assert scenario.end == 120
    simulation = scenario.simulation()
    assert (simulation.seed, simulation.convergence) == (7, 1.0)
    assert (simulation.node("r1").timing["refresh"], simulation.node("r1").keep) == (5, 2)
    assert [str(one) for one in simulation.node("h1").addresses] == ["10.0.1.1", "fd00:0:1::1"]
    assert Scenario.parse("at 10 link a b down").end == 40


# --- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("lnik h1 h2", "unknown statement 'lnik', did you mean 'link'?"),
        ("link h1", "an end of the link is missing at the end of 'link h1'"),
        ("link h1 h1", "a link joins different nodes, not h1 and h1"),
        ("link h1 r1 5%", "'5%' is no rate such as 10mbit and no time such as 5ms; a share is written 'loss"),
        ("link h1 r1 -1ms", "'-1ms' is no rate such as 10mbit and no time such as 5ms"),
        ("link h1 r1 10mbps", "'10mbps' is no rate such as 10mbit and no time such as 5ms"),
        ("link h1 r1 10mbit 20", "'20' says the bandwidth again; a number without a unit is a rate in"),
        ("link h1 r1 5ms delay 6ms", "'delay' says the delay again"),
        ("router r1 keep 300", "K is 1 to 255, not 300"),
        ("link h1 9x", "'9x' is no name: it begins with a letter"),
        ("link h1 r1 los 5%", "unknown word 'los', did you mean 'loss'?"),
        ("lan h1 r1 h2 10mbit x", "unknown word 'x', known are"),
        ("link h1 r1 10mbit los 5%", "unknown word 'los', did you mean 'loss'?"),
        ("link h1 r1 loss", "a value is missing at the end of 'link h1 r1 loss'"),
        ("link h1 r1 loss 105%", "'105%' is no share: write 5% or 0.05"),
        ("link h1 r1 delay x", "'x' is no time: write 5, 1ms, 200us, 30s, 2min or 1h"),
        ("link h1@1.2.3 r1", "'1.2.3' is no IPv4 or IPv6 address: write r1@10.0.1.1"),
        ("link h1: r1", "'h1:' is no end of a link"),
        ("host", "a node's name is missing at the end of 'host'"),
        ("host -x", "'-x' is no name"),
        ("router r1 refresh 0", "a time of '0' is none at all"),
        ("seed x", "'x' is no whole number"),
        ("seed 1 2", "unknown word '2'"),
        ("keep 300", "K is 1 to 255, not 300"),
        ("addresses 4", "unknown kind of addresses '4', known are ipv4, ipv6, both"),
        ("at", "a time is missing at the end of 'at'"),
        ("at 1", "a node is missing at the end of 'at 1'"),
        ("at 1 h9 open h2:1", "unknown node 'h9', known are h1, r1, h2, h3, link,"),
        ("at 1 h1 snd h2:1", "unknown verb 'snd', did you mean 'send'?"),
        ("at 1 h1 send h2:1", "how much is sent is missing: add a rate such as 20kbit"),
        ("at 1 h1 send h2:1 10mbps", "'10mbps' is no rate: write 500kbit, 10mbit or 1gbit"),
        ("at 1 h1 send h2:1 -1mbit", "'-1mbit' is no rate: write 500kbit, 10mbit or 1gbit"),
        ("at 1 h2 reserve h2:1 ff guaranteed 1mb", "'1mb' is no rate: write 500kbit, 10mbit or 1gbit"),
        ("at 1 expect r1 reserved 20kbps", "'20kbps' is no rate: write 500kbit, 10mbit or 1gbit"),
        ("run 5\nat 6 check", "this would be at 6 s, and 'run' ends at 5 s"),
        ("every 10 check\nrun 5", "this would be at 10 s, and 'run' ends at 5 s"),
        ("at 1 h1 send h2 20kbit", "'h2' is no address with a port: write 239.1.1.1:5000 or h2:5000"),
        ("at 1 h1 send h2:x 20kbit", "'x' is no port: write a number from 0 to 65535"),
        ("at 1 h1 send nobody:1 20kbit", "'nobody' is no address and no node's name"),
        ("at 1 h1 send h2:1/abc 20kbit", "no such protocol: abc"),
        ("at 1 h1 send h2:1 20kbit ttl 300", "a TTL is 1 to 255, not 300"),
        ("at 1 h1 send h2:1 20kbit min 9 max 8", "the smallest packet is larger than the largest one"),
        ("at 1 h1 send h2:1 20kbit peak 10kbit", "the peak rate is below the rate"),
        ("at 1 h1 send h2:1 20kbit from :70000", "port 70000 is too high"),
        ("at 1 h1 send h2:1 20kbit form :7", "unknown word 'form', did you mean 'from'?"),
        ("at 1 h2 reserve h2:1 xx", "no such style: 'XX'; one of WF, FF, SE"),
        ("at 1 h2 reserve h2:1 wf 1kbit for h1:1", "style wf is for all senders: leave 'for' out"),
        ("at 1 h2 reserve h2:1 ff 1kbit for h1", "'h1' is no address with a port: write h1:4000 or 10"),
        ("at 1 h2 reserve h2:1 ff 1kbit and 2kbit", "flows joined by 'and' have a rate and a 'for' each"),
        ("at 1 h2 join 10.0.0.1", "10.0.0.1 is no address of a group"),
        ("at 1 h2 join all", "'all' is no address of a group"),
        ("at 1 link h1 h2 down", "no link joins h1 and h2"),
        ("at 1 link h1 r1", "down, up or what changes is missing"),
        ("at 1 link h1 r1 down now", "unknown word 'now'"),
        ("at 1 node r1 crsh", "unknown word 'crsh', did you mean 'crash'?"),
        ("at 1 drop Pth", "unknown message 'Pth', did you mean 'Path'?"),
        ("at 1 drop Path nth 0", "'0' is no whole number of at least 1"),
        ("at 1 inject r1 eth9 00", "unknown interface of r1 'eth9', did you mean 'eth"),
        ("at 1 inject r1 eth1 0x", "'0x' is no message in hexadecimal"),
        ("at 1 expect r1 sender 1", "unknown thing to expect 'sender', did you mean 'senders'?"),
        ("at 1 expect r1 senders", "a number is missing"),
        ("at 1 expect r1 heard confrm", "unknown event 'confrm', did you mean 'confirm'?"),
        ("at 1 expect r1 reserved eth9 1kbit", "unknown interface of r1 'eth9', did you mean 'eth"),
        ("at 1 expect everything", "unknown node 'everything'"),
        ("at 1 show r1", "one of interfaces, sessions,"),
        ("at 1 show r1 sendrs", "unknown thing to show 'sendrs', did you mean 'senders'?"),
        ("at 1 show r1 senders why not", "unknown word 'not'"),
        ("at 1 check it", "unknown word 'it'"),
        ("every 0 check", "a time of '0' is none at all"),
        ("topology nowhere.txt", "there is no file nowhere.txt"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(line: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        Scenario.parse(NETWORK + "\n# more\n" + line, "story.rsvp").simulation()
    text = str(error.value)
    assert sentence in text
    assert text.startswith(f"story.rsvp, line {6 + line.startswith('run')}: ")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("link a@10.0.0.1 b@10.0.0.1", "10.0.0.1 is an address of both a and b"),
        ("link a:x b\nlink a:x c", "a has two interfaces called x"),
        ("lan " + " ".join(f"n{n}" for n in range(300)), "the link n0 -"),
    ],
)
def test_a_network_that_contradicts_itself(text: str, sentence: str) -> None:
    with pytest.raises(ScenarioError, match=sentence):
        Simulation(Topology.parse(text))


def test_a_file_does_not_take_in_itself(tmp_path: Path) -> None:
    (tmp_path / "a.rsvp").write_text("link x y\ntopology b.txt")
    (tmp_path / "b.txt").write_text("link x z\ntopology ./a.rsvp")
    with pytest.raises(ScenarioError, match=r"b\.txt, line 2: \S*a\.rsvp would take in itself"):
        Scenario.load(tmp_path / "a.rsvp")
    with pytest.raises(ScenarioError, match=r"a\.rsvp, line 2: \S*b\.txt would take in itself"):
        Topology.load(tmp_path / "b.txt")


def test_a_file_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "empty.rsvp").write_text("# nothing\nrun 5\n")
    with pytest.raises(ScenarioError, match=r"empty\.rsvp: no nodes: begin with lines such as 'link h1 r1"):
        Scenario.load(tmp_path / "empty.rsvp")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"link \xff")
    with pytest.raises(ScenarioError, match="not UTF-8 text at byte 5"):
        Scenario.load(tmp_path / "x")


def test_a_statement_of_scenarios_is_none_of_topologies() -> None:
    with pytest.raises(ScenarioError, match="line 1: unknown statement 'seed'"):
        Topology.parse("seed 3")


def test_ipsec_flows_are_told_by_their_spis() -> None:
    simulation, _ = run(
        NETWORK
        + "at 0 h1 send h2:5000/esp from spi=0x1234 20kbit\nat 0 h1 send h2:5000/esp from h1/spi=7 40kbit\n"
        + "at 1 h2 reserve h2:5000/esp ff for h1/spi=0x1234\nat 2 h1 stop h2:5000/esp from spi=7\nrun 3\n"
    )
    sender = GpiFilter(ip_address("10.0.1.1"), 0x1234)
    assert [filters for filters, _ in reserved(simulation, "r1")] == [(sender,)]
    assert [view.sender for view in simulation.node("r1").senders()] == [sender]
