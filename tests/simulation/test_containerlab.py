"""containerlab files as topologies."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rsvp.errors import ScenarioError
from rsvp.simulation import Kind, Simulation, Topology

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "lab.clab.yml"

LAB = """
name: lab
topology:
  nodes:
    r1: {labels: {rsvp: router}}
    h1:
    br: {kind: bridge}
  links:
"""


def read(tmp_path: Path, text: str) -> Topology:
    file = tmp_path / "lab.clab.yml"
    file.write_text(text)
    return Topology.load(file)


def test_the_example() -> None:
    topology = Topology.load(EXAMPLE)
    assert list(topology.nodes) == ["r1", "r2", "r3", "h1", "h2", "h3"]
    assert topology.kind("r2") is Kind.PLAIN
    links = [[f"{end.node}:{end.interface}" for end in link.ends] for link in topology.links]
    assert links == [
        ["h1:eth1", "r1:eth1"],
        ["r1:eth2", "r2:eth1"],
        ["r2:eth2", "r3:eth1"],
        ["r3:eth2", "h2:eth1", "h3:eth1"],
    ]
    assert (topology.links[1].bandwidth, topology.links[1].delay) == (1_250_000, 0.002)


def test_the_long_form_of_links(tmp_path: Path) -> None:
    topology = read(
        tmp_path,
        LAB + "    - type: veth\n      endpoints: [{node: r1, interface: e1}, {node: h1, interface: e2}]\n"
        "      mtu: 9000\n      ipv4: [10.1.0.1/24, 10.1.0.2/24]\n"
        '    - endpoints: ["r1:e9", "host:r1-e9"]\n'
        "    - {type: mgmt-net, endpoint: {node: r1, interface: e8}}\n",
    )
    (link,) = topology.links
    assert link.mtu == 9000
    simulation = Simulation(topology)
    assert [str(one) for one in simulation.node("h1").addresses] == ["10.1.0.2"]
    assert [port.name for port in simulation.node("r1").ports.values()] == ["e1"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [", "lab.clab.yml, line 1: "),
        ("- 1", "the file has to be a table"),
        ("name: x", "topology has to be a table"),
        ("topology: {nodes: {}, links: 3}", "topology.links has to be a list"),
        ("topology: {nodes: {r1: {labels: {rsvp: x}}}}", "one of host, router, plain, not 'x'"),
        ("topology: {nodes: {'9': {}}}", "'9' is no name"),
        (LAB + '    - endpoints: ["r1:e1"]', "link 1 has to have two endpoints"),
        (LAB + '    - endpoints: ["r1:e1", "h1"]', "'h1' is no endpoint: write node:interface"),
        (LAB + '    - endpoints: ["r1:e1", "x:e1"]', "there is no node 'x'"),
        (LAB + '    - endpoints: ["r1:e1", "r1:e2"]', "a link joins different nodes"),
        (
            LAB + '    - endpoints: ["r1:e1", "h1:e2"]\n      labels: {rsvp: los 5%}',
            "link 1: unknown word 'los'",
        ),
        (LAB + '    - endpoints: ["r1:e1", "h1:e2"]\n      ipv4: [x, y]', "'x' is no address"),
        (
            LAB + '    - endpoints: ["r1:e1", "h1:e2"]\n      ipv4: 10.0.0.1',
            "ipv4 has to be a list of addresses",
        ),
        (
            LAB + '    - endpoints: ["r1:e1", "h1:e2"]\n      mtu: -5',
            "mtu has to be a number of bytes, not -5",
        ),
        (LAB + '    - endpoints: ["r1:e1", "h1:e2"]\n      mtu: big', "a number of bytes, not 'big'"),
        ("topology: " + "[" * 5000 + "]" * 5000, "nested too deeply"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read(tmp_path, text)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


def test_the_library_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(ScenarioError, match=r"pip install pyrsvp\[sim\]"):
        read(tmp_path, LAB)
