"""Replaying a recording gives the same outputs, byte for byte, and the same state (RFC 2205, RFC 2209)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from random import Random

import pytest

from rsvp import encode
from rsvp import engine as e
from rsvp.daemon.service import Settings
from rsvp.engine.inputs import Input
from rsvp.engine.outputs import Output, ResvConfirmed
from rsvp.errors import ConfigError, LocalError, RecordingError
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.node import Node
from rsvp.objects import FF, SE, FilterSpec, Session
from rsvp.recorder import RecordedEngine, Recorder, Recording
from rsvp.replay import RecordingReplay
from rsvp.simulation import Scenario
from tests.nodes import Ledger, Listener, chain
from tests.virtual_loop import run

STORIES = sorted((Path(__file__).parent.parent / "conformance").glob("*/scenario.rsvp"))
STATE = ("interfaces", "sessions", "senders", "reservations", "requests", "installed")

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
OTHER = FilterSpec(ip_address("10.0.1.1"), 4001)
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)


def exact(output: Output) -> object:
    """An output, with its message as the bytes that leave."""
    return (encode(output.message), output) if isinstance(output, e.Send) else output


Log = dict[RecordedEngine, list[list[object]]]


@pytest.fixture
def lived(monkeypatch: pytest.MonkeyPatch) -> Log:
    """What every engine that was recorded gave out, input by input."""
    log: Log = {}
    handle, handle_timeout = RecordedEngine.handle, RecordedEngine.handle_timeout

    def handle_and_note(self: RecordedEngine, event: Input, now: float) -> list[Output]:
        given = log.setdefault(self, [])
        given.append([])
        outputs = handle(self, event, now)
        given[-1] = [exact(one) for one in outputs]
        return outputs

    def timeout_and_note(self: RecordedEngine, now: float) -> list[Output]:
        outputs = handle_timeout(self, now)
        log.setdefault(self, []).append([exact(one) for one in outputs])
        return outputs

    monkeypatch.setattr(RecordedEngine, "handle", handle_and_note)
    monkeypatch.setattr(RecordedEngine, "handle_timeout", timeout_and_note)
    return log


def replayed(path: Path) -> tuple[RecordingReplay, list[list[object]]]:
    replay = RecordingReplay(Recording(path))
    return replay, [[exact(one) for one in outputs] for _, _, outputs in replay.steps()]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.parent.name)
def test_a_simulated_node_does_the_same_again(story: Path, tmp_path: Path, lived: Log) -> None:
    scenario = Scenario.load(story)
    simulation = scenario.simulation(record=tmp_path)
    simulation.run(scenario.end)
    simulation.close()
    for name, node in simulation.nodes.items():
        if not isinstance(node.engine, RecordedEngine):
            continue
        replay, outputs = replayed(tmp_path / f"{name}.jsonl")
        assert outputs == lived[node.engine]
        replay.run(until=simulation.now - replay.start)
        for what in STATE:
            assert replay.show(what) == seen(node.show(what)), (name, what)


def seen(entries: list[dict[str, object]]) -> list[dict[str, object]]:
    """A replay has nobody who counts packets."""
    return [
        {**entry, "bytes": None, "packets": None, "dropped": None} if "bytes" in entry else entry
        for entry in entries
    ]


def test_recording_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rsvp.cli import main

    scenario = str(STORIES[0])
    assert main(["sim", scenario]) == 0
    plain = capsys.readouterr().out
    assert main(["sim", scenario, "--record", str(tmp_path / "made")]) == 0
    assert capsys.readouterr().out == plain


# --- whole nodes ----------------------------------------------------------------------------------------


async def _live(folder: Path, limit: int, seconds: float) -> dict[str, dict[str, list[dict[str, object]]]]:
    """h1 to h2 over two routers that lose a tenth; what each node shows at the end."""
    network = chain(loss=0.1)
    nodes: dict[str, Node] = {}
    for number, (name, host) in enumerate(network.hosts.items()):
        nodes[name] = Node(
            transport=host.transport,
            routing=host.routing,
            traffic=Ledger(),
            rng=Random(number),
            recorder=Recorder(folder / f"{name}.jsonl", limit=limit, clock=lambda: 1e9),
        )
        await nodes[name].start()
    h1, h2 = nodes["h1"], nodes["h2"]
    sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
    ends = Listener(h1, sending), Listener(h2, receiving)
    await h1.add_sender(sending, SENDER, TSPEC)
    await h1.add_sender(sending, OTHER, TSPEC, adspec=None)
    with pytest.raises(LocalError):
        await h1.add_sender(sending, FilterSpec(ip_address("10.9.9.9"), 1), TSPEC)
    await h2.reserve(receiving, SE, (Flow(controlled_load(TSPEC), (SENDER, OTHER)),), confirm=True)
    await ends[1].until(ResvConfirmed, 600)
    await asyncio.sleep(seconds)
    shown = {
        name: {what: await node.show(what) for what in ("senders", "reservations", "requests", "installed")}
        for name, node in nodes.items()
    }
    for node in nodes.values():
        node._running = False  # as kill -9: nothing is torn down
        await node.close()
    for end in ends:
        end.task.cancel()
    return shown


def test_nodes_that_talked_over_a_lossy_network_do_it_again(tmp_path: Path, lived: Log) -> None:
    shown = run(_live(tmp_path, 1 << 26, 300.0))
    engines = {engine._recorder.path.stem: engine for engine in lived}
    assert set(engines) == {"h1", "r1", "r2", "h2"}
    for name, engine in engines.items():
        replay, outputs = replayed(tmp_path / f"{name}.jsonl")
        assert outputs == lived[engine]
        assert len(outputs) > 30
        compare(replay, shown[name])


def compare(replay: RecordingReplay, shown: dict[str, list[dict[str, object]]]) -> None:
    """The same state; how long it lives was seen a little later, handles and proxies are others' matter."""
    for what, entries in shown.items():
        found = replay.show(what)
        for entry in (*found, *entries):
            for key in ("bytes", "packets", "dropped", "expires_in", "handle", "proxy"):
                entry.pop(key, None)
        order = sorted(found, key=repr), sorted(entries, key=repr)
        assert order[0] == order[1], what


