"""A picture of a design as SVG: components in layers, streams with their widths, rates and FIFO depths."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape

from stepwell.backends.hls.components.base import Component, Port
from stepwell.backends.hls.components.fifo import Fifo
from stepwell.backends.hls.design import Design

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _EDGE = 190, 52, 30, 64, 20
_STYLE = (
    "text{font-family:sans-serif;font-size:11px;fill:#222} .name{font-weight:bold} .port{fill:#eef3e6} "
    ".work{fill:#e3ecf7} .wire{fill:#f4f4f4} .queue{fill:#fbf0d9} rect{stroke:#667} path{stroke:#667;fill:none}"
)


@dataclass
class _Node:
    name: str
    lines: list[str]
    style: str
    sources: list[str]
    layer: int = 0
    place: int = 0

    @property
    def x(self) -> int:
        return _EDGE + self.place * (_WIDTH + _GAP_X)

    @property
    def y(self) -> int:
        return _EDGE + self.layer * (_HEIGHT + _GAP_Y)


def picture(design: Design) -> str:
    """The picture; data go downwards."""
    nodes = _nodes(design)
    makers = {stream: node for node, streams in nodes for stream in streams}
    ports = {port.name: port for port in design.inputs}
    ports |= {name: port for c in design.components for name, port in zip(c.streams, c.outputs, strict=True)}
    _place([node for node, _ in nodes], makers)
    width = 2 * _EDGE + max(node.x for node, _ in nodes) + _WIDTH
    height = 2 * _EDGE + max(node.y for node, _ in nodes) + _HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<title>{escape(design.top)}</title><style>{_STYLE}</style>",
    ]
    for node, _ in nodes:
        for number, stream in enumerate(node.sources):
            parts.append(_wire(makers[stream], node, number, _stream_text(ports[stream], design)))
    parts += [_box(node) for node, _ in nodes]
    return "\n".join([*parts, "</svg>\n"])


def _nodes(design: Design) -> list[tuple[_Node, tuple[str, ...]]]:
    """Every box, makers before readers, with the streams that it sends."""
    found: list[tuple[_Node, tuple[str, ...]]] = [
        (_Node(port.name, ["input", _frame(port)], "port", []), (port.name,)) for port in design.inputs
    ]
    found += [
        (_Node(c.name, _component_lines(c), _component_style(c), list(c.sources)), c.streams) for c in design.components
    ]
    sinks = [
        (_Node(sink.port.name, ["output", _frame(sink.port)], "port", [sink.source]), ()) for sink in design.outputs
    ]
    return [*found, *sinks]


def _component_lines(component: Component) -> list[str]:
    if isinstance(component, Fifo):
        return [f"depth {component.depth}", "block RAM" if component.is_block else "LUT RAM"]
    if component.wiring:
        return [f"{component.cycles} cycles"]
    at_once = "x".join(str(number) for number in component.parallelism)
    return [f"{at_once} at once, {component.cycles} cycles", component.location.rpartition("/")[2]]


def _component_style(component: Component) -> str:
    if isinstance(component, Fifo):
        return "queue"
    return "wire" if component.wiring else "work"


def _frame(port: Port) -> str:
    return f"frames of {'x'.join(str(size) for size in port.shape)}"


def _stream_text(port: Port, design: Design) -> str:
    return f"{port.beat} x {port.bits} bits, {port.beats}/{design.cycles} cycles"


def _place(nodes: list[_Node], makers: dict[str, _Node]) -> None:
    """Layers by the longest way from an input; within one near the middle of where its streams come from."""
    layers: dict[int, list[_Node]] = {}
    for node in nodes:
        node.layer = 1 + max((makers[stream].layer for stream in node.sources), default=-1)
        layers.setdefault(node.layer, []).append(node)
    for _, layer in sorted(layers.items()):
        wanted = [(_middle([makers[stream].place for stream in node.sources]), node) for node in layer]
        taken: set[int] = set()
        for place, node in sorted(wanted, key=lambda pair: pair[0]):
            node.place = next(p for p in range(round(place), len(nodes) + round(place) + 1) if p not in taken)
            taken.add(node.place)


def _middle(places: list[int]) -> float:
    return sum(places) / len(places) if places else 0.0


def _wire(maker: _Node, reader: _Node, number: int, text: str) -> str:
    x0, y0 = maker.x + _WIDTH // 2, maker.y + _HEIGHT
    x1, y1 = reader.x + _WIDTH * (number + 1) // (len(reader.sources) + 1), reader.y
    middle = y1 - _GAP_Y // 2
    return (
        f'<path d="M{x0} {y0} C{x0} {middle} {x1} {middle} {x1} {y1}"/>'
        f'<text x="{x1 + 4}" y="{y1 - 8 - 12 * (number % 2)}">{escape(text)}</text>'
    )


def _box(node: _Node) -> str:
    texts = [f'<text class="name" x="{node.x + 8}" y="{node.y + 16}">{escape(node.name)}</text>']
    for number, line in enumerate(node.lines, 1):
        texts.append(f'<text x="{node.x + 8}" y="{node.y + 16 + 14 * number}">{escape(line)}</text>')
    box = f'<rect class="{node.style}" x="{node.x}" y="{node.y}" width="{_WIDTH}" height="{_HEIGHT}" rx="4"/>'
    return box + "".join(texts)
