"""What may happen in a scenario: one line behind "at" or "every", read into something to do.

h1 send 239.1.1.1:5000 from :4000 20kbit
h2,h3 reserve 239.1.1.1:5000 ff 20kbit confirm
link r1 r2 down
"""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import partial
from ipaddress import ip_address

from ..errors import LocalError
from ..iana import MESSAGE_NAMES
from ..objects import IPAddress
from ..transport import Packet
from .applications import VERBS
from .drops import Drop
from .events import Acted, Checked, Shown
from .expectations import read_expectation
from .lines import Words, read_count
from .node import WHAT, Node
from .parts import Link, Port
from .reading import read_link_fields
from .simulation import Simulation

Action = Callable[[], object]

ANY = "any"
ALL = "all"
WHY = "why"


def read_action(words: Words, simulation: Simulation) -> Action:
    """Read the rest of a line. Raises ScenarioError."""
    text = " ".join(words.left)
    word = words.maybe(*NETWORK)
    if word is not None:
        act = NETWORK[word](words, simulation)
        return lambda: _attempt(simulation, None, text, act)
    word = words.maybe(*QUIET)
    if word is not None:
        return QUIET[word](words, simulation)
    nodes = read_nodes(words, simulation)
    text = " ".join(words.left)
    verb = words.take("what the node does")
    if verb not in VERBS:
        words.unknown(verb, "verb", VERBS)
    does = VERBS[verb](words, simulation)

    def everywhere() -> None:
        for node in nodes:
            _attempt(simulation, node.name, text, partial(does, node))

    return everywhere


def _attempt(simulation: Simulation, node: str | None, text: str, act: Action) -> None:
    """Do something and tell of it; that it cannot be done is part of the story."""
    simulation.tell(Acted(simulation.now, node, text))
    try:
        act()
    except LocalError as error:
        simulation.tell(Acted(simulation.now, node, text, str(error)))


def read_nodes(words: Words, simulation: Simulation) -> list[Node]:
    """Nodes from "h1", "h1,h2" or "h*". Raises ScenarioError."""
    found: dict[Node, None] = {}
    for pattern in words.take("a node").split(","):
        some = [node for name, node in simulation.nodes.items() if fnmatchcase(name, pattern)]
        if not some:
            words.unknown(pattern, "node", [*simulation.nodes, *NETWORK, *QUIET])
        found |= dict.fromkeys(some)
    return list(found)


def read_node(words: Words, simulation: Simulation) -> Node:
    """One node by its name. Raises ScenarioError."""
    name = words.take("a node")
    if name not in simulation.nodes:
        words.unknown(name, "node", simulation.nodes)
    return simulation.nodes[name]


# --- links and nodes ------------------------------------------------------------------------------


def _read_link(words: Words, simulation: Simulation) -> Link:
    left, right = read_node(words, simulation), read_node(words, simulation)
    try:
        return simulation.link(left.name, right.name)
    except LocalError as error:
        words.fail(str(error))


def _link(words: Words, simulation: Simulation) -> Action:
    link = _read_link(words, simulation)
    switch = words.maybe("down", "up")
    if switch is None:
        if words.next is None:
            words.take("down, up or what changes")
        changes = read_link_fields(words)
        return lambda: simulation.change(link, **changes)
    words.end()
    return lambda: simulation.cut(link) if switch == "down" else simulation.mend(link)


def _node(words: Words, simulation: Simulation) -> Action:
    nodes = read_nodes(words, simulation)
    what = words.maybe("crash", "restart")
    if what is None:
        words.unknown(words.take("crash or restart"), "word", ("crash", "restart"))
    words.end()
    act = simulation.crash if what == "crash" else simulation.restart

    def each() -> None:
        for node in nodes:
            act(node)

    return each


