"""The page for Prometheus, read by its own parser, and the small server that serves it."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import Any

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from rsvp import metrics
from rsvp.config import read
from rsvp.counts import Tally
from rsvp.daemon import exporter as exporter_module
from rsvp.daemon.exporter import Exporter, read_address
from rsvp.daemon.service import Settings
from rsvp.engine import Engine
from rsvp.errors import ConfigError
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF
from rsvp.show import Names
from tests.control.test_daemon import Daemon, live
from tests.network.test_nodes import SENDER, L, story
from tests.nodes import chain
from tests.patience import PATIENCE
from tests.virtual_loop import run


def families(page: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(page)}


def values(page: str) -> dict[tuple[str, ...], float]:
    """Each sample's name and label values, to its value."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families(page).values()
        for sample in family.samples
    }


def test_every_number_of_a_router():
    async def tell() -> None:
        async with story(chain({"bandwidth": 1e5})) as s:
            await s.announce()
            for rate in (50_000.0, 100_000.0):
                wanted = controlled_load(Tspec(rate, 20_000.0, M=1400))
                await s.nodes["h2"].reserve(s.receiving, FF, (Flow(wanted, (SENDER,)),))
                await asyncio.sleep(1)
            r1 = s.nodes["r1"]
            page = r1.metrics()
            told = values(page)
            assert {name for name, *_ in told if not name.startswith("rsvp_refresh_lag")} == {
                "rsvp_messages_total",
                "rsvp_sessions",
                "rsvp_path_states",
                "rsvp_reservations",
                "rsvp_interface_reserved_bytes_per_second",
                "rsvp_interface_limit_bytes_per_second",
                "rsvp_admission_total",
            }
            assert {"rsvp_errors", "rsvp_state_timeouts"} <= set(families(page)), (
                "told of before there are any"
            )
            assert told["rsvp_messages_total", "Path", "in", "eth0"] == 1
            assert told["rsvp_messages_total", "Path", "out", "eth1"] == 1
            assert told["rsvp_messages_total", "Resv", "in", "eth1"] == 2
            assert told["rsvp_sessions",] == told["rsvp_path_states",] == told["rsvp_reservations",] == 1
            assert told["rsvp_interface_reserved_bytes_per_second", "eth1"] == 50_000
            assert told["rsvp_interface_limit_bytes_per_second", "eth1"] == 75_000
            assert told["rsvp_admission_total", "accepted", ""] == 1
            (refused,) = [n for key, n in told.items() if key[:2] == ("rsvp_admission_total", "refused")]
            assert refused == 1
            s.network.hosts["h1"].up = s.network.hosts["h2"].up = False
            await asyncio.sleep(L + 1)
            told = values(r1.metrics())
            assert told["rsvp_sessions",] == told["rsvp_interface_reserved_bytes_per_second", "eth1"] == 0
            assert told["rsvp_state_timeouts_total", "sender"] == 1
            counted = told["rsvp_refresh_lag_seconds_count",]
            assert counted > 1
            assert told["rsvp_refresh_lag_seconds_bucket", "0.001"] == counted, (
                "time is virtual: none is late"
            )
            assert told["rsvp_refresh_lag_seconds_bucket", "+Inf"] == counted

    run(tell())


def test_labels_of_any_kind_and_how_late_things_were():
    tally = Tally()
    awkward = 'a "quoted"\\ reason\nof two lines'
    tally.of(7).errors[awkward] += 3
    tally.of(8).errors[awkward] += 1
    for seconds in (0.0, 0.001, 0.002, 7.0):
        tally.lag.observe(seconds)
    told = values(metrics.page(tally, Engine(rng=Random(1)), Names({})))
    assert told["rsvp_errors_total", awkward] == 4
    assert [told["rsvp_refresh_lag_seconds_bucket", le] for le in ("0.001", "0.005", "5.0", "+Inf")] == [
        2,
        3,
        3,
        4,
    ]
    assert told["rsvp_refresh_lag_seconds_sum",] == 7.003


# --- the server ---------------------------------------------------------------------------------------


