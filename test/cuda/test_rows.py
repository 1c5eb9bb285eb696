"""Memory-bound kernels: what is assembled of groups of operations, and what is refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from torch_mlir import ir
from torch_mlir.dialects import func
from torch_mlir.passmanager import PassManager

from stepwell.backends.cuda.kernels import instructions as isa
from stepwell.backends.cuda.kernels.launch import Launch
from stepwell.backends.cuda.kernels.rows.build import build_rows
from stepwell.backends.cuda.kernels.rows.schedule import RowSchedule
from stepwell.backends.cuda.ptx import generate_ptx
from stepwell.dialects.context import make_context
from stepwell.support.errors import PassError

Assemble = Callable[[str, str], Any]

LOWER = (
    "builtin.module(gpu.module(expand-strided-metadata,canonicalize,cse,convert-scf-to-cf,"
    "convert-gpu-to-nvvm{index-bitwidth=64},canonicalize,cse,convert-nvvm-to-llvm,reconcile-unrealized-casts))"
)
CONSTANTS = """
    %zero = arith.constant 0.0 : f32
    %low = arith.constant 0xFF800000 : f32
    %count = arith.constant 64.0 : f32
    %half = arith.constant 0.5 : bf16
    %one = arith.constant 1.0 : bf16"""

FULL, ROW, COLUMN = (f"affine_map<(i, j) -> ({at})>" for at in ("i, j", "i, 0", "j"))


@dataclass(frozen=True)
class Built:
    """A kernel: its PTX, how it is started, and the grid in host code."""

    ptx: str
    launch: Launch
    grid: str

    def count(self, pattern: str) -> int:
        return len(re.findall(pattern, self.ptx))


def build(text: str, schedule: RowSchedule | None = None, arch: str = "sm_90a") -> Built:
    """The kernel of the function in ``text``."""
    with make_context(torch=False), ir.Location.unknown():
        program = ir.Module.parse(text)
        source = program.body.operations[0].operation
        module = ir.Module.parse("module attributes {gpu.container_module} { gpu.module @kernels {} }")
        with ir.InsertionPoint(module.body.operations[0].regions[0].blocks[0]):
            isa.declare_shared()
            launch = build_rows(source, "kernel", schedule)
        assert module.operation.verify()
        grid = host(source, launch)
        PassManager.parse(LOWER).run(module.operation)
        ptx = generate_ptx(module, arch)
    return Built(ptx, launch, grid)


def host(source: ir.Operation, launch: Launch) -> str:
    """The host's function that computes the grid."""
    block = source.regions[0].blocks[0]
    tensors = [ir.RankedTensorType(v.type) for v in (*block.arguments, *list(block.operations)[-1].operands)]
    kinds = [ir.MemRefType.get(kind.shape, kind.element_type) for kind in tensors]
    module = ir.Module.create()
    with ir.InsertionPoint(module.body):
        function = func.FuncOp("grid", ir.FunctionType.get(kinds, [ir.IndexType.get()] * 3))
        entry = function.add_entry_block()
    with ir.InsertionPoint(entry):
        func.ReturnOp(list(launch.grid(list(entry.arguments))))
    PassManager.parse("builtin.module(canonicalize)").run(module.operation)
    return str(module)


def generic(maps: list[str], ins: str, outs: str, body: str, *, reduces: bool = False) -> str:
    """A ``linalg.generic`` of two loops."""
    kinds = f'["parallel", "{"reduction" if reduces else "parallel"}"]'
    head = f"linalg.generic {{indexing_maps = [{', '.join(maps)}], iterator_types = {kinds}}}"
    return f"{head} ins({ins}) outs({outs}) {{ {body} }} -> {outs.split(' : ')[1]}"


def widen(kind: str, value: str, name: str) -> str:
    return f"%{name} = arith.{'extf' if kind != 'f32' else 'addf'} {value}" + (
        f" : {kind} to f32" if kind != "f32" else ", %zero : f32"
    )


