"""The first router on the way to an address, for whoever may only speak to those on its links."""

from __future__ import annotations

from pyroute2.netlink.rtnl import RTM_GETROUTE

from ..netlink import Netlink, NetlinkError
from ..objects import IPAddress
from .questions import question, read_answer


class FirstHops:
    """Asks the kernel of the network namespace that it is made in; takes no right."""

    def __init__(self) -> None:
        """Open a socket. Raises OSError where there is no netlink."""
        self._netlink = Netlink()

    def __call__(self, destination: IPAddress, interface: int | None) -> IPAddress | None:
        """The router's address; None where `destination` is on the link, or nobody knows the way."""
        try:
            answer = self._netlink.ask(question(destination, outgoing=interface), RTM_GETROUTE)
        except NetlinkError:
            return None
        return read_answer(answer).gateway

    def close(self) -> None:
        """Give the socket back."""
        self._netlink.close()
