"""An independent witness of the kernel's traffic control: iproute2's `tc`, and `nft`.

Where a machine has neither, pyroute2's own dumps, which the code under test does not use for
what is asked here.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
from dataclasses import dataclass

from pyroute2.netlink.nfnetlink.nftsocket import (
    NFPROTO_NETDEV,
    NFT_MSG_GETSETELEM,
    nft_set_elem_list_msg,
)
from pyroute2.nftables.main import NFTables

from rsvp.lab import End, Node
from rsvp.tc import Counters

STANDING = {"2e:1", "2e:2", "2e:3", "2e:4"}
"""The classes of an interface without reservations."""

NFT = shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin:/bin")
TC = shutil.which("tc", path="/usr/sbin:/sbin:/usr/bin:/bin")


def _tc(end: End, *words: str) -> str:
    command = [str(TC), "-s", *words, "show", "dev", end.name]
    return str(end.node.run(command, capture_output=True, check=True, text=True).stdout)


@dataclass(frozen=True)
class Reading:
    """Every class's counters, how many packets wait in it and how many it sent beyond its own rate.

    At a moment from `began` to `ended`.

    Those are the clock's; so no more time than from one reading's `began` to a later one's `ended`
    lies between what they read.
    """

    began: float
    ended: float
    counters: dict[str, Counters]
    waiting: dict[str, int]
    borrowed: dict[str, int]


def classes(end: End) -> dict[str, Counters]:
    """Class -> bytes, packets and drops."""
    return read(end).counters


def read(end: End) -> Reading:
    """What there is to know of every class."""
    began = time.monotonic()
    found = _read_tc(end) if TC else _read_netlink(end)
    return Reading(
        began,
        time.monotonic(),
        {name: Counters(*numbers[:3]) for name, numbers in found.items()},
        {name: numbers[3] for name, numbers in found.items()},
        {name: numbers[4] for name, numbers in found.items()},
    )


def _read_tc(end: End) -> dict[str, tuple[int, ...]]:
    form = r"^class \w+ (\S+) .*\n\s*Sent (\d+) bytes (\d+) pkt \(dropped (\d+),.*\n\s*backlog \S+ (\d+)p"
    form += r".*\n.*borrowed: (\d+)"
    found = re.findall(form, _tc(end, "class"), re.MULTILINE)
    return {name: tuple(map(int, numbers)) for name, *numbers in found}


def _read_netlink(end: End) -> dict[str, tuple[int, ...]]:
    found = {}
    with end.node.iproute() as ipr:
        for message in ipr.get_classes(end.index):
            stats = message.get_attr("TCA_STATS2")
            basic, queue = stats.get_attr("TCA_STATS_BASIC"), stats.get_attr("TCA_STATS_QUEUE")
            borrowed = stats.get_attr("TCA_STATS_APP")["borrows"]
            numbers = (basic["bytes"], basic["packets"], queue["drops"], queue["qlen"], borrowed)
            found[_name(message["handle"])] = numbers
    return found


def rate(end: End, name: str) -> int:
    """A class's own rate, bytes/s, which `tc` would round."""
    with end.node.iproute() as ipr:
        (found,) = [message for message in ipr.get_classes(end.index) if _name(message["handle"]) == name]
        return int(found.get_attr("TCA_OPTIONS").get_attr("TCA_HTB_PARMS")["rate"])


def root(end: End) -> str:
    """The queueing discipline at the interface's root, e.g. "htb 2e:"; "noqueue 0:" is the kernel's."""
    if TC:
        (found,) = re.findall(r"^qdisc (\w+ \S+) root", _tc(end, "qdisc"), re.MULTILINE)
        return str(found)
    with end.node.iproute() as ipr:
        for message in ipr.get_qdiscs(end.index):
            if message["parent"] == 0xFFFFFFFF:
                return f"{message.get_attr('TCA_KIND')} {message['handle'] >> 16:x}:"
    return "noqueue 0:"


def filters(end: End) -> list[str]:
    """The class that each element of our maps sends to."""
    if NFT:
        ruleset = end.node.run([NFT, "list", "ruleset"], capture_output=True, check=True, text=True).stdout
        return re.findall(r" : (\w+:\w+)", str(ruleset))
    targets = []
    with end.node, NFTables(nfgen_family=NFPROTO_NETDEV) as nft:
        for found in nft.get_sets():
            request = nft_set_elem_list_msg()
            request["attrs"] = [
                ("NFTA_SET_ELEM_LIST_TABLE", found.get_attr("NFTA_SET_TABLE")),
                ("NFTA_SET_ELEM_LIST_SET", found.get_attr("NFTA_SET_NAME")),
            ]
            for message in nft.request_get(request, NFT_MSG_GETSETELEM):
                for element in message.get_attr("NFTA_SET_ELEM_LIST_ELEMENTS", ()):
                    value = element.get_attr("NFTA_SET_ELEM_DATA").get_attr("NFTA_DATA_VALUE")
                    targets.append(_name(int.from_bytes(value, sys.byteorder)))
    return targets


def rules(end: End) -> int:
    """How many rules the node has."""
    with end.node, NFTables(nfgen_family=NFPROTO_NETDEV) as nft:
        return len(list(nft.get_rules()))


def tables(node: Node) -> set[str]:
    """The names of the node's nftables tables, as its rules tell them."""
    with node, NFTables(nfgen_family=NFPROTO_NETDEV) as nft:
        return {rule.get_attr("NFTA_RULE_TABLE") for rule in nft.get_rules()}


def _name(handle: int) -> str:
    return f"{handle >> 16:x}:{handle & 0xFFFF:x}"
