"""A classic Generic QoS sender, call for call: a voice that is announced, and sent when it is reserved.

python gqos_sender.py 192.0.2.9 5150 --seconds 10          # what WSA* call each line was, stands behind it
"""

from __future__ import annotations

import argparse
import asyncio

import rsvp
from rsvp import gqos
from rsvp.paths import CONTROL


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address", help="where the voice is sent to")
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()

    client = await rsvp.connect(options.control)  # WSAStartup
    provider = gqos.Provider(client)  # WSAEnumProtocols, XP1_QOS_SUPPORTED
    sock = provider.socket()  # WSASocket(AF_INET, SOCK_DGRAM, WSA_FLAG_OVERLAPPED)
    voice = provider.templates.get("G711").sending  # WSAGetQOSByName
    await sock.bind(("0.0.0.0", 4000))  # bind
    await sock.connect((options.address, options.port), gqos.Qos(sending=voice))  # WSAConnect(.., &qos, NULL)
    allowed = await sock.check_qos(gqos.Check.ALLOWED_TO_SEND_DATA)  # WSAIoctl(SIO_CHK_QOS)
    print(f"allowed to send: {allowed}", flush=True)
    await wait_for(sock, gqos.Status.RECEIVERS)
    for _ in range(round(options.seconds * 50)):
        await sock.send(bytes(160))  # WSASend
        await asyncio.sleep(0.02)
    await sock.close()  # closesocket
    await client.close()  # WSACleanup


async def wait_for(sock: gqos.Socket, wanted: gqos.Status) -> None:
    """Read indications until one of them is what was wanted."""
    while sock.last.get(gqos.Direction.SENDING) != wanted:
        await sock.wait_event()  # WSAWaitForMultipleEvents, WSAEnumNetworkEvents: FD_QOS
        try:
            while True:  # every indication, or FD_QOS is not posted again
                qos = sock.get_qos()  # WSAIoctl(SIO_GET_QOS)
                [info] = [one for one in qos.provider_specific if isinstance(one, gqos.StatusInfo)]
                print(
                    f"WSA_QOS_{gqos.Status(info.status).name}: {qos.sending.token_rate} bytes/s", flush=True
                )
        except gqos.WouldBlock:  # SOCKET_ERROR, WSAEWOULDBLOCK
            pass


if __name__ == "__main__":
    asyncio.run(main())
