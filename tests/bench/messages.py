"""The messages that are measured: Path and Resv of one session, no two sessions alike."""

from __future__ import annotations

from ipaddress import IPv4Address

from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp.iana import StyleBits


def path(n: int = 0) -> m.Path:
    """A Path with an ADSPEC of all three fragments; 172 bytes."""
    return m.Path(
        session=o.Session(IPv4Address(0x0A010002 + 7 * n), 17, 5000 + n % 997),
        send_ttl=63,
        hop=o.Hop(IPv4Address(0x0A000001 + n), 300 + n),
        time_values=o.TimeValues(30000 + n),
        sender=m.Sender(
            o.FilterSpec(IPv4Address(0x0A010001 + 5 * n), 4000 + n % 991),
            i.Tspec(1e6 + n, 20000, 1e7),
            i.Adspec(
                i.General(3, 1.25e6 + n, 1000 + n, 1500),
                i.GuaranteedAdvert(1500 + n, 12000 + n, 1500 + n, 12000 + n),
                i.ControlledLoadAdvert(),
            ),
        ),
    )


def resv(n: int = 0) -> m.Resv:
    """A Resv with one guaranteed flow for one sender; 108 bytes."""
    of = path(n)
    flow = m.Flow(i.guaranteed(1e6 + n, 2e6 + n, bucket=20000), (of.sender.template,))
    return m.Resv(
        session=of.session,
        send_ttl=63,
        hop=of.hop,
        time_values=of.time_values,
        style=o.Style(StyleBits.FF),
        flows=(flow,),
    )