def narrow(kind: str, value: str, name: str) -> str:
    return f"%{name} = arith.{'truncf' if kind != 'f32' else 'addf'} {value}" + (
        f" : f32 to {kind}" if kind != "f32" else ", %zero : f32"
    )


def softmax(rows: str, length: int, kind: str) -> str:
    x, sums, wide = (f"tensor<{rows}x{at}>" for at in (f"{length}x{kind}", "1xf32", f"{length}xf32"))
    dim = "%n = tensor.dim %x, %c0 : " + x if rows == "?" else ""
    size = "%n" if rows == "?" else ""
    most = generic(
        [FULL, ROW],
        f"%x : {x}",
        f"%lows : {sums}",
        f"^bb0(%a: {kind}, %o: f32): {widen(kind, '%a', 'b')} %c = arith.maximumf %b, %o : f32 linalg.yield %c : f32",
        reduces=True,
    )
    powers = generic(
        [FULL, ROW, FULL],
        f"%x, %most : {x}, {sums}",
        f"%wide : {wide}",
        f"^bb0(%a: {kind}, %m: f32, %o: f32): {widen(kind, '%a', 'b')} %c = arith.subf %b, %m : f32 "
        "%d = math.exp %c : f32 linalg.yield %d : f32",
    )
    total = generic(
        [FULL, ROW],
        f"%powers : {wide}",
        f"%zeros : {sums}",
        "^bb0(%a: f32, %o: f32): %c = arith.addf %a, %o : f32 linalg.yield %c : f32",
        reduces=True,
    )
    parts = generic(
        [FULL, ROW, FULL],
        f"%powers, %total : {wide}, {sums}",
        f"%out : {x}",
        f"^bb0(%a: f32, %s: f32, %o: {kind}): %c = arith.divf %a, %s : f32 {narrow(kind, '%c', 'd')} "
        f"linalg.yield %d : {kind}",
    )
    return f"""func.func private @f(%x: {x}) -> {x} {{ {CONSTANTS}
    %c0 = arith.constant 0 : index
    {dim}
    %few = tensor.empty({size}) : {sums}
    %wide = tensor.empty({size}) : {wide}
    %out = tensor.empty({size}) : {x}
    %lows = linalg.fill ins(%low : f32) outs(%few : {sums}) -> {sums}
    %zeros = linalg.fill ins(%zero : f32) outs(%few : {sums}) -> {sums}
    %most = {most}
    %powers = {powers}
    %total = {total}
    %parts = {parts}
    return %parts : {x} }}"""


def scaled(rows: int, length: int, kind: str = "bf16") -> str:
    """GELU of a sum with a row of numbers."""
    x, w = f"tensor<{rows}x{length}x{kind}>", f"tensor<{length}x{kind}>"
    body = f"""^bb0(%a: {kind}, %b: {kind}, %o: {kind}): %c = arith.addf %a, %b : {kind}
        %d = arith.mulf %c, %half : {kind} %e = math.erf %d : {kind} %f = arith.addf %e, %one : {kind}
        %g = arith.mulf %d, %f : {kind} linalg.yield %g : {kind}"""
    value = generic([FULL, COLUMN, FULL], f"%x, %w : {x}, {w}", f"%out : {x}", body)
    return f"""func.func private @f(%x: {x}, %w: {w}) -> {x} {{ {CONSTANTS.replace("bf16", kind)}
    %out = tensor.empty() : {x}
    %y = {value}
    return %y : {x} }}"""


def transposed(rows: int, columns: int, kind: str) -> str:
    x, y = f"tensor<{rows}x{columns}x{kind}>", f"tensor<{columns}x{rows}x{kind}>"
    body = f"^bb0(%a: {kind}, %o: {kind}): %c = arith.addf %a, %a : {kind} linalg.yield %c : {kind}"
    value = generic(["affine_map<(i, j) -> (j, i)>", FULL], f"%x : {x}", f"%out : {y}", body)
    return f"""func.func private @f(%x: {x}) -> {y} {{
    %out = tensor.empty() : {y}
    %y = {value}
    return %y : {y} }}"""


