"""Topologies from containerlab files: topology.nodes and topology.links, and what labels say of them.

A node's label `rsvp` is host, router or plain; a link's is what a "link" line would say behind its
ends, such as "10mbit 1ms loss 5%". Nodes of kind bridge make their links one LAN; links to the
container host are left out. Needs PyYAML, the extra `sim`.
"""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any, NoReturn

from ..errors import ScenarioError
from ..objects import IPAddress
from .lines import Words, read_count
from .reading import read_link_fields
from .topology import End, Kind, LinkSpec, Topology, read_name

BRIDGES = ("bridge", "ovs-bridge")
OUTSIDE = ("host", "mgmt-net", "macvlan", "vxlan", "vxlan-stitch", "dummy")
"""First parts of endpoints, and types of links, that lead out of the lab."""

LABEL = "rsvp"


def read_containerlab(text: str, file: str) -> Topology:
    """A topology from the text of a containerlab file. Raises ScenarioError."""
    try:
        import yaml
    except ImportError:
        raise ScenarioError(
            f"{file}: containerlab files need PyYAML: install it with 'pip install pyrsvp[sim]'"
        ) from None
    try:
        document = yaml.safe_load(text)
    except RecursionError:
        raise ScenarioError(f"{file}: its lists and tables are nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}, line {mark.line + 1}" if mark is not None else file
        raise ScenarioError(f"{where}: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise ScenarioError(f"{file}: {str(error).splitlines()[0]}") from None
    return _Reader(file).read(document)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file
        self._topology = Topology()
        self._bridges: dict[str, list[End]] = {}

    def read(self, document: Any) -> Topology:
        lab = self._table(self._table(document, "the file").get("topology"), "topology")
        for name, node in self._table(lab.get("nodes"), "topology.nodes").items():
            self._read_node(str(name), self._table(node or {}, f"node {name}"))
        links = lab.get("links") or []
        if not isinstance(links, list):
            self._fail("topology.links has to be a list")
        for number, link in enumerate(links, start=1):
            self._read_link(f"link {number}", self._table(link, f"link {number}"))
        for name, ends in self._bridges.items():
            if len(ends) > 1:
                self._add(f"bridge {name}", LinkSpec(tuple(ends)))
        return self._topology

    def _fail(self, sentence: str) -> NoReturn:
        raise ScenarioError(f"{self._file}: {sentence}")

    def _table(self, value: Any, what: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            self._fail(f"{what} has to be a table with keys, as in a containerlab file")
        found: dict[str, Any] = value
        return found

    def _label(self, table: dict[str, Any], what: str) -> str | None:
        label = self._table(table.get("labels") or {}, f"labels of {what}").get(LABEL)
        return None if label is None else str(label)

    def _read_node(self, name: str, node: dict[str, Any]) -> None:
        if node.get("kind") in BRIDGES:
            self._bridges[name] = []
            return
        label = self._label(node, f"node {name}")
        kinds = [kind.value for kind in Kind]
        if label is not None and label not in kinds:
            self._fail(f"the label rsvp of node {name} is one of {', '.join(kinds)}, not {label!r}")
        try:
            self._topology.node(read_name(name), None if label is None else Kind(label))
        except ValueError as error:
            self._fail(str(error))

    def _read_link(self, what: str, link: dict[str, Any]) -> None:
        endpoints = link.get("endpoints")
        if endpoints is None and link.get("type") in OUTSIDE:
            return
        if not isinstance(endpoints, list) or len(endpoints) != 2:
            self._fail(f"{what} has to have two endpoints")
        ends = [self._read_end(what, endpoint) for endpoint in endpoints]
        for version in ("ipv4", "ipv6"):
            listed = link.get(version) or []
            if not isinstance(listed, list):
                self._fail(f"{what}: {version} has to be a list of addresses, one for each endpoint")
            for end, text in zip(ends, listed, strict=False):
                end.addresses += self._addresses(what, text)
        if any(end.node in OUTSIDE for end in ends):
            return
        bridges = [end.node for end in ends if end.node in self._bridges]
        if bridges:
            self._bridges[bridges[0]] += [end for end in ends if end.node not in self._bridges]
            return
        label = self._label(link, what)
        fields = read_link_fields(Words((label or "").split(), f"{self._file}, {what}"))
        if link.get("mtu") is not None:
            fields["mtu"] = self._mtu(what, link["mtu"])
        self._add(what, LinkSpec(tuple(ends), **fields))  # type: ignore[arg-type]

    def _read_end(self, what: str, endpoint: Any) -> End:
        if isinstance(endpoint, dict):
            endpoint = f"{endpoint.get('node')}:{endpoint.get('interface')}"
        node, colon, interface = str(endpoint).partition(":")
        if not colon or not interface:
            self._fail(f"{what}: {endpoint!r} is no endpoint: write node:interface")
        if node not in self._topology.nodes and node not in self._bridges and node not in OUTSIDE:
            self._fail(f"{what}: there is no node {node!r}")
        return End(node, interface)

    def _addresses(self, what: str, text: Any) -> tuple[IPAddress, ...]:
        try:
            return (ip_interface(str(text)).ip,)
        except ValueError:
            self._fail(f"{what}: {text!r} is no address")

    def _mtu(self, what: str, mtu: Any) -> int:
        try:
            return read_count(str(mtu))
        except ValueError:
            self._fail(f"{what}: mtu has to be a number of bytes, not {mtu!r}")

    def _add(self, what: str, spec: LinkSpec) -> None:
        try:
            self._topology.add(spec)
        except ValueError as error:
            self._fail(f"{what}: {error}")
