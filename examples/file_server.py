"""A file server that says of each reply what it is: listings are wanted at once, downloads can wait.

    python file_server.py 10.0.3.2:8021 DIRECTORY --policy files.toml
    printf 'LIST\\nGET README.md\\n' | nc 10.0.3.2 8021

What that means is the host's business. Without a file a listing leaves as AF41 (34), a download as CS1 (8).
One that also reserves for the downloads of some customers:

    [[rule]]
    token = "bulk"
    destination = "10.0.1.0/24"
    dscp = 8
    reserve = "1mbit"
"""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import socketserver
from pathlib import Path

from rsvp import blocking, classify
from rsvp.classify import Priority, Scope
from rsvp.flows import read_place
from rsvp.paths import CONTROL

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
POLICY = classify.read('[[rule]]\ntoken = "bulk"\ndscp = 8')


class Files(socketserver.ThreadingTCPServer):
    """Serves one directory; its connections are reserved for by `client`, where the policy says so."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, where: tuple, root: Path, policy: classify.Policy, client: blocking.Client) -> None:
        self.address_family = FAMILY[where[0].version]
        super().__init__((str(where[0]), where[1]), Customer)
        self.root, self.policy, self.client = root, policy, client


class Customer(socketserver.StreamRequestHandler):
    """One connection: a LIST ends with an empty line, a GET begins with the size."""

    server: Files

    def handle(self) -> None:
        with classify.ClassifiedSocket(self.request, self.server.policy, via=self.server.client) as reply:
            for line in self.rfile:
                files = {entry.name: Path(entry) for entry in os.scandir(self.server.root) if entry.is_file()}
                match line.decode("utf-8", "replace").split():
                    case ["LIST"]:
                        reply.sendall("\n".join([*files, "", ""]).encode(), priority=Priority.HIGH)
                    case ["GET", name] if name in files:
                        data = files[name].read_bytes()
                        reply.sendall(b"%d\n" % len(data) + data, token="bulk", scope=Scope.CONNECTION)
                    case _:
                        reply.sendall(b"LIST, or GET and a name from it\n", priority=Priority.HIGH)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("where", type=read_place, help="ADDRESS:PORT")
    parser.add_argument("root", type=Path)
    parser.add_argument("--policy", type=classify.load, default=POLICY)
    parser.add_argument("--control", default=CONTROL)
    options = parser.parse_args()
    with (
        blocking.connect(options.control) as client,
        Files(options.where, options.root, options.policy, client) as server,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print("serving", options.root, flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