def summed(rows: int, columns: int) -> str:
    """Sums of columns."""
    x, y = f"tensor<{rows}x{columns}xbf16>", f"tensor<{columns}xf32>"
    head = f'linalg.generic {{indexing_maps = [{FULL}, {COLUMN}], iterator_types = ["reduction", "parallel"]}}'
    return f"""func.func private @f(%x: {x}) -> {y} {{ {CONSTANTS}
    %out = tensor.empty() : {y}
    %zeros = linalg.fill ins(%zero : f32) outs(%out : {y}) -> {y}
    %y = {head} ins(%x : {x}) outs(%zeros : {y}) {{
    ^bb0(%a: bf16, %o: f32): %b = arith.extf %a : bf16 to f32 %c = arith.addf %b, %o : f32 linalg.yield %c : f32
    }} -> {y}
    return %y : {y} }}"""


def first_largest(rows: int, length: int) -> str:
    """Where the largest element of each row is."""
    x, values, places = f"tensor<{rows}x{length}xf32>", f"tensor<{rows}xf32>", f"tensor<{rows}xi64>"
    row = "affine_map<(i, j) -> (i)>"
    return f"""func.func private @f(%x: {x}) -> {places} {{ {CONSTANTS}
    %first = arith.constant 0 : i64
    %v = tensor.empty() : {values}
    %p = tensor.empty() : {places}
    %lows = linalg.fill ins(%low : f32) outs(%v : {values}) -> {values}
    %firsts = linalg.fill ins(%first : i64) outs(%p : {places}) -> {places}
    %y:2 = linalg.generic {{indexing_maps = [{FULL}, {row}, {row}], iterator_types = ["parallel", "reduction"]}}
        ins(%x : {x}) outs(%lows, %firsts : {values}, {places}) {{
    ^bb0(%a: f32, %best: f32, %place: i64):
      %j = linalg.index 1 : index
      %k = arith.index_cast %j : index to i64
      %m = arith.maximumf %a, %best : f32
      %beyond = arith.cmpf ugt, %a, %best : f32
      %ordered = arith.cmpf ord, %best, %best : f32
      %wins = arith.andi %beyond, %ordered : i1
      %n = arith.select %wins, %k, %place : i64
      linalg.yield %m, %n : f32, i64
    }} -> ({values}, {places})
    return %y#1 : {places} }}"""


def pooled(planes: int, width: int) -> str:
    """Largest elements of windows of two, at steps of two."""
    x, y = f"tensor<{planes}x{width}xbf16>", f"tensor<{planes}x{width // 2}xbf16>"
    maps = [f"affine_map<(p, w, k) -> ({at})>" for at in ("p, w * 2 + k", "k", "p, w")]
    return f"""func.func private @f(%x: {x}) -> {y} {{
    %low = arith.constant 0xFF80 : bf16
    %window = tensor.empty() : tensor<2xbf16>
    %out = tensor.empty() : {y}
    %lows = linalg.fill ins(%low : bf16) outs(%out : {y}) -> {y}
    %y = linalg.generic {{indexing_maps = [{", ".join(maps)}], iterator_types = ["parallel", "parallel", "reduction"]}}
        ins(%x, %window : {x}, tensor<2xbf16>) outs(%lows : {y}) {{
    ^bb0(%a: bf16, %w: bf16, %o: bf16): %m = arith.maximumf %a, %o : bf16 linalg.yield %m : bf16
    }} -> {y}
    return %y : {y} }}"""


@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
@pytest.mark.parametrize(
    ("text", "most"),
    [
        (softmax("8192", 4096, "bf16"), 64),
        (softmax("8192", 1024, "f32"), 72),
        (softmax("100", 64, "bf16"), 40),
        (softmax("5000", 777, "bf16"), 72),
        (softmax("64", 65536, "bf16"), 64),
        (scaled(8192, 4096), 48),
        (scaled(100, 777), 64),
        (transposed(1024, 2048, "bf16"), 48),
        (summed(8192, 4096), 64),
        (first_largest(32, 32000), 64),
        (pooled(64, 112), 32),
    ],
    ids=[
        *("long", "warp", "part", "ragged", "shared", "elementwise", "elementwise-ragged", "transposed", "columns"),
        *("extremum", "windows"),
    ],
)
def test_kernels_assemble(text: str, most: int, arch: str, assemble_ptx: Assemble) -> None:
    built = build(text, arch=arch)
    assemble_ptx(built.ptx, arch).check(most)
    assert "call" not in built.ptx


