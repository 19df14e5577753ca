"""What this node refused, and by which rule of which RFC (RFC 2205 appendix B).

A refusal leaves no state behind but its error message. The last ones are remembered, so that an
operator can be told why something is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..iana import AdmissionError, ApiError, ErrorCode, TrafficControlCode
from ..iana_errors import PolicyControlError, RsvpSystemError
from ..intserv import Flowspec
from ..messages import AnyFilter, AnySession
from ..objects import IPAddress

MOST = 256
"""Refusals that are remembered; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing refused: a Path or Resv from `neighbor`, or from an application here where that is None.

    `flags` are those of ERROR_SPEC; InPlace says that an earlier reservation stands. `flowspec` is what a
    reservation asked for.
    """

    session: AnySession
    message: str
    neighbor: IPAddress | None
    interface: int
    filters: tuple[AnyFilter, ...]
    code: int
    value: int
    flags: int = 0
    flowspec: Flowspec | None = None


class Refusals:
    """The last refusals, each once, with how often it was made."""

    def __init__(self) -> None:
        self._times: dict[Refusal, int] = {}

    def add(self, refusal: Refusal) -> None:
        """Remember one as the latest."""
        self._times[refusal] = self._times.pop(refusal, 0) + 1
        if len(self._times) > MOST:
            del self._times[next(iter(self._times))]

    def __iter__(self) -> Iterator[tuple[Refusal, int]]:
        """Each refusal with how often it was made, the oldest first."""
        return iter(self._times.items())


Rule = tuple[str, str]
"""What was broken, in words, and the section that says so."""

_RULES: dict[tuple[int, int | None], Rule] = {
    (ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE): (
        "a reservation is admitted only where the link, and what one flow may take of it, has room for it",
        "RFC 2205 section 2.5",
    ),
    (ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.DELAY_BOUND): (
        "the link has room for the flow's rate r, but not for the R that so short a delay takes, or for one "
        "more reservation beside the delays that it has promised",
        "RFC 2205 appendix B",
    ),
    (ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.MTU_TOO_LARGE): (
        "a flow's largest packet M must fit the link's MTU",
        "RFC 2210 section 2.3.2",
    ),
    (ErrorCode.ADMISSION_CONTROL_FAILURE, None): (
        "traffic control must be able to give the service that is asked for",
        "RFC 2205 section 2.5",
    ),
    (ErrorCode.POLICY_CONTROL_FAILURE, PolicyControlError.PREEMPTED): (
        "where a link has promised more than it carries by now, reservations of low priority go first",
        "RFC 3181 section 4",
    ),
    (ErrorCode.POLICY_CONTROL_FAILURE, PolicyControlError.PARTIALLY_PREEMPTED): (
        "of a reservation that is preempted, what the link has left stands",
        "RFC 4495 section 5",
    ),
    (ErrorCode.POLICY_CONTROL_FAILURE, None): (
        "who asks must be allowed to",
        "RFC 2205 section 2.7",
    ),
    (ErrorCode.NO_PATH_INFORMATION, None): (
        "a Resv follows the way that Paths came, and no Path of this session came here",
        "RFC 2205 section 3.1.4",
    ),
    (ErrorCode.NO_SENDER_INFORMATION, None): (
        "a reservation is for senders whose data leaves through its interface, and there is none",
        "RFC 2209 section 2, RESV MESSAGE ARRIVES",
    ),
    (ErrorCode.CONFLICTING_STYLE, None): (
        "all reservations of a session have styles that can be merged",
        "RFC 2205 section 1.3",
    ),
    (ErrorCode.UNKNOWN_STYLE, None): (
        "a reservation's style is fixed-filter, shared-explicit or wildcard-filter",
        "RFC 2205 section 1.3",
    ),
    (ErrorCode.CONFLICTING_DEST_PORTS, None): (
        "sessions of one destination and protocol either all have a port or all have none",
        "RFC 2205 section 3.2",
    ),
    (ErrorCode.CONFLICTING_SENDER_PORTS, None): (
        "senders at one address in one session either all have a port or all have none",
        "RFC 2205 section 3.2",
    ),
    (ErrorCode.UNKNOWN_OBJECT_CLASS, None): (
        "an object of a class that nobody here knows, and whose number has the top bit clear, is refused",
        "RFC 2205 section 3.10",
    ),
    (ErrorCode.UNKNOWN_OBJECT_CTYPE, None): (
        "an object of a C-Type that nobody here implements is refused",
        "RFC 2205 section 3.10",
    ),
    (ErrorCode.API, ApiError.NO_ROUTE): (
        "a Path follows the route to its session's destination, and there is none",
        "RFC 2205 section 3.11.1",
    ),
    (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_CONFLICT): (
        "reservations of one session are of one service, or they could not be merged",
        "RFC 2205 appendix B",
    ),
    (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED): (
        "this node offers controlled-load and guaranteed service",
        "RFC 2205 appendix B",
    ),
    (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.BAD_FLOWSPEC): (
        "a flowspec's numbers are finite and make sense together",
        "RFC 2205 appendix B",
    ),
    (ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.BAD_TSPEC): (
        "a sender's Tspec has finite numbers that make sense together",
        "RFC 2205 appendix B",
    ),
    (ErrorCode.SERVICE_PREEMPTED, None): (
        "traffic control may take away what it gave",
        "RFC 2205 section 3.11.2",
    ),
    (ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR, None): (
        "what was admitted stands only once the kernel's traffic control has taken it, and it did not",
        "RFC 2205 section 3.11.2",
    ),
    (ErrorCode.RECEIVER_PROXY, None): (
        "a receiver proxy tells a sender that no reservation could be made for it",
        "RFC 5946 section 3.1.2",
    ),
    (ErrorCode.RSVP_SYSTEM_ERROR, RsvpSystemError.TOO_MANY_RESERVATIONS): (
        "a session, and a neighbour, has no more reservations than this node was configured for",
        "RFC 2205 appendix B",
    ),
}


def rule(code: int, value: int) -> Rule:
    """Which rule an error code and value stand for; where that has no name here, the list of codes."""
    found = _RULES.get((code, value)) or _RULES.get((code, None))
    return found or ("what was asked for could not be done", "RFC 2205 appendix B")
