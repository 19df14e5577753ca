"""MESSAGE_ID: state that is refreshed, and denied, by the number of its message (RFC 2961 sections 4, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from ..messages import Message, Srefresh
from ..objects import AnyObject, IPAddress
from ..reduction import MessageId, MessageIdList, MessageIdNack
from .blocks import Block

Number: TypeAlias = tuple[int, int]
"""Epoch and identifier."""


class Identifiers:
    """Which state the last message of each identifier made.

    The node that made an identifier goes by the address in its RSVP_HOP. Srefresh may come from another
    address of its own, so that an epoch and a number that only one node has used are enough.
    """

    def __init__(self) -> None:
        self._made: dict[Number, dict[IPAddress, tuple[Block, ...]]] = {}
        self._of: dict[int, tuple[Number, IPAddress]] = {}

    def note(self, node: IPAddress, number: MessageId, blocks: tuple[Block, ...]) -> None:
        """A message with this identifier made, or repeated, this state; what it had before is let go."""
        key = (number.epoch, number.message_id)
        for block in blocks:
            old = self._of.get(id(block))
            if old is not None and old[0] != key:
                self._let_go(*old, block)
            self._of[id(block)] = (key, node)
        self._made.setdefault(key, {})[node] = blocks

    def forget(self, block: Block) -> None:
        """The state is gone: its identifier stands for nothing any more."""
        old = self._of.pop(id(block), None)
        if old is not None:
            self._let_go(*old, block)

    def _let_go(self, key: Number, node: IPAddress, block: Block) -> None:
        nodes = self._made.get(key, {})
        left = tuple(one for one in nodes.get(node, ()) if one is not block)
        if left:
            nodes[node] = left
        elif nodes.pop(node, None) is not None and not nodes:
            del self._made[key]

    def find(self, node: IPAddress, epoch: int, number: int) -> tuple[Block, ...]:
        """The state that a node's identifier stands for; nothing where it is not known."""
        nodes = self._made.get((epoch, number), {})
        if node in nodes:
            return nodes[node]
        return next(iter(nodes.values())) if len(nodes) == 1 else ()


def number_of(message: Message) -> MessageId | None:
    """A message's own identifier."""
    extra: tuple[AnyObject, ...] = getattr(message, "extra", ())
    return next((one for one in extra if isinstance(one, MessageId)), None)


def denied(message: Message) -> Iterator[tuple[int, int]]:
    """Epochs and identifiers that a message says are not known where it comes from."""
    found: tuple[Any, ...] = (*getattr(message, "acks", ()), *getattr(message, "extra", ()))
    return ((one.epoch, one.message_id) for one in found if isinstance(one, MessageIdNack))


def refreshed(message: Srefresh) -> Iterator[tuple[int, int]]:
    """Epochs and identifiers that a summary refresh lists, whichever kind of list it uses."""
    for one in message.lists:
        if isinstance(one, MessageIdList):
            yield from ((one.epoch, number) for number in one.message_ids)
        else:
            yield from ((one.epoch, entry.message_id) for entry in one.entries)
