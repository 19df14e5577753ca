"""A network in one machine: nodes in namespaces, joined by veth pairs, gone without trace afterwards.

An ordinary user can build it: `Sandbox` moves a function into new user, mount, network and PID
namespaces, where it is root over nothing but its own. The kernel takes all of it back, processes
included, when the function ends or its parent dies, even by SIGKILL. Inside, `Lab` makes the
nodes, links, addresses and static routes. Used by `rsvp demo`, the examples and the tests.

Nothing here runs inside an asyncio loop: build first, then run.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import heapq
import itertools
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pyroute2 import IPRoute

from .errors import LocalError, Unavailable

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
PR_SET_PDEATHSIG = 1
IFA_F_NODAD = 0x02
"""An IPv6 address is valid at once, without a search for duplicates."""

NAMESPACES_REFUSED = (
    "this system does not let you make network namespaces ({step}: {error}): run this as root, or "
    "allow it with 'sysctl -w user.max_user_namespaces=10000 kernel.unprivileged_userns_clone=1 "
    "kernel.apparmor_restrict_unprivileged_userns=0' (those of the three that your kernel has)"
)

PACKAGE_ROOT = Path(__file__).resolve().parent.parent
NAMES = Path("/run/netns")
SCRATCH = Path("/run/tmp")

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), name)


def _mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    _call(
        "mount",
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        ctypes.c_ulong(flags),
        options.encode() if options else None,
    )


def _die_with_parent(parent: int) -> None:
    _call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if parent and os.getppid() != parent:  # it died before we could ask
        os._exit(1)


# --- a world of one's own ---------------------------------------------------------------------------


class Sandbox:
    """One function in namespaces of its own, as process 1 of its PID namespace.

    The child ignores SIGINT: Ctrl-C is the parent's to answer, by `kill`. What the child spawns
    dies with it. /run is an empty tmpfs there, and temporary files go to it.
    """

    def __init__(self, function: Callable[[], int | None]) -> None:
        """Start it. Raises Unavailable where the system does not let us make namespaces."""
        sys.stdout.flush()
        sys.stderr.flush()
        ready, told = os.pipe()
        parent = os.getpid()
        self._status: int | None = None
        # An interrupt in the child before it ignores them would be told twice.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            self.pid = os.fork()
            if self.pid == 0:
                os.close(ready)
                _become_sandbox(function, told, parent, mask)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(told)
        try:
            with os.fdopen(ready, "r") as answer:
                refusal = answer.read()
        except BaseException:
            self.kill()
            raise
        if refusal:
            self.wait()
            raise Unavailable(refusal)

    def wait(self) -> int:
        """Wait for the end; the function's own return value or exit status, 128 + n for signal n."""
        if self._status is None:
            _, status = os.waitpid(self.pid, 0)
            code = os.waitstatus_to_exitcode(status)
            self._status = code if code >= 0 else 128 - code
        return self._status

    def kill(self) -> None:
        """End it at once, with everything in it, and wait until it is gone."""
        if self._status is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _become_sandbox(
    function: Callable[[], int | None], told: int, parent: int, mask: set[signal.Signals | int]
) -> None:
    """The forked child: enter the namespaces, tell how that went, run the function. Does not return."""
    status = 1
    step = "unshare"
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            _enter_namespaces()
            # Only now: the kernel forgets the request when a process gains capabilities.
            _die_with_parent(parent)
            step = "fork"
            inner = os.fork()
        except OSError as problem:
            os.write(told, _refusal(problem.filename or step, problem).encode())
            os._exit(1)
        if inner:
            os.close(told)
            _, ended = os.waitpid(inner, 0)
            code = os.waitstatus_to_exitcode(ended)
            os._exit(code if code >= 0 else 128 - code)
        _die_with_parent(0)
        try:
            _private_mounts()
            with Lab.host() as ipr:
                ipr.link("set", index=1, state="up")
        except OSError as problem:
            os.write(told, _refusal(problem.filename or "mount", problem).encode())
            os._exit(1)
        os.close(told)
        status = function() or 0
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _refusal(step: str, problem: OSError) -> str:
    return NAMESPACES_REFUSED.format(step=step, error=problem.strerror)


def _enter_namespaces() -> None:
    """Unshare; as root without a user namespace where that works."""
    kinds = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID
    if os.geteuid() == 0:
        try:
            _call("unshare", kinds)
            return
        except OSError as problem:
            if problem.errno != errno.EPERM:
                raise
    user, group = os.geteuid(), os.getegid()
    _call("unshare", kinds | CLONE_NEWUSER)
    with contextlib.suppress(FileNotFoundError):
        Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _private_mounts() -> None:
    _mount("none", "/", None, MS_REC | MS_PRIVATE)
    # A container's masked /proc cannot be mounted anew; the outer one tells our own network all the same.
    with contextlib.suppress(OSError):
        _mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _mount("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    NAMES.mkdir()
    SCRATCH.mkdir()
    os.environ["TMPDIR"] = str(SCRATCH)
    os.environ.pop("NOTIFY_SOCKET", None)
    tempfile.tempdir = None


class Task:
    """A forked process that runs one function, and what the function returned."""

    def __init__(self, function: Callable[[], bytes]) -> None:
        readable, writable = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                os.close(readable)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                with os.fdopen(writable, "wb") as out:
                    out.write(function())
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(status)
        os.close(writable)
        self._readable = readable
        self._ended = False

    def fileno(self) -> int:
        """What select finds readable when the function has ended, also in a process forked since."""
        return self._readable

    def result(self) -> bytes:
        """Wait for the end; what the function returned. Raises LocalError where it failed."""
        with os.fdopen(self._readable, "rb") as answer:
            data = answer.read()
        _, status = os.waitpid(self.pid, 0)
        self._ended = True
        if status:
            raise LocalError(f"a process of the lab failed with status {os.waitstatus_to_exitcode(status)}")
        return data

    def stop(self) -> None:
        """End it now, whatever it returns."""
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._readable)
            self._ended = True