def test_a_recording_stays_within_its_bounds_and_what_is_left_tells_the_state(tmp_path: Path) -> None:
    limit = 20_000
    shown = run(_live(tmp_path, limit, 3000.0))
    for name in ("h1", "r1", "r2", "h2"):
        path, before = tmp_path / f"{name}.jsonl", tmp_path / f"{name}.jsonl.1"
        assert sorted(one.name for one in tmp_path.glob(f"{name}.*")) == [path.name, before.name]
        assert before.stat().st_size < limit + 20_000
        replay = RecordingReplay(Recording(path))
        assert replay.recording.header.follows
        replay.run()
        compare(replay, shown[name])
        assert "put away" in replay.notes()[0]


def test_what_lives_on_from_an_earlier_part_ends_at_its_time(tmp_path: Path) -> None:
    """No refresh comes any more: the replay forgets when the node did."""

    async def story() -> tuple[float, dict[str, float]]:
        network = chain()
        host = network.hosts["r1"]
        path = tmp_path / "r1.jsonl"
        r1 = Node(
            transport=host.transport,
            routing=host.routing,
            traffic=Ledger(),
            recorder=Recorder(path, clock=None),
        )
        others = [
            Node(transport=one.transport, routing=one.routing, traffic=Ledger())
            for name, one in network.hosts.items()
            if name != "r1"
        ]
        for node in (r1, *others):
            await node.start()
        handle = await others[0].open_session(SESSION)
        await others[0].add_sender(handle, SENDER, TSPEC)
        receiving = await others[-1].open_session(SESSION)
        await others[-1].reserve(receiving, FF, (Flow(controlled_load(TSPEC), (SENDER,)),))
        await asyncio.sleep(10)
        for node in others:
            node._running = False
            await node.close()
        assert r1._recorder is not None
        r1._recorder._limit = 1  # the next input begins another file
        await asyncio.sleep(60)
        r1._recorder._limit = 1 << 26
        then = asyncio.get_running_loop().time()
        left = {what: (await r1.show(what))[0]["expires_in"] for what in ("senders", "reservations")}
        await asyncio.sleep(600)
        assert await r1.show("senders") == []
        await r1.close()
        return then, left

    then, left = run(story())
    replay = RecordingReplay(Recording(tmp_path / "r1.jsonl"))
    replay.run()
    assert replay.show("senders") == replay.show("reservations") == replay.show("installed") == []
    replay = RecordingReplay(Recording(tmp_path / "r1.jsonl"))
    assert replay.recording.header.follows
    replay.run(until=then - replay.start)
    for what, seconds in left.items():
        assert replay.show(what)[0]["expires_in"] == pytest.approx(seconds, abs=0.01)


