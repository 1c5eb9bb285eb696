"""What is done to a vector of results in registers, and where it is stored."""

from __future__ import annotations

from collections.abc import Iterator

from torch_mlir import ir
from torch_mlir.dialects import arith, memref, vector

from stepwell.passes.buffer.convolution.nest import Nest
from stepwell.passes.buffer.convolution.site import Site


class WriteBack:
    """Stores vectors of channels of one pixel, through the site's epilogue, to its targets."""

    def __init__(self, site: Site, nest: Nest, block: int) -> None:
        self.site = site
        self.nest = nest
        self.block = block
        self.targets = [site.target] if site.target is not None else []
        if site.copy is not None:
            self.targets.append(site.copy.operands[1])

    def store(self, value: ir.Value, lanes: int, pixel: list[ir.Value], group: ir.Value, offset: int) -> None:
        """Store the first ``lanes`` of ``value``: channels from ``group * block + offset`` of ``pixel`` (n, h, w)."""
        for start, width in _pieces(lanes):
            part = value
            if width != ir.VectorType(value.type).shape[0]:
                kind = ir.VectorType.get([width], ir.VectorType(value.type).element_type)
                part = vector.extract_strided_slice(kind, value, [start], [width], [1])
            lane = offset + start
            if self.site.epilogue is not None:
                part = self._apply(self.site.epilogue, part, pixel, group, lane)
            for target in self.targets:
                vector.store(part, target, self._indices(ir.MemRefType(target.type).rank, pixel, group, lane))

    def _indices(self, rank: int, pixel: list[ir.Value], group: ir.Value, lane: int) -> list[ir.Value]:
        if rank == 5:
            return [*pixel, group, self.nest.constant(lane)]
        return [*pixel, self.nest.add(arith.muli(group, self.nest.constant(self.block)), lane)]

    def _apply(
        self, epilogue: ir.Operation, value: ir.Value, pixel: list[ir.Value], group: ir.Value, lane: int
    ) -> ir.Value:
        """The body of the elementwise operation over vectors."""
        width = ir.VectorType(value.type).shape[0]
        maps = [ir.AffineMapAttr(attribute).value for attribute in ir.ArrayAttr(epilogue.attributes["indexing_maps"])]
        at = self._indices(maps[0].n_dims, pixel, group, lane)
        body = epilogue.regions[0].blocks[0]
        known: dict[ir.Value, ir.Value] = {}
        for argument, operand, indexing in zip(body.arguments, list(epilogue.operands)[:-1], maps, strict=False):
            mine = isinstance(operand.type, ir.MemRefType) and self._is_result(operand)
            known[argument] = value if mine else self._load(operand, indexing, at, width)
        *operations, final = [view.operation for view in body.operations]
        for op in operations:
            operands = [self._vector(operand, known, width) for operand in op.operands]
            kinds = [ir.VectorType.get([width], result.type) for result in op.results]
            attributes = {name: op.attributes[name] for name in op.attributes}
            if op.name == "arith.constant":
                made = op.clone().operation
                results = [vector.broadcast(kinds[0], made.results[0])]
            else:
                results = list(ir.Operation.create(op.name, kinds, operands, attributes).results)
            known.update(zip(op.results, results, strict=True))
        return self._vector(final.operands[0], known, width)

    def _is_result(self, operand: ir.Value) -> bool:
        """Whether ``operand`` is the result of the convolution or a view of it."""
        while operand != self.site.result:
            owner = operand.owner
            if isinstance(owner, ir.Block) or not owner.operation.name.startswith("memref."):
                return False
            if not len(owner.operation.operands):
                return False
            operand = owner.operation.operands[0]
        return True

    def _load(self, source: ir.Value, indexing: ir.AffineMap, at: list[ir.Value], width: int) -> ir.Value:
        if not isinstance(source.type, ir.MemRefType):
            return vector.broadcast(ir.VectorType.get([width], source.type), source)
        indices = []
        along_lanes = False
        for result in indexing.results:
            if isinstance(result, ir.AffineConstantExpr):
                indices.append(self.nest.constant(result.value))
            else:
                position = ir.AffineDimExpr(result).position
                indices.append(at[position])
                along_lanes = along_lanes or position == len(at) - 1
        kind = ir.VectorType.get([width], ir.MemRefType(source.type).element_type)
        if along_lanes:
            return vector.load(kind, source, indices)
        return vector.broadcast(kind, memref.load(source, indices))

    def _vector(self, value: ir.Value, known: dict[ir.Value, ir.Value], width: int) -> ir.Value:
        if value not in known:
            known[value] = vector.broadcast(ir.VectorType.get([width], value.type), value)
        return known[value]


def _pieces(lanes: int) -> Iterator[tuple[int, int]]:
    """(start, width) of powers of two that add up to ``lanes``, widest first."""
    start = 0
    while start < lanes:
        width = 1 << ((lanes - start).bit_length() - 1)
        yield start, width
        start += width
