"""Draws the pictures of concepts.md from runs of the simulation, so that they show what the engine does.

python docs/pictures.py

Nothing in them is drawn from memory: times, rates and who asks whom for what are read from the nodes. A
test compares them with what is committed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path

from rsvp import messages
from rsvp.simulation import Arrived, Crossing, Event, Scenario, Simulation

HERE = Path(__file__).parent

INK, FAINT, CARD = "#1f2328", "#6b7480", "#f6f8fa"
COLOURS = ("#1f6f8b", "#c8553d", "#588157")
"""Of path state and sender A, of reservations and sender B, of sender C; readable on CARD and in grey."""


@dataclass
class Drawing:
    """An SVG on a card of its own, so that it can be read on a light page and on a dark one."""

    width: int
    height: int
    title: str
    _parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, **style: object) -> None:
        style = {"fill": INK, "font_size": 13, **style}
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{_attributes(style)}>{escape(words)}</text>')

    def box(self, x: float, y: float, width: float, height: float, **style: object) -> None:
        place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}"'
        self._parts.append(f"<rect {place}{_attributes(style)}/>")

    def line(self, x1: float, y1: float, x2: float, y2: float, **style: object) -> None:
        style = {"stroke": INK, "stroke_width": 1.5, **style}
        self._parts.append(f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"{_attributes(style)}/>')

    def node(self, x: float, y: float, name: str, width: float = 56) -> None:
        self.box(x - width / 2, y - 17, width, 34, rx=6, fill="white", stroke=INK)
        self.text(x, y + 5, name, text_anchor="middle", font_weight="bold")

    def save(self, name: str) -> None:
        (HERE / name).write_text(self.render(), encoding="utf-8")

    def render(self) -> str:
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" role="img" '
            'font-family="system-ui, sans-serif">'
        )
        card = f'<rect width="{self.width}" height="{self.height}" rx="10" fill="{CARD}"/>'
        return "\n".join([head, f"<title>{escape(self.title)}</title>", card, *self._parts, "</svg>", ""])


def _attributes(style: dict[str, object]) -> str:
    return "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())


def play(text: str) -> tuple[Simulation, list[Event], float]:
    """A scenario that is ready to run, what will be seen of it, and when it ends."""
    scenario = Scenario.parse(text)
    simulation, seen = scenario.simulation(), list[Event]()
    simulation.observe(seen.append)
    return simulation, seen, scenario.end


# --- soft state ---------------------------------------------------------------------------------------------

CRASH = 140.0
SOFT_STATE = f"""
seed 5
link h1 r1 10mbit
link r1 h2 10mbit
at 0 h1 send h2:5000 from :4000 100kbit
at 5 h2 reserve h2:5000 ff
at 50 drop Path from h1
at {CRASH} node h1 crash
run 340
"""


def soft_state() -> Drawing:
    simulation, seen, end = play(SOFT_STATE)
    r1 = simulation.nodes["r1"]
    spans: dict[str, list[float]] = {"senders": [], "reservations": []}
    while simulation.now < end and simulation.step():
        for what, times in spans.items():
            if bool(getattr(r1, what)()) != len(times) % 2:  # it came, or it went
                times.append(simulation.now)
    paths = [one.time for one in seen if _arrived(one, messages.Path)]
    resvs = [one.time for one in seen if _arrived(one, messages.Resv)]
    lost = [one.time for one in seen if isinstance(one, Crossing) and one.node == "h1" and one.lost]
    gone = spans["senders"][-1]

    drawing = Drawing(760, 300, "State in a router stands while it is refreshed, and then times out")

    def at(time: float) -> float:
        return 150 + time * 590 / end

    def row(y: float, name: str, state: str, times: list[float], span: list[float], colour: str) -> None:
        drawing.text(16, y + 5, f"{name} arrives")
        for time in times:
            drawing.line(at(time), y - 10, at(time), y + 10, stroke=colour, stroke_width=3)
        drawing.text(16, y + 41, f"{state} in r1")
        drawing.box(at(span[0]), y + 24, at(span[-1]) - at(span[0]), 24, rx=4, fill=colour)

    row(62, "Path", "path state", paths, spans["senders"], COLOURS[0])
    row(162, "Resv", "reservation", resvs, spans["reservations"], COLOURS[1])
    for time in lost:
        drawing.text(at(time), 69, "\N{MULTIPLICATION X}", text_anchor="middle", fill=FAINT, font_size=20)
        drawing.text(at(time), 32, "one is lost", text_anchor="middle", fill=FAINT)
    drawing.line(at(CRASH), 40, at(CRASH), 240, stroke=FAINT, stroke_dasharray="4 4")
    drawing.text(at(CRASH) + 6, 32, "h1 falls silent", fill=FAINT)
    drawing.line(at(gone), 40, at(gone), 240, stroke=FAINT, stroke_dasharray="4 4")
    drawing.text(at(gone), 32, "timed out", text_anchor="middle", fill=FAINT)
    last = paths[-1]
    drawing.line(at(last), 103, at(gone), 103, stroke="white")
    words = f"{gone - last:.1f} s after the last Path"
    drawing.text((at(last) + at(gone)) / 2, 99, words, text_anchor="middle", fill="white", font_size=12)
    drawing.line(at(0), 250, at(end), 250)
    for time in range(0, int(end) + 1, 30):
        drawing.line(at(time), 250, at(time), 255)
        drawing.text(at(time), 270, str(time), text_anchor="middle", fill=FAINT, font_size=12)
    drawing.text(at(end), 290, "seconds", text_anchor="end", fill=FAINT, font_size=12)
    return drawing


def _arrived(event: Event, kind: type[messages.Message]) -> bool:
    return isinstance(event, Arrived) and event.node == "r1" and isinstance(event.message, kind)


# --- styles -------------------------------------------------------------------------------------------------

SENDERS = "ABC"
STYLES = {
    "FF": ("each has its own", "ff 20kbit for A:4000 and 20kbit for B:4000 and 20kbit for C:4000"),
    "SE": ("those listed share one", "se 20kbit for A:4000,B:4000,C:4000"),
    "WF": ("all share one", "wf 20kbit"),
}


def reserved(wish: str) -> list[tuple[str, float]]:
    """What r reserves towards h: whose it is, and bytes/s."""
    lines = [f"link {name} r 10mbit" for name in SENDERS]
    wishes = f"at 1 h reserve 239.1.1.1:5000 {wish}"
    send = "at 0 A,B,C send 239.1.1.1:5000 from :4000 20kbit"
    simulation, _, end = play("\n".join([*lines, "link r h 10mbit", send, wishes, "run 9"]))
    simulation.run(end)
    names = {str(simulation.nodes[name].addresses[0]): name for name in SENDERS}
    return sorted(
        (", ".join(names[str(one.address)] for one in view.filters) or "any sender", view.flowspec.tspec.rate)
        for view in simulation.nodes["r"].installed()
    )


def styles() -> Drawing:
    drawing = Drawing(760, 250, "What FF, SE and WF reserve on one link that three senders cross")
    for column, (style, (words, wish)) in enumerate(STYLES.items()):
        left = 20 + column * 250
        drawing.text(left, 34, style, font_size=17, font_weight="bold")
        drawing.text(left + 42, 34, words, fill=FAINT)
        for number, name in enumerate(SENDERS):
            y = 76 + number * 50
            drawing.line(left + 20, y, left + 78, 126, stroke=FAINT)
            drawing.node(left + 18, y, name, 32)
        found = reserved(wish)
        drawing.box(left + 94, 66, 84, 120, fill="white", stroke=FAINT)
        y = 186.0
        for number, (whose, rate) in enumerate(found):
            height = rate / 2500 * 36
            y -= height
            colour = COLOURS[number] if len(found) > 1 else INK
            drawing.box(left + 94, y, 84, height, fill=colour, stroke=CARD)
            drawing.text(
                left + 136, y + height / 2 + 4, whose, fill="white", text_anchor="middle", font_size=12
            )
        drawing.node(left + 80, 126, "r", 28)
        drawing.node(left + 194, 126, "h", 28)
        total = sum(rate for _, rate in found) * 8 / 1000
        drawing.text(left + 136, 208, f"{total:g} kbit/s reserved", text_anchor="middle")
        drawing.text(left + 136, 226, "of the link r - h", text_anchor="middle", fill=FAINT, font_size=12)
    return drawing


# --- merging ------------------------------------------------------------------------------------------------

MERGING = """
link S1 r:a 10mbit
link S2 r:b 10mbit
link r:c R1 10mbit
link r:d R2 10mbit
at 0 S1,S2 send 239.1.1.1:5000 from :4000 400kbit
at 1 R1 reserve 239.1.1.1:5000 ff 40kbit for S1:4000
at 2 R2 reserve 239.1.1.1:5000 ff 30kbit for S1:4000 and 10kbit for S2:4000
run 9
"""


def merging() -> Drawing:
    simulation, _, end = play(MERGING)
    simulation.run(end)
    r = simulation.nodes["r"]
    names = {str(simulation.nodes[name].addresses[0]): name for name in ("S1", "S2", "R1", "R2")}

    def flows(what: str) -> dict[str, list[str]]:
        """Interface -> "S1: 40 kbit/s" of what is reserved or asked for there."""
        found: dict[str, list[str]] = {}
        for view in r.show(what):
            whose = ", ".join(names[one["address"]] for one in view["filters"])
            rate = f"{view['flowspec']['tspec']['r'] * 8 / 1000:g} kbit/s"
            found.setdefault(view["interface"], []).append(f"{whose}: {rate}")
        return {name: sorted(lines) for name, lines in found.items()}

    installed, asked = flows("installed"), flows("requests")
    drawing = Drawing(760, 270, "A router merges what receivers ask for, and asks previous hops for the most")
    drawing.text(160, 32, "asked of the previous hops", text_anchor="middle", fill=FAINT)
    drawing.text(600, 32, "reserved for the next hops", text_anchor="middle", fill=FAINT)
    for name, interface, y in (("S1", "a", 90.0), ("S2", "b", 220.0)):
        drawing.line(60, y, 380, 155, stroke=FAINT)
        drawing.node(50, y, name)
        _labels(drawing, 215, (y + 155) / 2, interface, asked[interface], COLOURS[0])
    for name, interface, y in (("R1", "c", 90.0), ("R2", "d", 220.0)):
        drawing.line(380, 155, 700, y, stroke=FAINT)
        drawing.node(710, y, name)
        _labels(drawing, 545, (y + 155) / 2, interface, installed[interface], COLOURS[1])
    drawing.node(380, 155, "r", 72)
    drawing.text(380, 200, "merges", text_anchor="middle", fill=FAINT)
    return drawing


def _labels(drawing: Drawing, x: float, y: float, interface: str, lines: list[str], colour: str) -> None:
    """What stands on an interface, on a label of its own over the link."""
    height = 10 + 18 * len(lines)
    drawing.box(x - 60, y - height / 2, 120, height, rx=5, fill=colour)
    for number, line in enumerate(lines):
        where = y - height / 2 + 18 + 18 * number
        drawing.text(x, where, line, fill="white", text_anchor="middle")
    beside = y - height / 2 - 7 if y < 155 else y + height / 2 + 16
    drawing.text(x, beside, f"on ({interface})", text_anchor="middle", fill=FAINT, font_size=12)


PICTURES = {"soft-state.svg": soft_state, "styles.svg": styles, "merging.svg": merging}

if __name__ == "__main__":
    for name, draw in PICTURES.items():
        draw().save(name)
