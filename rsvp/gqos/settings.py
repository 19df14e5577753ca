"""What SIO_SET_QOS left in force: flowspecs and objects, and what a call may make of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .checks import Direction, check_flowspec, check_objects, find
from .constants import ReservationStyle, ServiceFlag, ServiceType
from .errors import NotSupported, ProviderBufferError
from .extended import Extended
from .matching import Address, Place, check_reserve_info
from .structures import (
    UNSPECIFIED,
    DestAddr,
    FlowSpec,
    PolicyElement,
    PolicyInfo,
    Qos,
    QosObject,
    ReserveInfo,
)

NOTHING = FlowSpec(service_type=ServiceType.NOTRAFFIC)


@dataclass(frozen=True, slots=True)
class Settings:
    """Both flowspecs, one object of each kind, and where a socket without a peer sends to."""

    sending: FlowSpec = UNSPECIFIED
    receiving: FlowSpec = UNSPECIFIED
    objects: tuple[QosObject, ...] = ()
    destinations: tuple[Address, ...] = ()

    @property
    def reserve_info(self) -> ReserveInfo | None:
        """How to reserve."""
        return find(self.objects, ReserveInfo)

    @property
    def policy(self) -> tuple[PolicyElement, ...]:
        """Elements for a policy server."""
        found = find(self.objects, PolicyInfo)
        return () if found is None else found.elements

    @property
    def qos(self) -> Qos:
        """All of it as one structure."""
        destinations = tuple(DestAddr(*one) for one in self.destinations)
        return Qos(self.sending, self.receiving, self.objects + destinations)

    def changed(self, qos: Qos, place: Place) -> Settings:
        """What is in force after `qos`.

        NOCHANGE keeps a direction, and an object stays until another of its kind comes. Raises any of
        the WSA_QOS_E* errors, and NotSupported.
        """
        check_flowspec(qos.sending, Direction.SENDING)
        check_flowspec(qos.receiving, Direction.RECEIVING)
        check_objects(qos.provider_specific, place.tcp)
        sending = self.sending if qos.sending.service == ServiceType.NOCHANGE else qos.sending
        receiving = self.receiving if qos.receiving.service == ServiceType.NOCHANGE else qos.receiving
        for spec in (sending, receiving):
            if spec.service == ServiceType.QUALITATIVE and not spec.has(ServiceFlag.NO_QOS_SIGNALING):
                # A Path of the null service would be refused by the next node, silently for its sender.
                raise NotSupported("no node here offers QUALITATIVE, the null service (RFC 2997)")
        if (info := find(qos.provider_specific, ReserveInfo)) is not None:
            check_reserve_info(place, info, receiving)
        named = tuple(one for one in qos.provider_specific if isinstance(one, DestAddr))
        others = tuple(one for one in qos.provider_specific if not isinstance(one, DestAddr))
        kinds = tuple(type(one) for one in others)
        kept = tuple(one for one in self.objects if not isinstance(one, kinds))
        return Settings(sending, receiving, kept + others, self._destinations(named, place))

    def _destinations(self, named: tuple[DestAddr, ...], place: Place) -> tuple[Address, ...]:
        for one in named:
            if place.tcp or place.peer is not None:
                raise ProviderBufferError("a connected socket sends to its peer", Extended.SETQOS_ILLEGALOP)
            right = one.address.version == place.version and int(one.address) and one.port
            if not right or one.address.is_multicast:
                raise ProviderBufferError(
                    f"a destination is a unicast IPv{place.version} address and a port; groups are joined",
                    Extended.SETQOS_INVALIDADDRESS,
                )
        return tuple(dict.fromkeys(Address(one.address, one.port) for one in named)) or self.destinations

    def connected(self) -> Settings:
        """What is left when a socket gets its one peer: that is its only sender and its destination."""
        info = self.reserve_info
        if info is None:
            return replace(self, destinations=())
        plain = replace(info, style=ReservationStyle.DEFAULT, flow_descriptors=())
        objects = tuple(plain if one is info else one for one in self.objects)
        return replace(self, objects=objects, destinations=())

    def ended(self, *directions: Direction) -> Settings:
        """What is left when directions end."""
        sending = NOTHING if Direction.SENDING in directions else self.sending
        receiving = NOTHING if Direction.RECEIVING in directions else self.receiving
        return replace(self, sending=sending, receiving=receiving)