async def ask(port: int, request: bytes) -> tuple[str, dict[str, str], str]:
    """Status, header and body of an answer; what is left open is closed by the other end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = (await reader.read()).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    status, *fields = head.split("\r\n")
    return status, dict(field.split(": ", 1) for field in fields), body


def serving(story: Any) -> None:
    """Run a story with the port of an exporter."""

    async def main() -> None:
        async with asyncio.timeout(PATIENCE), Exporter(lambda: "rsvp_sessions 1\n") as exporter:
            await exporter.move("127.0.0.1:0", "here")
            done: Coroutine[Any, Any, None] = story(exporter)
            await done

    asyncio.run(main())


def test_what_is_served():
    async def story(exporter: Exporter) -> None:
        status, fields, body = await ask(exporter.port, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (status, body) == ("HTTP/1.1 200 OK", "rsvp_sessions 1\n")
        assert fields["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        assert int(fields["Content-Length"]) == len(body)
        status, fields, body = await ask(exporter.port, b"HEAD /metrics?x=1 HTTP/1.1\r\n\r\n")
        assert (status, fields["Content-Length"], body) == ("HTTP/1.1 200 OK", "16", "")

    serving(story)


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET / HTTP/1.1", "404"),
        (b"GET /../etc/passwd HTTP/1.1", "404"),
        (b"POST /metrics HTTP/1.1", "405"),
        (b"nonsense", "405"),
        (b"", "405"),
    ],
)
def test_what_is_not(request_line: bytes, status: str):
    async def story(exporter: Exporter) -> None:
        answer, _, _ = await ask(exporter.port, request_line + b"\r\n\r\n")
        assert answer.split()[1] == status

    serving(story)


def test_clients_that_misbehave_cost_little(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exporter_module, "PATIENCE", 0.2)
    monkeypatch.setattr(exporter_module, "MOST", 3)

    async def story(exporter: Exporter) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", exporter.port)
        writer.write(b"x" * 100_000)
        assert await reader.read() == b"", "longer than a request is"
        writer.close()
        silent = [await asyncio.open_connection("127.0.0.1", exporter.port) for _ in range(10)]
        for reader, writer in silent:
            assert await reader.read() == b""
            writer.close()
        status, _, _ = await ask(exporter.port, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert status == "HTTP/1.1 200 OK"

    serving(story)


def test_it_moves_and_stays_where_it_cannot():
    async def story(exporter: Exporter) -> None:
        first = exporter.port
        await exporter.move("127.0.0.1:0", "here")
        assert exporter.port == first
        with pytest.raises(ConfigError, match=r"^there: no metrics at 192\.0\.2\.1:1: "):
            await exporter.move("192.0.2.1:1", "there")
        assert exporter.port == first
        await exporter.move("[::1]:0" if Path("/proc/net/if_inet6").exists() else "127.0.0.2:0", "there")
        with pytest.raises(ConnectionRefusedError):
            await ask(first, b"GET /metrics HTTP/1.1\r\n\r\n")
        await exporter.move(None, "nowhere")

    serving(story)


def test_addresses():
    assert read_address("127.0.0.1:9946") == ("127.0.0.1", 9946)
    assert read_address("[::1]:9946") == ("::1", 9946)
    for wrong in ("9946", ":9946", "127.0.0.1:x", "127.0.0.1:65536"):
        with pytest.raises(ValueError, match="no address with a port"):
            read_address(wrong)
    with pytest.raises(ConfigError, match=r"line 2: metrics has to be an address with a port, such as"):
        read("refresh = 1\nmetrics = 9946")


def test_a_daemon_serves_it_from_its_file_and_follows_a_reload(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, unused_port: int
):
    file, control = tmp_path / "rsvp.toml", tmp_path / "control.sock"
    file.write_text(f'metrics = "127.0.0.1:{unused_port}"\n')
    caplog.set_level("INFO", "rsvp")

    async def story(daemon: Daemon) -> None:
        _, _, body = await ask(unused_port, b"GET /metrics HTTP/1.1\r\n\r\n")
        assert values(body)["rsvp_sessions",] == 0

        async def reload(text: str, said: str) -> None:
            file.write_text(text)
            daemon.signal(signal.SIGHUP)
            while said not in caplog.text:
                await asyncio.sleep(0.005)

        await reload("refresh = 30\nmetrics = '192.0.2.1:1'", "line 2: no metrics at 192.0.2.1:1")
        await ask(unused_port, b"GET /metrics HTTP/1.1\r\n\r\n")
        await reload("refresh = 30", "is read again")
        with pytest.raises(ConnectionRefusedError):
            await ask(unused_port, b"GET /metrics HTTP/1.1\r\n\r\n")
        daemon.signal(signal.SIGTERM)

    assert live(story, Settings(str(file), str(control))) == 0


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