def _drop(words: Words, simulation: Simulation) -> Action:
    message_type = _read_message_type(words)
    sender = to = None
    skip, count = 0, 1
    lose_all = False
    while word := words.maybe("from", "to", "nth", "count"):
        if word == "from":
            sender = read_node(words, simulation).name
        elif word == "to":
            to = read_node(words, simulation).name
        elif word == "nth":
            skip = words.read(read_count, "a number") - 1
        elif words.maybe(ALL):
            lose_all = True
        else:
            count = words.read(read_count, "a number or all")
    words.end("from", "to", "nth", "count")
    return lambda: simulation.drop(Drop(message_type, sender, to, skip, None if lose_all else count))


def _read_message_type(words: Words) -> int | None:
    kinds = {name.lower(): number for number, name in MESSAGE_NAMES.items()}
    kind = words.take("a message's name, or any")
    if kind != ANY and kind.lower() not in kinds:
        words.unknown(kind, "message", [ANY, *MESSAGE_NAMES.values()])
    return None if kind == ANY else kinds[kind.lower()]


def _inject(words: Words, simulation: Simulation) -> Action:
    """inject NODE INTERFACE HEX [from ADDRESS] [to ADDRESS] [ttl N]: a packet of our own making."""
    node = read_node(words, simulation)
    port = _read_port(words, node)
    data = words.read(_read_hex, "a message in hexadecimal")
    neighbor = next((one for end in port.others for one in end.addresses), None)
    addresses: dict[str, IPAddress | None] = {"from": neighbor, "to": next(iter(port.addresses), None)}
    ttl = data[4] if len(data) > 4 else 1
    while word := words.maybe("from", "to", "ttl"):
        if word == "ttl":
            ttl = words.read(read_count, "a number")
        else:
            addresses[word] = words.read(ip_address, "an address")
    words.end("from", "to", "ttl")
    source, destination = addresses["from"], addresses["to"]
    if source is None or destination is None:
        words.fail(f"{node.name} {port.name} has no addresses: say 'from' and 'to'")
    packet = Packet(data, destination, source, None, ttl)
    return lambda: simulation.receive(port, packet)


def _read_port(words: Words, node: Node) -> Port:
    name = words.take("an interface")
    ports = {port.name: port for port in node.ports.values()}
    if name not in ports:
        words.unknown(name, f"interface of {node.name}", ports)
    return ports[name]


def _read_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{text!r} is no message in hexadecimal") from None


NETWORK: dict[str, Callable[[Words, Simulation], Action]] = {
    "link": _link,
    "node": _node,
    "drop": _drop,
    "inject": _inject,
}
"""Words that begin what happens to the network."""


# --- looking --------------------------------------------------------------------------------------


def _expect(words: Words, simulation: Simulation) -> Action:
    text = " ".join(words.left)
    expectation = read_expectation(words, simulation)

    def look() -> None:
        held, found = expectation()
        simulation.tell(Checked(simulation.now, text, held, found))

    return look


def _check(words: Words, simulation: Simulation) -> Action:
    words.end()
    invariants = simulation.invariants

    def look() -> None:
        broken = invariants.check()
        simulation.tell(Checked(simulation.now, "the invariants", not broken, "; ".join(broken[:3])))

    return look


def _show(words: Words, simulation: Simulation) -> Action:
    nodes = read_nodes(words, simulation)
    wanted = []
    while words.next not in (None, WHY):
        what = words.take("")
        if what not in WHAT:
            words.unknown(what, "thing to show", (*WHAT, WHY))
        wanted.append(what)
    why = words.maybe(WHY) is not None
    words.end()
    if not wanted:
        words.take(f"one of {', '.join(WHAT)}")

    def look() -> None:
        for node in nodes:
            for what in wanted:
                simulation.tell(Shown(simulation.now, node.name, what, node.show(what, why=why)))

    return look


QUIET: dict[str, Callable[[Words, Simulation], Action]] = {
    "expect": _expect,
    "check": _check,
    "show": _show,
}
"""Words that begin what changes nothing."""