def test_a_row_is_read_once_and_written_once() -> None:
    built = build(softmax("8192", 4096, "bf16"))
    assert (built.launch.block, built.launch.shared) == (256, 128)
    assert built.count(r"ld\.global\.v4") == built.count(r"ld\.global") == 2
    assert built.count(r"st\.global\.v4") == built.count(r"st\.global") == 2
    assert built.count(r"bar\.sync") == 2
    assert built.count(r"ex2\.approx") == 16
    assert "arith.constant 8192 : index" in built.grid


def test_a_short_row_needs_no_barrier() -> None:
    built = build(softmax("512", 64, "bf16"))
    assert built.launch.shared == 0
    assert built.count(r"bar\.sync") == 0
    assert built.count(r"shfl\.sync") == 2 * 3


def test_rows_in_shared_memory_are_loaded_once() -> None:
    kept, again = (build(softmax("64", 8192, "f32"), RowSchedule(256, 256, held=held)) for held in ("shared", "memory"))
    assert kept.launch.shared == 8192 * 4 + 2 * 8 * 8
    assert again.count(r"ld\.global\.v4") > kept.count(r"ld\.global\.v4")


def test_elementwise_accesses_are_wide() -> None:
    built = build(scaled(8192, 4096))
    assert built.count(r"ld\.global\.v4") == built.count(r"ld\.global") == 2
    assert built.count(r"st\.global\.v4") == built.count(r"st\.global") == 1
    assert built.count(r"tanh\.approx") == 8


def test_a_transpose_is_wide_on_both_sides() -> None:
    built = build(transposed(1024, 2048, "bf16"))
    assert built.launch.shared == 64 * 64 * 2
    assert built.count(r"ld\.global\.v4") == built.count(r"ld\.global") == 2
    assert built.count(r"st\.global\.v4") == built.count(r"st\.global") == 2
    assert "arith.constant 512 : index" in built.grid


def test_sizes_known_at_run_time() -> None:
    built = build(softmax("?", 4096, "bf16"))
    assert re.search(r"memref.dim %arg0, %c0", built.grid)
    assert built.count(r"ld\.global\.v4") == 2


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (RowSchedule(threads=100), "multiple of 32"),
        (RowSchedule(threads=128, row=48), "power of two"),
        (RowSchedule(threads=64, row=128), "power of two that divides"),
        (RowSchedule(held="cache"), "'registers', 'shared' memory or 'memory'"),
        (RowSchedule(unroll=0), "at least 1"),
    ],
)
def test_wrong_schedules(schedule: RowSchedule, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(softmax("8", 64, "f32"), schedule)


def test_two_reductions_of_different_kinds() -> None:
    text = softmax("8", 64, "f32").replace("arith.addf %a, %o", "arith.subf %a, %o")
    with pytest.raises(PassError, match="several reductions of which one has to go term by term"):
        build(text)


def test_an_operand_that_is_not_walked_evenly() -> None:
    text = scaled(8, 64).replace("affine_map<(i, j) -> (j)>", "affine_map<(i, j) -> (j floordiv 2)>")
    with pytest.raises(PassError, match="an operand read by"):
        build(text)


def test_operations_of_other_kinds() -> None:
    slice_ = "%p = tensor.extract_slice %y[0, 0] [1, 64] [1, 1] : tensor<8x64xbf16> to tensor<1x64xbf16>"
    with pytest.raises(PassError, match=r"can't hold 'tensor\.extract_slice'"):
        build(scaled(8, 64).replace("return %y", f"{slice_}\n return %y"))


def test_more_shared_memory_than_there_is() -> None:
    with pytest.raises(PassError, match="bytes of shared memory"):
        build(softmax("8", 131072, "f32"), RowSchedule(256, 256, held="shared"))
