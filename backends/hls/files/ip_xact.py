"""The description that vendors' integration tools read: IP-XACT, IEEE 1685-2014."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as Tree

from stepwell.backends.hls.design import Design
from stepwell.backends.hls.files.signals import buses, port_widths
from stepwell.backends.hls.register_file import INPUTS, OUTPUTS, PREFIX, REGISTERS

_SPACE = "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"
_STREAM = {"vendor": "amba.com", "library": "AMBA4", "name": "AXI4Stream", "version": "r0p0_1"}
_LITE = {"vendor": "amba.com", "library": "AMBA4", "name": "AXI4-Lite", "version": "r0p0_0"}
_MAP = "registers"
_SOURCES, _MEMORIES = "sources", "memories"


def component_xml(design: Design, sources: Sequence[str], memories: Sequence[str], version: str) -> str:
    """``component.xml``: buses, ports and files of the top module."""
    Tree.register_namespace("ipxact", _SPACE)
    root = Tree.Element(_tag("component"))
    for name, text in {"vendor": "stepwell", "library": "generated", "name": design.top, "version": version}.items():
        _add(root, name, text)
    interfaces = _add(root, "busInterfaces")
    for bus in buses(design):
        ends = {end.upper(): f"{bus.prefix}_{end}" for end in ("tdata", "tvalid", "tready")}
        _interface(interfaces, bus.prefix, _STREAM, ends, "slave" if bus.enters else "master")
    if design.axi_lite:
        ends = {name.upper(): f"{PREFIX}_{name}" for name in (*INPUTS, *OUTPUTS)}
        side = _interface(interfaces, PREFIX, _LITE, ends, "slave")
        Tree.SubElement(side, _tag("memoryMapRef"), {"memoryMapRef": _MAP})
        _memory_map(_add(_add(root, "memoryMaps"), "memoryMap"))
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
    inputs, outputs = port_widths(design)
    _ports(ports, "in", {"clk": 1, "rst": 1, **inputs})
    _ports(ports, "out", outputs)
    sets = _add(root, "fileSets")
    _files(sets, _SOURCES, sources, "systemVerilogSource")
    _files(sets, _MEMORIES, memories, "user")
    Tree.indent(root)
    return Tree.tostring(root, "unicode", xml_declaration=True) + "\n"


def _interface(
    parent: Tree.Element, name: str, bus: Mapping[str, str], ends: Mapping[str, str], side: str
) -> Tree.Element:
    """A bus by names of its signals in the standard and here; gives the element of its ``side``."""
    interface = _add(parent, "busInterface")
    _add(interface, "name", name)
    Tree.SubElement(interface, _tag("busType"), dict(bus))
    kind = _add(_add(interface, "abstractionTypes"), "abstractionType")
    Tree.SubElement(kind, _tag("abstractionRef"), {**bus, "name": f"{bus['name']}_rtl"})
    maps = _add(kind, "portMaps")
    for logical, physical in ends.items():
        pair = _add(maps, "portMap")
        _add(_add(pair, "logicalPort"), "name", logical)
        _add(_add(pair, "physicalPort"), "name", physical)
    return _add(interface, side)


def _memory_map(parent: Tree.Element) -> None:
    """The registers of AXI4-Lite."""
    _add(parent, "name", _MAP)
    block = _add(parent, "addressBlock")
    for name, text in {"name": _MAP, "baseAddress": "0", "range": f"{1 << INPUTS['araddr']}", "width": "32"}.items():
        _add(block, name, text)
    for number, register in enumerate(REGISTERS):
        entry = _add(block, "register")
        _add(entry, "name", register.name)
        _add(entry, "description", register.text)
        _add(entry, "addressOffset", f"{4 * number}")
        _add(entry, "size", "32")
        field = _add(entry, "field")
        for name, text in {"name": "value", "bitOffset": "0", "bitWidth": "32", "access": register.access}.items():
            _add(field, name, text)


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
