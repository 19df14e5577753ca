"""Policy elements between RSVP_POLICY and POLICY_DATA (RFC 2750 section 3, RFC 3181, RFC 3182)."""

from __future__ import annotations

import struct

from ..objects import PolicyData
from ..policy import Attribute, Identity, PolicyError, PreemptionPriority, UnknownElement
from .structures import PolicyElement, PolicyInfo


def policy_data(elements: tuple[PolicyElement, ...]) -> tuple[PolicyData, ...]:
    """What a Path or a Resv carries for an application's policy elements, which stay as they are."""
    if not elements:
        return ()
    return (PolicyData(elements=tuple(UnknownElement(one.type, one.data) for one in elements)),)


def policy_info(policy: tuple[PolicyData, ...]) -> PolicyInfo | None:
    """The policy elements of a message, None where it has none."""
    found = tuple(_element(one) for data in policy for one in data.elements)
    return PolicyInfo(found) if found else None


def _element(one: object) -> PolicyElement:
    match one:
        case PreemptionPriority():
            head = struct.pack("!BBBB", one.flags, one.strategy, one.error, 0)
            return PolicyElement(one.p_type, head + struct.pack("!HH", one.preemption, one.defending))
        case Identity(p_type, attributes):
            return PolicyElement(p_type, b"".join(_attribute(each) for each in attributes))
        case UnknownElement(p_type, data):
            return PolicyElement(p_type, data)
    raise TypeError(f"{one!r} is no policy element")


def _attribute(one: Attribute | PolicyError) -> bytes:
    if isinstance(one, PolicyError):
        value = struct.pack("!HH", 0, one.error) + one.value
    else:
        value = one.value
    padding = bytes(-len(value) % 4)
    return struct.pack("!HBB", len(value) + 4, one.a_type, one.sub_type) + value + padding
