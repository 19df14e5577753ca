"""RSVP to groups is not forwarded like data: an nftables table that says so (RFC 2205 section 3.3).

Expressions and numbers are the kernel's own (linux/netfilter/nf_tables.h).
"""

from __future__ import annotations

import contextlib
import errno
from typing import Any, TypeAlias

from pyroute2.netlink import NETLINK_NETFILTER, NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL
from pyroute2.netlink.nfnetlink import NFNL_SUBSYS_NFTABLES, nfgen_msg
from pyroute2.netlink.nfnetlink.nftsocket import (
    NFPROTO_INET,
    NFPROTO_IPV4,
    NFPROTO_IPV6,
    NFT_MSG_DELTABLE,
    NFT_MSG_NEWCHAIN,
    NFT_MSG_NEWRULE,
    NFT_MSG_NEWTABLE,
    Cmp,
    Meta,
    Regs,
    nft_chain_msg,
    nft_rule_msg,
    nft_table_msg,
)
from pyroute2.nftables.expressions import genex, verdict

from ..iana import RSVP_PROTOCOL
from ..netlink import Netlink, NetlinkError

TABLE, CHAIN = "rsvp-transit", "forward"
OWNER = 2
"""NFT_TABLE_F_OWNER: the table goes with the socket that made it."""
FORWARD_HOOK = 2
BATCH_BEGIN, BATCH_END = 0x10, 0x11
NETWORK_HEADER = 1
NF_DROP = 0
REGISTER = int(Regs.NFT_REG32_00)
GROUPS = {NFPROTO_IPV4: (16, b"\xf0", b"\xe0"), NFPROTO_IPV6: (24, b"\xff", b"\xff")}
"""Where the destination starts, and which bits of its first byte tell a group by which values."""

Request: TypeAlias = tuple[Any, int, int]


class Exemption:
    """Keeps the kernel from forwarding RSVP that is sent to groups, while it is in place.

    The kernel takes it back as well when this process dies: Paths then pass through this node as
    through any that knows no RSVP.
    """

    def __init__(self) -> None:
        """Of the network namespace of the caller."""
        self._netlink: Netlink | None = None
        with contextlib.suppress(OSError):  # a kernel without netfilter
            self._netlink = Netlink(NETLINK_NETFILTER)
        self.placed = False

    def place(self) -> None:
        """Put it in place. Raises NetlinkError where the kernel refuses, or cannot do that."""
        table = [("NFTA_TABLE_NAME", TABLE), ("NFTA_TABLE_FLAGS", OWNER)]
        hook = {"attrs": [("NFTA_HOOK_HOOKNUM", FORWARD_HOOK), ("NFTA_HOOK_PRIORITY", 0)]}
        chain = [
            ("NFTA_CHAIN_TABLE", TABLE),
            ("NFTA_CHAIN_NAME", CHAIN),
            ("NFTA_CHAIN_HOOK", hook),
            ("NFTA_CHAIN_TYPE", "filter"),
        ]
        self._commit(
            _request(nft_table_msg(), NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL, table),
            _request(nft_chain_msg(), NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL, chain),
            *(
                _request(nft_rule_msg(), NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, _rule(v))
                for v in GROUPS
            ),
        )
        self.placed = True

    def lift(self) -> None:
        """Let the kernel forward everything again. Raises NetlinkError."""
        self._commit(_request(nft_table_msg(), NFT_MSG_DELTABLE, 0, [("NFTA_TABLE_NAME", TABLE)]))
        self.placed = False

    def close(self) -> None:
        """Give the socket back, and with it what is in place."""
        if self._netlink is not None:
            self._netlink.close()

    def _commit(self, *requests: Request) -> None:
        if self._netlink is None:
            raise NetlinkError(errno.EPROTONOSUPPORT, "this kernel has no nftables")
        self._netlink.batch([_edge(BATCH_BEGIN), *requests, _edge(BATCH_END)])


def _edge(kind: int) -> Request:
    message = nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    return message, kind, 0


def _request(message: Any, kind: int, flags: int, attributes: list[tuple[str, Any]]) -> Request:
    message["nfgen_family"] = NFPROTO_INET
    message["attrs"] = attributes
    return message, NFNL_SUBSYS_NFTABLES << 8 | kind, flags


def _rule(family: int) -> list[tuple[str, Any]]:
    """Drop RSVP of an IP version whose destination is a group."""
    offset, mask, value = GROUPS[family]
    destination = {"dreg": REGISTER, "base": NETWORK_HEADER, "offset": offset, "len": len(mask)}
    masked = {"sreg": REGISTER, "dreg": REGISTER, "len": len(mask), "mask": _data(mask), "xor": _data(b"\0")}
    expressions = [
        *(genex("meta", {"key": Meta.NFT_META_NFPROTO, "dreg": REGISTER}), _only_if(bytes([family]))),
        *(genex("meta", {"key": Meta.NFT_META_L4PROTO, "dreg": REGISTER}), _only_if(bytes([RSVP_PROTOCOL]))),
        *(genex("payload", destination), genex("bitwise", masked), _only_if(value)),
        *verdict(NF_DROP),
    ]
    return [
        ("NFTA_RULE_TABLE", TABLE),
        ("NFTA_RULE_CHAIN", CHAIN),
        ("NFTA_RULE_EXPRESSIONS", expressions),
    ]


def _only_if(value: bytes) -> Any:
    return genex("cmp", {"sreg": REGISTER, "op": Cmp.NFT_CMP_EQ, "data": _data(value)})


def _data(value: bytes) -> Any:
    return {"attrs": [("NFTA_DATA_VALUE", value)]}
