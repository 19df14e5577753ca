"""A classic Generic QoS receiver, call for call: it looks at what is sent, chooses, reserves, and counts.

python gqos_receiver.py 5150          # what WSA* call each line was, stands behind it
"""

from __future__ import annotations

import argparse
import asyncio
from dataclasses import replace

import rsvp
from rsvp import gqos
from rsvp.paths import CONTROL

LOAD = gqos.FlowSpec(service_type=gqos.ServiceType.CONTROLLEDLOAD)
LISTEN = replace(LOAD, service_type=gqos.ServiceType.CONTROLLEDLOAD | gqos.ServiceFlag.NO_QOS_SIGNALING)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()

    client = await rsvp.connect(options.control)  # WSAStartup
    provider = gqos.Provider(client)  # WSAEnumProtocols, XP1_QOS_SUPPORTED
    sock = provider.socket()  # WSASocket(AF_INET, SOCK_DGRAM, WSA_FLAG_OVERLAPPED)
    await sock.bind(("0.0.0.0", options.port))  # bind
    await sock.set_qos(gqos.Qos(receiving=LISTEN))  # WSAIoctl(SIO_SET_QOS), SERVICE_NO_QOS_SIGNALING
    packets: list[bytes] = []
    taking = asyncio.create_task(take(sock, packets))  # an overlapped WSARecvFrom

    senders = True
    while senders:
        await sock.wait_event()  # WSAWaitForMultipleEvents, WSAEnumNetworkEvents: FD_QOS
        try:
            while True:  # every indication, or FD_QOS is not posted again
                qos = sock.get_qos()  # WSAIoctl(SIO_GET_QOS)
                [info] = [one for one in qos.provider_specific if isinstance(one, gqos.StatusInfo)]
                print(
                    f"WSA_QOS_{gqos.Status(info.status).name}: {qos.receiving.token_rate} bytes/s", flush=True
                )
                senders = info.status != gqos.Status.NO_SENDERS
                if info.status == gqos.Status.SENDERS:
                    confirm = gqos.ReserveInfo(confirm_request=1)
                    await sock.set_qos(gqos.Qos(receiving=LOAD, provider_specific=(confirm,)))  # SIO_SET_QOS
        except gqos.WouldBlock:  # SOCKET_ERROR, WSAEWOULDBLOCK
            pass

    taking.cancel()
    print(f"received {len(packets)} packets", flush=True)
    await sock.close()  # closesocket
    await client.close()  # WSACleanup


async def take(sock: gqos.Socket, packets: list[bytes]) -> None:
    """Keep what comes."""
    while True:
        packets.append((await sock.recvfrom(2048))[0])


if __name__ == "__main__":
    asyncio.run(main())
