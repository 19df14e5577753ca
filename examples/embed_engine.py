"""The engine alone: values in, values out, and a clock made by hand.

python embed_engine.py
"""

from __future__ import annotations

from ipaddress import ip_address as address
from random import Random

from rsvp import FilterSpec, Hop, Path, Sender, Session, TimeValues, Tspec
from rsvp import engine as e


def main() -> None:
    engine = e.Engine(rng=Random(1))
    for number in (1, 2):
        mine = address(f"10.{number}.0.254")
        interface = e.Interface(number, f"eth{number}", (mine,), bandwidth=1_250_000)
        engine.handle(e.InterfaceUp(interface), now=0.0)

    path = Path(
        session=Session(address("10.9.0.9"), 17, 5000),
        hop=Hop(address("10.1.0.1"), lih=7),
        time_values=TimeValues(refresh_ms=30_000),
        sender=Sender(FilterSpec(address("10.1.0.1"), 4000), Tspec(rate=125_000, bucket=20_000)),
        send_ttl=63,
    )
    received = e.Received(path, 1, address("10.1.0.1"), address("10.9.0.9"), ttl=63)
    print(engine.handle(received, now=0.0))  # where is 10.9.0.9?
    answer = e.RouteResolved(address("10.9.0.9"), None, outgoing=(2,))
    (send,) = engine.handle(answer, now=0.0)
    print(f"to {send.destination} through {send.interface}: {send.message}")

    lifetime = e.lifetime(refresh=30.0, keep=3)
    now = 0.0
    while engine.senders(now):
        now = engine.next_timeout()
        for output in engine.handle_timeout(now):
            if isinstance(output, e.Send):
                print(f"{now:6.1f} s  {output.message.name}")
    print(f"gone after {now} s, as L = {lifetime} s says")


if __name__ == "__main__":
    main()
