"""An independent witness of the kernel's traffic control: iproute2's `tc`.

Where a machine has no iproute2, pyroute2's own dumps, which the code under test does not use for
what is asked here.
"""

from __future__ import annotations

import re
import shutil

from rsvp.lab import End
from rsvp.tc import Counters

TC = shutil.which("tc", path="/usr/sbin:/sbin:/usr/bin:/bin")


def _tc(end: End, *words: str) -> str:
    command = [str(TC), "-s", *words, "show", "dev", end.name]
    return str(end.node.run(command, capture_output=True, check=True, text=True).stdout)


def classes(end: End) -> dict[str, Counters]:
    """Class -> bytes, packets and drops."""
    if TC:
        form = r"^class \w+ (\S+) .*\n\s*Sent (\d+) bytes (\d+) pkt \(dropped (\d+),"
        found = re.findall(form, _tc(end, "class"), re.MULTILINE)
        return {name: Counters(*map(int, numbers)) for name, *numbers in found}
    counters = {}
    with end.node.iproute() as ipr:
        for message in ipr.get_classes(end.index):
            stats = message.get_attr("TCA_STATS2")
            basic, queue = stats.get_attr("TCA_STATS_BASIC"), stats.get_attr("TCA_STATS_QUEUE")
            counters[_name(message["handle"])] = Counters(basic["bytes"], basic["packets"], queue["drops"])
    return counters


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
    """The class that each filter sends to."""
    if TC:
        return re.findall(r"flowid (\S+)", _tc(end, "filter"))
    with end.node.iproute() as ipr:
        options = [message.get_attr("TCA_OPTIONS") for message in ipr.get_filters(end.index, parent=0x2E0000)]
        targets = [one.get_attr("TCA_U32_CLASSID") for one in options if one is not None]
    return [_name(target) for target in targets if target]


def _name(handle: int) -> str:
    return f"{handle >> 16:x}:{handle & 0xFFFF:x}"
