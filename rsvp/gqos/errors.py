"""What a GQoS call raises: one exception for each error code, with the code as an attribute.

`except GqosError` takes them all, `error.code` is the number that WSAGetLastError gave, and
`error.extended` the GQOS_* detail where there is one.
"""

from __future__ import annotations

from typing import ClassVar

from ..errors import LocalError
from .constants import Status, WsaError
from .extended import Extended


class GqosError(LocalError):
    """Base of all of them."""

    code: ClassVar[Status | WsaError]
    detail: ClassVar[Extended] = Extended.NO_ERRORCODE

    def __init__(self, text: str, extended: Extended | None = None) -> None:
        """`extended` says more than the class itself does."""
        super().__init__(text)
        self.extended = self.detail if extended is None else extended


# --- WSA_QOS_E*: arguments that cannot be --------------------------------------------------------------


class ServiceTypeError(GqosError):
    """A service type that does not exist, or cannot be asked for in this direction."""

    code = Status.ESERVICETYPE
    detail = Extended.SETQOS_BADFLOWSPEC


class FlowspecError(GqosError):
    """A flowspec whose fields do not go together, or that nothing could meet."""

    code = Status.EFLOWSPEC
    detail = Extended.SETQOS_BADFLOWSPEC


class ProviderBufferError(GqosError):
    """A packed QOS or provider-specific buffer that cannot be read: all that `unpack` raises."""

    code = Status.EPROVSPECBUF
    detail = Extended.SETQOS_BADPROVSPECBUF


class FilterStyleError(GqosError):
    """A style that does not exist, or that this kind of socket cannot have."""

    code = Status.EFILTERSTYLE
    detail = Extended.SETQOS_ILLEGALOP


class FilterTypeError(ProviderBufferError):
    """A filter type that does not exist, or that the session cannot have."""

    code = Status.EFILTERTYPE
    detail = Extended.SETQOS_BADFILTERTYPE


class FilterCountError(GqosError):
    """A wrong number of filters in a flow descriptor."""

    code = Status.EFILTERCOUNT
    detail = Extended.SETQOS_BADFILTERCOUNT


class ObjectLengthError(ProviderBufferError):
    """An object whose length is not that of its kind."""

    code = Status.EOBJLENGTH
    detail = Extended.SETQOS_BADOBJLENGTH


class FlowCountError(GqosError):
    """A wrong number of flow descriptors for the style."""

    code = Status.EFLOWCOUNT
    detail = Extended.SETQOS_BADFLOWCOUNT


class UnknownObjectError(GqosError):
    """An object that is not known here, or that no application may give."""

    code = Status.EUNKNOWNPSOBJ
    detail = Extended.SETQOS_UNKNOWNPSOBJ


class PolicyObjectError(GqosError):
    """A policy object that cannot be."""

    code = Status.EPOLICYOBJ
    detail = Extended.SETQOS_BADPOLICYOBJ


class FlowDescriptorError(GqosError):
    """A flow descriptor that is missing, or where the style has none."""

    code = Status.EFLOWDESC
    detail = Extended.SETQOS_BADFLOWDESC


class DescriptorFlowspecError(GqosError):
    """A flowspec in a flow descriptor that cannot be."""

    code = Status.EPSFLOWSPEC
    detail = Extended.SETQOS_BADFLOWSPEC


class FilterSpecError(GqosError):
    """A filter in a flow descriptor that names no sender."""

    code = Status.EPSFILTERSPEC
    detail = Extended.SETQOS_UNKNOWNFILTEROBJ


class ShapeModeError(GqosError):
    """A shape, discard or borrow mode that does not exist."""

    code = Status.ESDMODEOBJ
    detail = Extended.SETQOS_MODENOTSUPPORTED


class ShapingRateError(GqosError):
    """A shaping rate of nothing, or without the shape mode."""

    code = Status.ESHAPERATEOBJ
    detail = Extended.SETQOS_BADPROVSPECOBJ


class ReservedPolicyError(PolicyObjectError):
    """A policy element of a reserved type."""

    code = Status.RESERVED_PETYPE
    detail = Extended.SETQOS_BADPOLICYOBJ


# --- WSA*: what sockets answer ---------------------------------------------------------------------------


class Aborted(GqosError):
    """The socket was closed while a call waited."""

    code = WsaError.OPERATION_ABORTED


class BadAddress(GqosError):
    """An address that is none."""

    code = WsaError.EFAULT


class InvalidArgument(GqosError):
    """A call that this socket, in this state, cannot have."""

    code = WsaError.EINVAL


class WouldBlock(GqosError):
    """No indication waits: the next change posts FD_QOS again."""

    code = WsaError.EWOULDBLOCK


class NotASocket(GqosError):
    """The socket is closed."""

    code = WsaError.ENOTSOCK


class NotSupported(GqosError):
    """This kind of socket cannot do that, or the flowspec cannot be met."""

    code = WsaError.EOPNOTSUPP


class NetworkDown(GqosError):
    """The RSVP service of this host is gone."""

    code = WsaError.ENETDOWN


class Refused(GqosError):
    """The condition callback rejected the connection."""

    code = WsaError.ECONNREFUSED


class TryAgain(GqosError):
    """The condition callback put its decision off."""

    code = WsaError.TRY_AGAIN


class NoData(GqosError):
    """There is no template of that name."""

    code = WsaError.NO_DATA


class NoBuffers(GqosError):
    """The answer does not fit; `needed` is its size in bytes."""

    code = WsaError.ENOBUFS
    detail = Extended.GETQOS_BADOUTBUFFER

    def __init__(self, text: str, needed: int, extended: Extended | None = None) -> None:
        super().__init__(text, extended)
        self.needed = needed