def test_traffic_control_refuses_by_handles_of_an_earlier_part(tmp_path: Path) -> None:
    """A handle that was given out before the file began means the same flow after it."""
    path = tmp_path / "inputs.jsonl"
    engine = Recorder(path, clock=None).engine(None, 5)
    live = drive(engine, path, refuse=True)
    replay, _ = replayed(path)
    assert replay.recording.header.follows
    assert [view.session for view in live] == [view.session for view in replay.engine.installed()]
    assert len(live) == 2


def drive(engine: e.Engine, path: Path, *, refuse: bool) -> list[e.engine.InstalledView]:
    interface = e.Interface(1, "eth0", (ip_address("10.0.0.1"),), bandwidth=1e8)
    there = e.Interface(2, "eth1", (ip_address("10.0.1.1"),), bandwidth=1e8)
    for one in (interface, there):
        engine.handle(e.InterfaceUp(one), 0.0)
    handles = []
    for port in (1, 2, 3, 4):
        session = Session(ip_address("10.0.9.9"), 17, port)
        handles += list(_reserved(engine, session))
    # The first two flows go, so that a new engine counts otherwise; then the file is put away.
    engine.handle(e.CloseSession(1), 1.0)
    assert isinstance(engine, RecordedEngine)
    engine._recorder._limit = 1
    engine.handle(e.CloseSession(2), 2.0)
    engine._recorder._limit = 1 << 26
    assert Path(f"{path}.1").exists()
    more = list(_reserved(engine, Session(ip_address("10.0.9.9"), 17, 5)))
    if refuse:
        engine.handle(e.FlowRejected(more[0], 21, 0), 3.0)
    engine._recorder.close()
    return engine.installed()


def _reserved(engine: e.Engine, session: Session) -> Iterator[int]:
    """An application here sends, and a next hop reserves: gives traffic control's handles."""
    from rsvp.messages import Resv
    from rsvp.objects import Hop, TimeValues

    template = FilterSpec(ip_address("10.0.0.1"), 4000)
    engine.handle(e.OpenSession(session.port, session), 0.0)
    engine.handle(e.AddSender(session.port, template, TSPEC), 0.0)
    engine.handle(e.RouteResolved(session.destination, None, (2,)), 0.0)
    resv = Resv(
        session=session,
        hop=Hop(ip_address("10.0.1.2"), 2),
        time_values=TimeValues(30_000),
        style=FF,
        flows=(Flow(controlled_load(TSPEC), (template,)),),
    )
    own = ip_address("10.0.1.1")
    for output in engine.handle(e.Received(resv, 2, ip_address("10.0.1.2"), own, 63), 0.0):
        if isinstance(output, e.InstallFlow):
            yield output.handle


# --- the file -------------------------------------------------------------------------------------------


def recorded(path: Path) -> Recorder:
    recorder = Recorder(path, clock=lambda: 1_700_000_000.0)
    engine = recorder.engine(None, 1)
    engine.handle(e.InterfaceUp(e.Interface(1, "eth0", (ip_address("10.0.1.1"),))), 50.0)
    engine.handle(e.OpenSession(1, SESSION), 51.0)
    engine.handle(e.AddSender(1, SENDER, TSPEC), 52.0)
    recorder.close()
    return recorder


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    recorded(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    replay, outputs = replayed(path)
    assert len(outputs) == 2
    assert replay.show("senders") == []
    assert [view.session for view in replay.engine.sessions()] == [SESSION]
    assert "cut off" in replay.notes()[0]


def test_a_line_that_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    recorded(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], b"{]\n", *lines[2:]]))
    replay = RecordingReplay(Recording(path))
    with pytest.raises(RecordingError, match="damaged, line 3: "):
        replay.run()
    assert replay.ended
    assert [view.name for view in replay.engine.interfaces()] == ["eth0"]


