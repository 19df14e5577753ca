"""Values in words and with units, for `rsvp show`, `rsvp send` and `rsvp reserve`.

They are made from the JSON forms, which is what daemons and nodes alike answer with.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ..iana import Protocol
from ..jsonform import Json, read_number
from ..units import format_rate

NONE = "-"

_FLAGS = ("flags", "flag_names", "e_police")
"""What a SESSION says besides which session it is about."""

PROTOCOLS = {int(protocol): protocol.name.lower() for protocol in Protocol}


def maybe(write: Callable[[Json], str], value: Json) -> str:
    """A value that may be missing."""
    return NONE if value is None else write(value)


def rate(value: Json) -> str:
    """Bytes/s as bit/s."""
    return format_rate(read_number(value))


def size(value: Json) -> str:
    """Bytes, with a thousand for a step."""
    number = read_number(value)
    if math.isinf(number):
        return "unlimited"
    for step, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if number >= 10 * step:
            return f"{number / step:.4g} {unit}"
    return f"{number:.0f} bytes"


def place(value: Json) -> str:
    """A sender or filter."""
    if "lsp_id" in value:
        return f"LSP {value['lsp_id']} from {value['sender']}"
    if "address" not in value:
        return ", ".join(f"{name} {one}" for name, one in value.items())
    host = f"[{value['address']}]" if ":" in value["address"] else value["address"]
    if "flow_label" in value:
        return f"{host} flow label {value['flow_label']:#x}"
    if "gpi" in value:
        return f"{host}/spi={value['gpi']:#x}"
    rest = ", ".join(f"{name} {one}" for name, one in value.items() if name not in ("address", "port"))
    return f"{host}:{value['port']}" if "port" in value else f"{host} {rest}"


def session(value: Json) -> str:
    """A session: destination, port and protocol."""
    if "endpoint" in value:
        return f"tunnel {value['tunnel_id']} to {value['endpoint']}"
    if "p2mp_id" in value:
        return f"tunnel {value['tunnel_id']} of point-to-multipoint {value['p2mp_id']}"
    if "protocol" in value and "gpi" in value:
        value = {**value, "port": value["gpi"]}
    if "protocol" not in value or "port" not in value:
        told = {name: one for name, one in value.items() if name not in _FLAGS}
        host = told.pop("destination", "")
        return f"{host} {', '.join(f'{name} {one}' for name, one in told.items())}".strip()
    protocol = PROTOCOLS.get(value["protocol"], value["protocol"])
    return f"{place({'address': value['destination'], 'port': value['port']})}/{protocol}"


def filters(value: Json) -> str:
    """Who a reservation is for."""
    return ", ".join(place(one) for one in value) or "all senders"


def tspec(value: Json) -> str:
    """A Tspec: its rate, bucket, and its peak where it has one."""
    peak = "" if value["p"] == "inf" else f", peak {rate(value['p'])}"
    return f"{rate(value['r'])}, bucket {size(value['b'])}{peak}"


def flowspec(value: Json) -> str:
    """A flowspec: the service, its rate, and R and S of guaranteed service."""
    if value is None:
        return NONE
    text = f"{value['service']} {tspec(value['tspec'])}"
    if value["rspec"] is not None:
        text += f", R {rate(value['rspec']['R'])}"
        if value["rspec"]["S"]:
            text += f", slack {value['rspec']['S']} us"
    return text


def source(value: dict[str, Json]) -> str:
    """A message, or an application's wish, that state was made from."""
    if value["neighbor"] is None:
        text = "an application here"
    else:
        text = f"{value['message']} of {value['neighbor']}"
    if value["interface"] is not None:
        text += f" through {value['interface']}"
    if value["filters"]:
        text += f", {filters(value['filters'])}"
    spec = value["spec"]
    if spec is not None:
        text += f": {flowspec(spec) if 'service' in spec else tspec(spec)}"
    return text


def adspec(value: Json) -> str:
    """What a path offers."""
    if value is None:
        return NONE
    general = value["general"]
    bandwidth = rate(general["bandwidth"]) if general["bandwidth"] else "unknown bandwidth"
    text = f"{bandwidth}, {hops(general['is_hops'])}, MTU {general['mtu']}"
    return text + ", not RSVP all the way" if general["break"] else text


def hops(number: int) -> str:
    """A count of hops."""
    return "1 hop" if number == 1 else f"{number} hops"


def seconds(value: Json) -> str:
    """A time from now."""
    return NONE if value is None else f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"


def event(value: dict[str, Any]) -> str:
    """One event of a session as a line."""
    name = value["event"]
    if name == "path":
        offer = "" if value["adspec"] is None else f"; the path offers {adspec(value['adspec'])}"
        return f"sender {place(value['sender'])} announces {tspec(value['tspec'])}{offer}"
    if name == "path_gone":
        return f"sender {place(value['sender'])} is gone"
    if name == "path_error":
        who = "the announcement" if value["sender"] is None else f"sender {place(value['sender'])}"
        return f"{who} was refused by {value['node']}: {value['text']}"
    about = f"{value['style']} for {filters(value['filters'])}"
    if name == "resv_gone":
        return f"the reservation {about} is gone"
    about = f"{about}: {flowspec(value['flowspec'])}"
    if name == "resv":
        return f"reserved {about}"
    if name == "confirm":
        return f"confirmed by {value['node']}: {about}"
    kept = "; what was there before stays" if value["in_place"] else ""
    return f"refused by {value['node']}: {value['text']} ({about}){kept}"
