"""Matrix products with what follows them, from a kernel function to a kernel of the family that takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, builtin, memref, nvgpu

from stepwell.backends.cuda.kernels import index as ix
from stepwell.backends.cuda.kernels.evaluate import Elements
from stepwell.backends.cuda.kernels.gemm_wgmma import Epilogue, WgmmaProblem, WgmmaSchedule, build_gemm
from stepwell.backends.cuda.kernels.index import Index
from stepwell.backends.cuda.kernels.launch import Launch, Values, in_memory
from stepwell.backends.cuda.kernels.word import Word
from stepwell.passes.buffer.entry import return_op
from stepwell.passes.tensor.kernels.contraction import Contraction, match_contraction
from stepwell.support.walk import outer_first

_MULTIPROCESSORS = 132
"""Of an H100 or H200 (SXM)."""


def build_product(function: ir.Operation, name: str, arch: str) -> tuple[str, Launch] | None:
    """Build the kernel at the insertion point; None where no family of products takes it."""
    block = function.regions[0].blocks[0]
    ops = [op.operation for op in block.operations]
    contraction = next(found for op in ops if (found := match_contraction(op)) is not None)
    final = return_op(function.opview).operands[0]
    problem = _wgmma_problem(contraction, final) if arch == "sm_90a" else None
    if problem is None:
        return None
    schedule = _choose(contraction)
    root = contraction.op.results[0]
    used = _used_by_epilogue(block, contraction.op)
    extra = [in_memory(argument.type) for argument in used]

    def epilogue(arguments: Sequence[ir.Value]) -> Epilogue:
        return _epilogue(contraction, final, dict(zip(used, arguments, strict=True)))

    identity = final == root
    build_gemm(name, problem, schedule, None if identity and not used else epilogue, extra)
    positions = {argument: number for number, argument in enumerate(block.arguments)}
    operands = list(contraction.op.operands)
    places = [positions[operands[contraction.left]], positions[operands[contraction.right]], len(block.arguments) - 1]
    passed = [positions[argument] for argument in used]
    host = _WgmmaHost(contraction, problem, schedule, places, passed)
    return f"wgmma_{problem.element}", Launch(host.grid, schedule.threads, schedule.shared_bytes, host.arguments)


def _wgmma_problem(contraction: Contraction, final: ir.Value) -> WgmmaProblem | None:
    """The problem, where element types, the order of axes and the length of rows suit the copy engine."""
    operands = [contraction.op.operands[position] for position in (contraction.left, contraction.right)]
    if any(not isinstance(operand, ir.BlockArgument) for operand in operands):
        return None
    elements = [str(ir.RankedTensorType(operand.type).element_type) for operand in operands]
    result = str(ir.RankedTensorType(final.type).element_type)
    if elements[0] != elements[1] or elements[0] not in ("bf16", "f16") or result not in ("bf16", "f16"):
        return None
    if str(ir.RankedTensorType(contraction.op.results[0].type).element_type) != "f32":
        return None
    batch, row, column, depth = contraction.batch, contraction.row, contraction.column, contraction.depth
    left, right, out = contraction.maps
    if out != batch + row + column:
        return None
    if left not in (batch + row + depth, batch + depth + row):
        return None
    if right not in (batch + depth + column, batch + column + depth):
        return None
    left_transposed, right_transposed = left == batch + depth + row, right == batch + column + depth
    lengths = [
        _length(operands[0], row if left_transposed else depth, left),
        _length(operands[1], depth if right_transposed else column, right),
        _length(final, column, out),
    ]
    if any(length is None or length % 8 for length in lengths):
        return None
    return WgmmaProblem(elements[0], result, left_transposed, right_transposed)


def _length(tensor: ir.Value, dims: Sequence[int], axes: Sequence[int]) -> int | None:
    """Elements along ``dims`` of a tensor, None where that is not static."""
    kind = ir.RankedTensorType(tensor.type)
    length = 1
    for axis, dim in enumerate(axes):
        if dim in dims:
            if kind.is_dynamic_dim(axis):
                return None
            length *= int(kind.shape[axis])
    return length


def _choose(contraction: Contraction) -> WgmmaSchedule:
    out = contraction.op.results[0]
    columns = _length(out, contraction.column, contraction.maps[2]) or 1
    rows = _length(out, contraction.row, contraction.maps[2])
    width = 256 if columns > 128 else 128 if columns > 64 else 64
    cluster = 2 if width >= 128 and (rows is None or rows > 128) else 1
    return WgmmaSchedule(columns=width, cluster=cluster, stages=4 if width == 256 else 6)


def _used_by_epilogue(block: ir.Block, root: ir.Operation) -> list[ir.Value]:
    """The function's arguments that operations behind ``root`` read."""
    used: list[ir.Value] = []
    behind = False
    for op in block.operations:
        if op.operation == root:
            behind = True
        elif behind and op.operation.name != "func.return":
            for inner in outer_first(op.operation):
                used += [value for value in inner.operands if value in list(block.arguments) and value not in used]
    return used


