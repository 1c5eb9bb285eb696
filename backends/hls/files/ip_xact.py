"""The description that vendors' integration tools read: IP-XACT, IEEE 1685-2014."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as Tree

from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.signals import Bus, buses

_SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
_STREAM = {"vendor": "amba.com", "library": "AMBA4", "version": "r0p0_1"}
_SOURCES, _MEMORIES = "sources", "memories"


def component_xml(design: Design, sources: Sequence[str], memories: Sequence[str], version: str) -> str:
    """``component.xml``: buses, ports and files of the top module."""
    Tree.register_namespace("ipxact", _SPACE)
    root = Tree.Element(_tag("component"))
    for name, text in {"vendor": "stepwell", "library": "generated", "name": design.top, "version": version}.items():
        _add(root, name, text)
    known = buses(design)
    interfaces = _add(root, "busInterfaces")
    for bus in known:
        _interface(interfaces, bus)
    model = _add(root, "model")
    view = _add(_add(model, "views"), "view")
    _add(view, "name", "rtl")
    _add(view, "componentInstantiationRef", "rtl")
    instance = _add(_add(model, "instantiations"), "componentInstantiation")
    _add(instance, "name", "rtl")
    _add(instance, "language", "SystemVerilog")
    _add(instance, "moduleName", design.top)
    for group in (_SOURCES, _MEMORIES):
        _add(_add(instance, "fileSetRef"), "localName", group)
    ports = _add(model, "ports")
    _ports(ports, "in", {"clk": 1, "rst": 1, **{k: v for bus in known for k, v in bus.inputs.items()}})
    _ports(ports, "out", {k: v for bus in known for k, v in bus.outputs.items()})
    sets = _add(root, "fileSets")
    _files(sets, _SOURCES, sources, "systemVerilogSource")
    _files(sets, _MEMORIES, memories, "user")
    Tree.indent(root)
    return Tree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _interface(parent: Tree.Element, bus: Bus) -> None:
    interface = _add(parent, "busInterface")
    _add(interface, "name", bus.prefix)
    Tree.SubElement(interface, _tag("busType"), {**_STREAM, "name": "AXI4Stream"})
    kind = _add(_add(interface, "abstractionTypes"), "abstractionType")
    Tree.SubElement(kind, _tag("abstractionRef"), {**_STREAM, "name": "AXI4Stream_rtl"})
    maps = _add(kind, "portMaps")
    for end in ("tdata", "tvalid", "tready"):
        pair = _add(maps, "portMap")
        _add(_add(pair, "logicalPort"), "name", end.upper())
        _add(_add(pair, "physicalPort"), "name", f"{bus.prefix}_{end}")
    _add(interface, "slave" if bus.enters else "master")


def _ports(parent: Tree.Element, direction: str, widths: dict[str, int]) -> None:
    for name, width in widths.items():
        port = _add(parent, "port")
        _add(port, "name", name)
        wire = _add(port, "wire")
        _add(wire, "direction", direction)
        if width > 1:
            vector = _add(_add(wire, "vectors"), "vector")
            _add(vector, "left", f"{width - 1}")
            _add(vector, "right", "0")


def _files(parent: Tree.Element, group: str, names: Iterable[str], kind: str) -> None:
    files = _add(parent, "fileSet")
    _add(files, "name", group)
    for name in names:
        file = _add(files, "file")
        _add(file, "name", name)
        _add(file, "fileType", kind)


def _add(parent: Tree.Element, name: str, text: str | None = None) -> Tree.Element:
    element = Tree.SubElement(parent, _tag(name))
    element.text = text
    return element


def _tag(name: str) -> str:
    return f"{{{_SPACE}}}{name}"