# --- nodes and links --------------------------------------------------------------------------------


@dataclass(frozen=True)
class End:
    """One end of a link: the interface `name` of `node`, its addresses, and the link it belongs to."""

    node: Node
    name: str
    index: int
    address: IPv4Address
    address6: IPv6Address


@dataclass(frozen=True)
class Cable:
    """A link between two nodes, with its two ends in the order they were named."""

    ends: tuple[End, End]
    network: IPv4Network
    network6: IPv6Network


@dataclass
class Node:
    """One host or router in a network namespace of its own.

    `with node:` moves the calling thread into it: sockets made and processes started there are the
    node's. May be nested.
    """

    name: str
    router: bool
    ends: list[End] = field(default_factory=list)
    _outside: list[int] = field(default_factory=list, repr=False)
    _fd: int = field(default=-1, repr=False)

    def __enter__(self) -> Self:
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self._outside.append(outside)
        _call("setns", self._fd, CLONE_NEWNET)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        outside = self._outside.pop()
        try:
            _call("setns", outside, CLONE_NEWNET)
        finally:
            os.close(outside)

    @property
    def address(self) -> IPv4Address:
        """The IPv4 address of the first interface."""
        return self.ends[0].address

    @property
    def address6(self) -> IPv6Address:
        """The global IPv6 address of the first interface."""
        return self.ends[0].address6

    def toward(self, other: str) -> End:
        """This node's end of the (first) link to the node named `other`."""
        for end in self.ends:
            if end.name.split(".")[0] == f"to-{other}":
                return end
        raise LocalError(f"{self.name} has no link to {other}")

    @contextlib.contextmanager
    def iproute(self) -> Iterator[Any]:
        """A pyroute2 `IPRoute` that sees this node's network; not for use inside an asyncio loop."""
        with self, IPRoute() as ipr:
            yield ipr

    def popen(self, arguments: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
        """Start a process in this node; `options` as for subprocess.Popen."""
        with self:
            return subprocess.Popen(arguments, **options)

    def run(self, arguments: Sequence[str], **options: Any) -> subprocess.CompletedProcess[Any]:
        """Run a process in this node and wait for it; `options` as for subprocess.run."""
        with self:
            return subprocess.run(arguments, **options)

    def python(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """Start this same Python in the node, with this same package, whatever lies in the work directory."""
        environment = dict(options.pop("env", None) or os.environ)
        if PACKAGE_ROOT not in map(Path, sysconfig.get_paths().values()):
            paths = (str(PACKAGE_ROOT), environment.get("PYTHONPATH", ""))
            environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return self.popen([sys.executable, "-P", *arguments], env=environment, **options)

    def spawn(self, function: Callable[[], bytes]) -> Task:
        """Run a function in a process of its own in this node; fork, so do it before threads are."""
        with self:
            return Task(function)

    def sysctl(self, settings: Mapping[str, str | int]) -> None:
        """Write /proc/sys entries below net, e.g. {"ipv4/ip_forward": 1}, for this node.

        Raises Unavailable where /proc/sys is read-only, as in many containers.
        """
        with self:
            for key, value in settings.items():
                try:
                    (Path("/proc/sys/net") / key).write_text(str(value))
                except OSError as problem:
                    raise Unavailable(
                        f"a node needs net/{key} set, and /proc/sys refuses ({problem.strerror}): run this "
                        "outside of the container, or in one that may write /proc/sys (podman: "
                        "--security-opt unmask=ALL, docker: --privileged)"
                    ) from None


class Lab:
    """The network of a sandbox. Build nodes and links, then `start`."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.cables: list[Cable] = []

    @staticmethod
    @contextlib.contextmanager
    def host() -> Iterator[Any]:
        """A pyroute2 `IPRoute` for the namespace that the calling thread is in."""
        with IPRoute() as ipr:
            yield ipr

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def add_host(self, name: str) -> Node:
        """Add an end system."""
        return self._add(name, router=False)

    def add_router(self, name: str) -> Node:
        """Add a node that forwards."""
        return self._add(name, router=True)

    def _add(self, name: str, router: bool) -> Node:
        if name in self.nodes:
            raise LocalError(f"there is a node {name} already")
        if not 0 < len(name) <= 10:  # an interface's name, "to-" + name + ".n", has 15 characters at most
            raise LocalError(f"a node's name has 1 to 10 characters, not {name!r}")
        place = NAMES / name
        place.touch()
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _call("unshare", CLONE_NEWNET)
            try:
                _mount("/proc/thread-self/ns/net", str(place), None, MS_BIND)
                with self.host() as ipr:
                    ipr.link("set", index=1, state="up")
            finally:
                _call("setns", before, CLONE_NEWNET)
        finally:
            os.close(before)
        node = Node(name, router, _fd=os.open(place, os.O_RDONLY | os.O_CLOEXEC))
        self.nodes[name] = node
        # Duplicate address detection would hold link-local addresses back for a second or two.
        settings: dict[str, str | int] = {"ipv4/conf/all/rp_filter": 0, "ipv4/conf/default/rp_filter": 0}
        if router:
            settings["ipv4/ip_forward"] = 1
        if Path("/proc/sys/net/ipv6").exists():
            settings["ipv6/conf/default/accept_dad"] = 0
            settings["ipv6/conf/default/accept_ra"] = 0
            if router:
                settings["ipv6/conf/all/forwarding"] = 1
        node.sysctl(settings)
        return node

    def connect(self, one: str, other: str, mtu: int = 1500) -> Cable:
        """Join two nodes by a veth pair; it is 10.0.n.0/24 and fd00:n::/64, .1 and .2 in order.

        The interfaces are named after the far node: "to-r1" (a second one "to-r1.2").
        """
        number = len(self.cables) + 1
        network, network6 = IPv4Network(f"10.0.{number}.0/24"), IPv6Network(f"fd00:{number:x}::/64")
        pair = (self.nodes[one], self.nodes[other])
        names = []
        for node, far in zip(pair, (other, one), strict=True):
            count = sum(end.name.split(".")[0] == f"to-{far}" for end in node.ends)
            names.append(f"to-{far}" + (f".{count + 1}" if count else ""))
        # The kernel tells of a veth pair's carrier without its usual second of delay only where the
        # two ends' numbers differ, so the first is not left to it.
        with pair[0].iproute() as ipr:
            ipr.link(
                "add",
                ifname=names[0],
                kind="veth",
                mtu=mtu,
                index=100 + number,
                peer={"ifname": names[1], "net_ns_fd": pair[1]._fd, "mtu": mtu},
            )
        ends = []
        for host, (node, name) in enumerate(zip(pair, names, strict=True), start=1):
            with node.iproute() as ipr:
                index = ipr.link_lookup(ifname=name)[0]
                ipr.addr("add", index=index, address=str(network[host]), prefixlen=24)
                with contextlib.suppress(Exception):  # a kernel without IPv6
                    ipr.addr("add", index=index, address=str(network6[host]), prefixlen=64, flags=IFA_F_NODAD)
                ipr.link("set", index=index, state="up")
            ends.append(End(node, name, index, network[host], network6[host]))
        cable = Cable((ends[0], ends[1]), network, network6)
        for end in ends:
            end.node.ends.append(end)
        self.cables.append(cable)
        return cable

    def start(self) -> None:
        """Install static routes: every node reaches every link by the fewest hops through routers."""
        for node in self.nodes.values():
            gateways = self._first_hops(node)
            with node.iproute() as ipr:
                for cable in self.cables:
                    if any(end.node is node for end in cable.ends):
                        continue
                    # A host is the last resort: it takes what is for itself, and passes nothing on.
                    near = [
                        (not end.node.router, gateways[end.node.name])
                        for end in cable.ends
                        if end.node.name in gateways
                    ]
                    if not near:
                        continue
                    _, (_, out, via) = min(near, key=lambda way: (way[0], way[1][0]))
                    ipr.route("add", dst=str(cable.network), gateway=str(via.address), oif=out.index)
                    with contextlib.suppress(Exception):
                        ipr.route("add", dst=str(cable.network6), gateway=str(via.address6), oif=out.index)

    def _first_hops(self, source: Node) -> dict[str, tuple[int, End, End]]:
        """Node name -> (hops, our end, the neighbour's end) of the shortest way from `source`."""
        found: dict[str, tuple[int, End, End]] = {}
        ways: list[tuple[int, int, Node, tuple[End, End] | None]] = [(0, 0, source, None)]
        order = 0
        while ways:
            hops, _, node, first = heapq.heappop(ways)
            if node.name in found or (node is source and first):
                continue
            if first:
                found[node.name] = (hops, *first)
            if first and not node.router:
                continue
            for cable in self.cables:
                for near, far in (cable.ends, cable.ends[::-1]):
                    if near.node is node:
                        order += 1
                        heapq.heappush(ways, (hops + 1, order, far.node, first or (near, far)))
        return found


def chain(*names: str) -> Lab:
    """A started lab of nodes in a row: the first and last are hosts, those between are routers."""
    lab = Lab()
    for name in names:
        lab._add(name, router=name not in (names[0], names[-1]))
    for one, other in itertools.pairwise(names):
        lab.connect(one, other)
    lab.start()
    return lab
