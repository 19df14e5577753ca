"""The rules that send what leaves an interface to its classes, or only count it there.

RSVP's own messages and address resolution have a class of their own, what a map knows goes to a
reservation's, and the rest is best effort (RFC 2205 section 3.11.2).
"""

from __future__ import annotations

from collections.abc import Collection

from pyroute2.netlink.nfnetlink.nftsocket import Meta

from ..errors import TrafficControlError
from ..iana import RSVP_PROTOCOL
from ..netlink import Request
from . import Counters
from . import nftables as nft
from .maps import Key, Maps, find, shape
from .nftables import TRANSPORT, Expression, Nftables

CHAIN = "classify"
TABLE = "rsvp-"
"""What a table's name begins with; the interface's follows."""
ARP = b"\x08\x06"
ICMPV6 = 58
NEIGHBOR_DISCOVERY = (135, 136)
"""Neighbour solicitation and advertisement."""


class Classifier(Maps):
    """The rules and maps of one interface. Not for two threads at once.

    One that `counts` sends no packet anywhere, but counts it for the class where it would have gone.
    """

    def __init__(self, nftables: Nftables, device: str, counts: bool = False) -> None:
        super().__init__(nftables, device, TABLE + device, counts)
        self._left: dict[Key, int] = {}

    # --- the chain --------------------------------------------------------------------------------

    def install(self, control: int, best_effort: int) -> None:
        """Hook the chain in, in place of whatever an earlier run left.

        RSVP's own messages and address resolution go to the class `control`: without an answer to ARP
        or neighbour discovery no packet finds the next hop, reserved or not. Everything else is
        `best_effort` until a rule says otherwise: a priority that an application set, or another
        interface's rules, are not to choose a class here.
        """
        table = self._table
        self._nftables.commit(
            f"an nftables chain for what leaves {self._device}",
            [
                nft.put_table(table),  # so that there is one to delete
                nft.delete_table(table),
                nft.put_table(table),
                nft.add_egress_chain(table, CHAIN, self._device),
                *self._own_rules(control, best_effort),
            ],
        )

    def adopt(self, control: int, best_effort: int) -> bool:
        """Take up the chain and maps that an earlier run left, if this one can; whether it could.

        The rules are replaced by today's in one batch, so that no packet finds none; what the maps hold
        stays, and leads where it did, until it is wanted again or swept.
        """
        names = self._nftables.maps(self._table)
        if names is None or any(shape(name) is None for name in names):
            return False
        rules = self._own_rules(control, best_effort)
        for name in names:
            rules.append(self._map_rule(name))
        try:
            self._nftables.commit("", [nft.delete_rules(self._table, CHAIN), *rules])
        except TrafficControlError:  # somebody took the chain away
            return False
        self.names = set(names)
        for name in names:
            elements = self._nftables.elements(self._table, name)
            self._there.update({(name, one): class_id for one, class_id in elements.items()})
        self._left = dict(self._there)
        return True

    def _own_rules(self, control: int, best_effort: int) -> list[Request]:
        if self._counting:
            return []
        reg = nft.FIRST_REGISTER
        own: list[list[Expression]] = [
            [nft.load_meta(Meta.NFT_META_PROTOCOL, reg), nft.only_if(reg, ARP)],
            [nft.load_meta(Meta.NFT_META_L4PROTO, reg), nft.only_if(reg, bytes([RSVP_PROTOCOL]))],
        ]
        own += [
            [
                nft.load_meta(Meta.NFT_META_L4PROTO, reg),
                nft.only_if(reg, bytes([ICMPV6])),
                nft.load_bytes(TRANSPORT, 0, 1, reg),
                nft.only_if(reg, bytes([kind])),
            ]
            for kind in NEIGHBOR_DISCOVERY
        ]
        rules = [[nft.load_class(best_effort, reg), nft.send_to_class(reg)]]
        rules += [[*told, nft.load_class(control, reg), nft.send_to_class(reg), nft.done()] for told in own]
        return [nft.add_rule(self._table, CHAIN, rule) for rule in rules]

    def _map_rule(self, name: str) -> Request:
        expressions = find(name)
        if not self._counting:
            expressions.append(nft.send_to_class(nft.FIRST_REGISTER))
        return nft.add_rule(self._table, CHAIN, [*expressions, nft.done()])

    def _new_map(self, name: str, number: int) -> list[Request]:
        return [*super()._new_map(name, number), self._map_rule(name)]

    def uninstall(self) -> None:
        """Remove chain and maps."""
        requests = [nft.put_table(self._table), nft.delete_table(self._table)]
        self._nftables.commit(f"to remove the nftables chain of {self._device}", requests)

    def renamed(self, device: str, control: int, best_effort: int) -> Classifier:
        """One that wants the same of the interface by its new name, where a chain is bound to a name.

        Raises TrafficControlError. It begins to count anew.
        """
        other = Classifier(self._nftables, device, self._counting)
        other.install(control, best_effort)
        other._wanted, other._changed = dict(self._wanted), set(self._wanted)
        self.uninstall()
        other.settle()
        return other

    # --- what the maps hold -----------------------------------------------------------------------

    def left_behind(self, one: Key) -> int | None:
        """The class to which an earlier run sent such packets, while nobody has said otherwise."""
        return self._left.get(one)

    def want(self, one: Key, class_id: int) -> None:
        """Send packets to a class, also those that an earlier run sent to another."""
        self._left.pop(one, None)
        super().want(one, class_id)

    def abandon(self, class_ids: Collection[int] | None = None) -> None:
        """Give up what an earlier run left: all of it, or what leads to some classes."""
        gone = [one for one, class_id in self._left.items() if class_ids is None or class_id in class_ids]
        for one in gone:
            del self._left[one]
        self._changed.update(gone)

    def counters(self) -> dict[int, Counters]:
        """Of one that counts, what each class would have carried; a filter takes its count along."""
        found: dict[int, Counters] = {}
        for name in self.names:
            for class_id, bytes_, packets in self._nftables.counts(self._table, name):
                sum_ = found.get(class_id, Counters())
                found[class_id] = Counters(sum_.bytes + bytes_, sum_.packets + packets)
        return found
