"""QOS templates by name: WSAGetQOSByName, WSCInstallQOSTemplate and WSCRemoveQOSTemplate.

The values that Windows shipped under these names were never published. These are ours, from what each codec
sends with 40 bytes of RTP, UDP and IP headers before each packet: a bucket of two packets, a peak of twice
the rate, controlled load in both directions.
"""

from __future__ import annotations

import math

from .constants import ServiceType
from .errors import InvalidArgument, NoBuffers, NoData
from .packing import HOST, Layout, pack
from .structures import FlowSpec, Qos

HEADERS = 40
"""RTP, UDP and IPv4 headers, bytes."""


def codec(payload: int, per_second: float) -> FlowSpec:
    """A flow of so many packets a second, each with `payload` bytes behind its headers."""
    size = payload + HEADERS
    rate = math.ceil(size * per_second)
    return FlowSpec(
        token_rate=rate,
        token_bucket_size=2 * size,
        peak_bandwidth=2 * rate,
        service_type=ServiceType.CONTROLLEDLOAD,
        max_sdu_size=size,
        minimum_policed_size=size,
    )


def video(kilobits: int, payload: int) -> FlowSpec:
    """A video of so many kbit/s, in packets with `payload` bytes at most; pictures come in bursts."""
    rate = math.ceil(kilobits * 125 * (payload + HEADERS) / payload)
    return FlowSpec(
        token_rate=rate,
        token_bucket_size=8 * (payload + HEADERS),
        peak_bandwidth=4 * rate,
        service_type=ServiceType.CONTROLLEDLOAD,
        max_sdu_size=payload + HEADERS,
        minimum_policed_size=128,
    )


BUILT_IN = {
    "G711": codec(160, 50),  # 64 kbit/s in 20 ms
    "G723.1": codec(24, 1000 / 30),  # 6.3 kbit/s in 30 ms
    "G729": codec(20, 50),  # 8 kbit/s in 20 ms
    "H263QCIF": video(64, 500),
    "H263CIF": video(256, 1000),
    "H261QCIF": video(64, 500),
    "H261CIF": video(384, 1000),
    "GSM6.10": codec(33, 50),  # 13.2 kbit/s in 20 ms
}
"""The templates that are always there."""


class Templates:
    """QOS templates by name; installed ones go with the process, built-in ones stay."""

    def __init__(self) -> None:
        self._installed: dict[str, Qos] = {}

    def names(self) -> tuple[str, ...]:
        """Every name, the built-in ones first."""
        return (*BUILT_IN, *(name for name in self._installed if name not in BUILT_IN))

    def get(self, name: str) -> Qos:
        """The QOS of a name, in both directions. Raises NoData."""
        if name in self._installed:
            return self._installed[name]
        if name in BUILT_IN:
            return Qos(BUILT_IN[name], BUILT_IN[name])
        raise NoData(f"there is no QOS template {name!r}: one of {', '.join(self.names())}")

    def get_packed(self, name: str, room: int, layout: Layout = HOST) -> bytes:
        """WSAGetQOSByName: the packed QOS; for an empty name all names, each ended by NUL, then an empty one.

        Raises NoData, and NoBuffers where that takes more than `room` bytes.
        """
        if name:
            found = pack(self.get(name), layout)
        else:
            found = b"".join(one.encode() + b"\0" for one in self.names()) + b"\0"
        if len(found) > room:
            raise NoBuffers(f"the answer takes {len(found)} bytes, and there is room for {room}", len(found))
        return found

    def install(self, name: str, qos: Qos) -> None:
        """Give a QOS a name, in place of what had it before. Raises InvalidArgument."""
        if not name or "\0" in name:
            raise InvalidArgument("a template's name has at least one character, and no NUL")
        self._installed[name] = qos

    def remove(self, name: str) -> None:
        """Take back what was installed; a built-in template of that name shows again.

        Raises NoData, and InvalidArgument for a built-in one.
        """
        if name in self._installed:
            del self._installed[name]
        elif name in BUILT_IN:
            raise InvalidArgument(f"{name} is built in and stays")
        else:
            raise NoData(f"there is no QOS template {name!r}")