def test_what_is_no_recording_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "other"
    path.write_bytes(b"{}\n")
    with pytest.raises(RecordingError, match="line 1: no recording"):
        Recording(path)


def test_times_count_from_the_start_and_the_time_of_day_is_known(tmp_path: Path) -> None:
    recorded(tmp_path / "one")
    replay = RecordingReplay(Recording(tmp_path / "one"))
    replay.run(until=1.5)
    assert (replay.frame, replay.time, replay.epoch) == (3, 1.5, 1_700_000_000.0)
    assert not replay.ended
    replay.run()
    assert (replay.frame, replay.time, replay.ended) == (4, 2.0, True)


def test_what_was_there_is_kept_beside_it(tmp_path: Path) -> None:
    recorded(tmp_path / "one")
    first = (tmp_path / "one").read_bytes()
    recorded(tmp_path / "one")
    assert (tmp_path / "one.1").read_bytes() == first
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_ends_the_recording_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(tmp_path / "one")
    engine = recorder.engine(None, 1)
    engine.handle(e.OpenSession(1, SESSION), 1.0)

    def full(line: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder, "_put", full)
    engine.handle(e.OpenSession(2, SESSION), 2.0)
    engine.handle(e.OpenSession(3, SESSION), 3.0)
    assert [record.message for record in caplog.records] == [
        f"{tmp_path / 'one'}: No space left on device: the recording ends here"
    ]


def test_a_fault_of_the_engine_is_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path / "one")
    engine = recorder.engine(None, 1)

    def fail(*_: object) -> None:
        raise AssertionError("a fault")

    assert isinstance(engine, RecordedEngine)
    engine._inputs[e.OpenSession] = fail
    with pytest.raises(AssertionError):
        engine.handle(e.OpenSession(1, SESSION), 1.0)
    recorder.close()
    assert [event for _, (_, event) in Recording(tmp_path / "one")] == [e.OpenSession(1, SESSION)]
    replay = RecordingReplay(Recording(tmp_path / "one"))
    replay.engine._inputs[e.OpenSession] = fail
    with pytest.raises(RecordingError, match=r"one, line 2: the engine fails here \(AssertionError"):
        replay.run()
    assert replay.ended


def test_a_node_records_where_its_configuration_says(tmp_path: Path) -> None:
    file = tmp_path / "rsvp.toml"
    file.write_text(f'record = "{tmp_path}/told"\nrecord_limit = 100000\n')
    assert Settings(str(file)).read().record == f"{tmp_path}/told"
    told = Settings(str(file), record=f"{tmp_path}/typed").read()
    assert (told.record, told.record_limit) == (f"{tmp_path}/typed", 100_000)

    async def story() -> None:
        host = chain().hosts["r1"]
        async with Node(told, transport=host.transport, routing=host.routing, traffic=Ledger()) as node:
            handle = await node.open_session(SESSION)
            await node.close_session(handle)

    run(story())
    assert not (tmp_path / "told").exists()
    replay, _ = replayed(tmp_path / "typed")
    assert {view.name for view in replay.engine.interfaces()} == {"eth0", "eth1"}
    assert [event for _, (_, event) in Recording(tmp_path / "typed")][-2:] == [
        e.OpenSession(1, SESSION),
        e.CloseSession(1),
    ]


def test_a_record_limit_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rsvp.toml"
    file.write_text("record_limit = 10\n")
    with pytest.raises(ConfigError, match="line 1: record_limit has to be a whole number of bytes, 65536 at"):
        Settings(str(file)).read()


def test_a_timeline_looks_only_where_something_can_have_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And misses nothing by that: nodes over a lossy network, until all that was not refreshed is gone."""
    run(_live(tmp_path, 1 << 26, 300.0))

    def timelines() -> dict[str, list[str]]:
        return {
            name: sorted(
                repr(one.as_json())
                for one in RecordingReplay(Recording(tmp_path / f"{name}.jsonl")).changes(until=2000.0)
            )
            for name in ("h1", "r1", "r2", "h2")
        }

    quick = timelines()
    monkeypatch.setattr(RecordingReplay, "_concerned", lambda *_: None)
    assert quick == timelines()
    assert any("not refreshed in time" in line for line in quick["r2"])