def _epilogue(contraction: Contraction, final: ir.Value, values: dict[ir.Value, ir.Value]) -> Epilogue:
    """What the operations behind the product make of its sums."""
    kind = ir.RankedTensorType(final.type)

    def sizes(dims: Sequence[int]) -> list[int]:
        axes = contraction.maps[2]
        return [int(kind.shape[axes.index(dim)]) for dim in dims]

    def build(sums: Sequence[ir.Value], batch: Word, row: Word, column: Word) -> Sequence[ir.Value]:
        results = []
        for step, total in enumerate(sums):
            parts = [(batch, contraction.batch), (row, contraction.row), (column + step, contraction.column)]
            indices: list[Index] = []
            for number, dims in parts:
                if not dims:
                    continue
                lengths = sizes(dims)
                inside = number.minimum(ix.product(lengths) - 1) if all(size >= 0 for size in lengths) else number
                indices += ix.split(arith.index_castui(ir.IndexType.get(), inside.value), lengths)
            elements = Elements(values, {contraction.op.results[0]: _always(total)})
            results.append(_as_f32(elements.element(final, indices)))
        return results

    return build


def _always(number: ir.Value) -> Callable[[Sequence[Index]], ir.Value]:
    return lambda indices: number


def _as_f32(number: ir.Value) -> ir.Value:
    f32 = ir.F32Type.get()
    return number if number.type == f32 else arith.extf(f32, number)


class _WgmmaHost:
    """What the host passes: tensor maps of both matrices and the result, sizes, and what the epilogue reads."""

    def __init__(
        self,
        contraction: Contraction,
        problem: WgmmaProblem,
        schedule: WgmmaSchedule,
        places: Sequence[int],
        passed: Sequence[int],
    ) -> None:
        self.contraction, self.problem, self.schedule = contraction, problem, schedule
        self.places, self.passed = places, passed

    def _sizes(self, values: Values) -> tuple[Index, Index, Index, Index]:
        """Batch, rows, columns and depth."""
        c = self.contraction
        out, left = ix.sizes_of(values[self.places[2]]), ix.sizes_of(values[self.places[0]])
        extent = {dim: out[axis] for axis, dim in enumerate(c.maps[2])}
        extent |= {dim: left[axis] for axis, dim in enumerate(c.maps[0])}
        batch, rows, columns, depth = (
            ix.product([extent[dim] for dim in dims]) for dims in (c.batch, c.row, c.column, c.depth)
        )
        return batch, rows, columns, depth

    def grid(self, values: Values) -> Values:
        """As many blocks as there are tiles, and at most one a multiprocessor."""
        s = self.schedule
        batch, rows, columns, _ = self._sizes(values)
        down = arith.ceildivui(ix.value(rows), ix.value(s.rows * s.cluster))
        across = arith.ceildivui(ix.value(columns), ix.value(s.columns))
        tiles = ix.multiply(ix.multiply(down, across), ix.multiply(batch, s.cluster))
        blocks = arith.minui(ix.value(tiles), ix.value(_MULTIPROCESSORS // s.cluster * s.cluster))
        return [blocks, ix.value(1), ix.value(1)]

    def arguments(self, values: Values) -> Values:
        """Of the kernel."""
        s, p = self.schedule, self.problem
        batch, rows, columns, depth = self._sizes(values)
        left, right, result = (values[place] for place in self.places)
        left_map = (
            _tensor_map(left, batch, depth, rows, 64)
            if p.left_transposed
            else _tensor_map(left, batch, rows, depth, s.rows)
        )
        right_map = (
            _tensor_map(right, batch, columns, depth, s.columns // s.cluster)
            if p.right_transposed
            else _tensor_map(right, batch, depth, columns, 64)
        )
        maps = [left_map, right_map, _tensor_map(result, batch, rows, columns, 64)]
        i32 = ir.IntegerType.get_signless(32)
        sizes = [arith.index_cast(i32, ix.value(size)) for size in (rows, columns, depth, batch)]
        return [*maps, *sizes, *(values[place] for place in self.passed)]


def _tensor_map(buffer: ir.Value, batch: Index, outer: Index, inner: Index, height: int) -> ir.Value:
    """The tensor map of a buffer as ``batch`` matrices of ``outer`` rows, with boxes of ``height`` by 128 bytes."""
    element = ir.MemRefType(buffer.type).element_type
    width = 128 * 8 // element.width
    strides: list[Index] = [ix.multiply(outer, inner), inner, 1]
    plane = _reinterpret(buffer, [batch, outer, inner], strides)
    source = memref.cast(ir.UnrankedMemRefType.get(element, None), plane)
    box = [ix.value(size) for size in (1, height, width)]
    kind = ir.Type.parse(
        f"!nvgpu.tensormap.descriptor<tensor = memref<1x{height}x{width}x{element}, 3>, swizzle = swizzle_128b, "
        "l2promo = l2promo_128b, oob = zero, interleave = none>"
    )
    made = nvgpu.TmaCreateDescriptorOp(kind, source, box).result
    return builtin.unrealized_conversion_cast([ir.Type.parse("!llvm.ptr")], [made])


def _reinterpret(buffer: ir.Value, sizes: Sequence[Index], strides: Sequence[Index]) -> ir.Value:
    dynamic = ir.ShapedType.get_dynamic_size()

    def static(values: Sequence[Index]) -> list[int]:
        return [value if isinstance(value, int) else dynamic for value in values]

    layout = ir.StridedLayoutAttr.get(0, static(strides))
    kind = ir.MemRefType.get(static(sizes), ir.MemRefType(buffer.type).element_type, layout)
    return memref.ReinterpretCastOp(
        kind,
        buffer,
        [],
        [size for size in sizes if not isinstance(size, int)],
        [stride for stride in strides if not isinstance(stride, int)],
        [0],
        static(sizes),
        static(strides),
    ).result
