"""What the emulator finds in kernels, each by its message."""

from typing import Any

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.cuda.emulate.engine import TensorMap
from stepwell.backends.cuda.emulate.kernel import Kernel
from stepwell.dialects.context import make_context
from stepwell.support.errors import ExecutionError, UnsupportedError
from stepwell.support.walk import named

HEAD = """
    %id = gpu.thread_id x
    %t = arith.index_cast %id : index to i32
    %c0 = arith.constant 0 : i32
    %c1 = arith.constant 1 : i32
    %c2 = arith.constant 2 : i32
    %c4 = arith.constant 4 : i32
    %c16 = arith.constant 16 : i32
    %c32 = arith.constant 32 : i32
    %c64 = arith.constant 64 : i32
    %c99 = arith.constant 99 : i32
    %one = arith.constant 1 : index
    %base = arith.constant 1024 : i32
    %four = arith.muli %t, %c4 : i32
    %place = arith.addi %base, %four : i32
    %low = arith.cmpi ult, %t, %c2 : i32
    %leads = arith.cmpi eq, %t, %c0 : i32
    %number = memref.extract_aligned_pointer_as_index %x : memref<64xi32> -> index
    %address = arith.index_cast %number : index to i64
    %wide = arith.extui %four : i32 to i64
"""
STORE = '"st.shared.b32 [$0], {$1};", "r,r,~{memory}"'
LOAD = '"ld.shared.b32 $0, [$1];", "=r,r,~{memory}"'
SHUFFLE = '"shfl.sync.bfly.b32 $0, $1, 1, 0x1f, 0xffffffff;", "=r,r"'
WAIT = (
    '"{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1; @!done bra again; }", '
    '"r,r,~{memory}"'
)
INIT = '"mbarrier.init.shared::cta.b64 [$0], $1;", "r,r"'
COPY = '"cp.async.cg.shared.global [$0], [$1], 16, $2;", "r,l,r,~{memory}"'
TMA = (
    '"cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1, {$3}], [$2];", '
    '"r,l,r,r,~{memory}"'
)


def asm(text: str, operands: str = "", kinds: str = "", result: str = "()") -> str:
    return f"llvm.inline_asm has_side_effects {text} {operands} : ({kinds}) -> {result}"


def kernel(body: str, head: str = HEAD) -> Kernel:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(f"""
        module attributes {{gpu.container_module}} {{ gpu.module @kernels {{
          llvm.mlir.global external @shared_memory() {{addr_space = 3 : i32}} : !llvm.array<0 x i8>
          gpu.func @bad(%x: memref<64xi32>, %map: !llvm.ptr) kernel {{ {head} {body} gpu.return }}
        }} }}""")
        return Kernel(named(module.operation, "gpu.func")[0], module)


def run(body: str, threads: int = 32, shared: int = 2048, source: Any = None) -> None:
    tensor_map = TensorMap(np.arange(64, dtype=np.int32), (32,)) if source is None else source
    kernel(body).launch((1, 1, 1), threads, shared, [np.zeros(64, np.int32), tensor_map])


def product(descriptor: int) -> str:
    """A product of a warpgroup whose matrices are both at a descriptor."""
    return f"""
    %d = arith.constant {descriptor} : i64
    %u = llvm.mlir.undef : !llvm.struct<(f32, f32, f32, f32)>
    %r = nvvm.wgmma.mma_async %d, %d, %u, #nvvm.shape<m = 64, n = 8, k = 16>, D [<f32>, <zero>],
        A [<bf16>, <one>, <row>], B [<bf16>, <one>, <col>] : !llvm.struct<(f32, f32, f32, f32)>
        -> !llvm.struct<(f32, f32, f32, f32)>"""


SWIZZLED = (1 << 62) | (64 << 32) | (1024 >> 4)
FILL = f"""
    scf.for %i = %c0 to %c64 step %c1 : i32 {{
      %row = arith.muli %i, %c32 : i32
      %in = arith.addi %row, %t : i32
      %inside = arith.cmpi ult, %t, %c32 : i32
      scf.if %inside {{
        %bytes = arith.muli %in, %c4 : i32
        %where = arith.addi %base, %bytes : i32
        {asm(STORE, "%where, %c0", "i32, i32")}
      }}
    }}"""

FAULTS: dict[str, tuple[str, str]] = {
    "part of a warp": (
        f"scf.if %low {{ %r = {asm(SHUFFLE, '%t', 'i32', 'i32')} }}",
        "'shfl.sync' is for whole warps",
    ),
    "race": (
        f"""{asm(STORE, "%place, %t", "i32, i32")}
        %other = arith.xori %place, %c4 : i32
        %r = {asm(LOAD, "%other", "i32", "i32")}""",
        "threads race at byte 4 of shared memory",
    ),
    "race of writers": (asm(STORE, "%base, %t", "i32, i32"), "threads race at byte 0 of shared memory"),
    "never written": (
        f"%r = {asm(LOAD, '%place', 'i32', 'i32')}",
        "shared memory at 0 is read before anything is written there",
    ),
    "beyond shared memory": (asm(STORE, "%c4, %t", "i32, i32"), "writes 4 bytes of shared memory at -1020"),
    "shared memory not aligned": (
        f"%odd = arith.addi %place, %c1 : i32 {asm(STORE, '%odd, %t', 'i32, i32')}",
        "4 bytes of shared memory that are not aligned",
    ),
    "beyond a buffer": (
        """%big = arith.addi %wide, %address : i64
        %far = arith.constant 256 : i64
        %p = arith.addi %big, %far : i64
        %q = llvm.inttoptr %p : i64 to !llvm.ptr<1>
        %r = llvm.load %q : !llvm.ptr<1> -> i32""",
        "reads global memory that the kernel was not given: bytes 256 to 384 of a buffer of 256 bytes",
    ),
    "global memory not aligned": (
        """%two = arith.constant 2 : i64
        %p = arith.addi %address, %two : i64
        %q = llvm.inttoptr %p : i64 to !llvm.ptr<1>
        llvm.store %t, %q : i32, !llvm.ptr<1>""",
        "writes 4 bytes of global memory that are not aligned",
    ),
    "index": (
        "%big = arith.index_castui %c99 : i32 to index  %r = memref.load %x[%big] : memref<64xi32>",
        "index 99 is outside of dimension 0, which has 64 elements",
    ),
    "assertion": ('cf.assert %low, "few threads"', "assertion failed: few threads"),
    "step": (
        "%s = arith.subi %c0, %t : i32  scf.for %i = %c0 to %c4 step %s : i32 { }",
        "'scf.for' has a step that is not positive",
    ),
    "unsigned": (
        "%s = arith.subi %c0, %c1 : i32  scf.for unsigned %i = %c0 to %s step %c1 : i32 { }",
        "over unsigned numbers of more than half their range",
    ),
    "too many meet": (
        asm('"bar.arrive $0, $1;", "r,n,~{memory}"', "%c1, %c16", "i32, i32"),
        "32 threads come to barrier 1, which is for 16",
    ),
    "names differ": (
        asm('"bar.arrive $0, $1;", "r,n,~{memory}"', "%t, %c32", "i32, i32"),
        "'bar.arrive' wants one number of all threads",
    ),
    "all wait": (
        asm('"bar.sync $0, $1;", "r,n,~{memory}"', "%c1, %c64", "i32, i32"),
        "all threads wait for each other: threads from 0 of block 0 at barrier 1",
    ),
    "no barrier": (asm(WAIT, "%base, %c0", "i32, i32"), "there is no barrier in shared memory at 1024"),
    "barrier not aligned": (
        f"%odd = arith.addi %base, %c4 : i32 scf.if %leads {{ {asm(INIT, '%odd, %c1', 'i32, i32')} }}",
        "does not lie at a multiple of 8",
    ),
    "too many arrive": (
        f"""{asm(INIT, "%base, %c1", "i32, i32")}
        {asm('"mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", "r,r,~{memory}"', "%base, %c4", "i32, i32")}""",
        "more threads arrive at a barrier in shared memory than it was set up for",
    ),
    "too much copied": (
        asm(COPY, "%base, %address, %c32", "i32, i64, i32"),
        "'cp.async' of 16 bytes is to copy 32 of them",
    ),
    "copied from anywhere": (
        f"""%four64 = arith.constant 4 : i64
        %p = arith.addi %address, %four64 : i64
        {asm(COPY, "%base, %p, %c16", "i32, i64, i32")}""",
        "'cp.async' from an address that is not a multiple of 16",
    ),
    "no map": (
        asm('"prefetch.tensormap [$0];", "l,~{memory}"', "%address", "i64"),
        "an address where no tensor map is",
    ),
    "many start": (asm(TMA, "%base, %map, %base, %c0", "i32, !llvm.ptr, i32, i32"), "32 threads start one copy"),
    "engine not aligned": (
        f"""%odd = arith.addi %base, %c64 : i32
        scf.if %leads {{ {asm(TMA, "%odd, %map, %base, %c0", "i32, !llvm.ptr, i32, i32")} }}""",
        "the copy engine writes to shared memory at 1088, which is no multiple of 128",
    ),
    "part of a warpgroup": (product(SWIZZLED), "'wgmma' is for a whole warpgroup"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str) -> None:
    body, message = FAULTS[name]
    with pytest.raises(ExecutionError) as failure:
        run(body)
    assert message in str(failure.value)
    assert "kernel 'bad'" in str(failure.value)


def test_another_layout_of_a_matrix() -> None:
    with pytest.raises(ExecutionError, match="without the 128-byte swizzle is not emulated"):
        run(product(64), threads=128)


def test_shared_memory_that_products_read_is_overwritten() -> None:
    body = f"""{FILL}
    {asm('"bar.sync 0;", "~{memory}"')}
    %bar = arith.constant 9216 : i32
    scf.if %leads {{
      {asm(INIT, "%bar, %c1", "i32, i32")}
      %size = arith.constant 128 : i32
      {asm('"mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", "r,r,~{memory}"', "%bar, %size", "i32, i32")}
    }}
    {asm('"bar.sync 0;", "~{memory}"')}
    {product(SWIZZLED)}
    nvvm.wgmma.commit.group.sync.aligned
    scf.if %leads {{ {asm(TMA, "%base, %map, %bar, %c0", "i32, !llvm.ptr, i32, i32")} }}
    {asm(WAIT, "%bar, %c0", "i32, i32")}"""
    with pytest.raises(ExecutionError, match="overwritten while products of the tensor cores read it"):
        run(body, threads=128, shared=16384)


def test_memory_that_was_not_given() -> None:
    body = """%p = arith.constant 4096 : i64
    %q = llvm.inttoptr %p : i64 to !llvm.ptr<1>
    %r = llvm.load %q : !llvm.ptr<1> -> i32"""
    with pytest.raises(ExecutionError, match="reads global memory, and the kernel was given none"):
        kernel(body, "").launch((1, 1, 1), 32, 0, [np.zeros(0, np.int32), np.int64(0)])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("%s = gpu.subgroup_id : index", "kernels with 'gpu.subgroup_id' are not emulated"),
        (asm('"nanosleep.u32 5;", ""'), "the instruction 'nanosleep.u32 5;' is not emulated"),
        ('%s = llvm.call_intrinsic "llvm.ctpop"(%t) : (i32) -> i32', "kernels with 'llvm.ctpop' are not emulated"),
    ],
)
def test_what_is_not_emulated_is_refused_by_name(body: str, message: str) -> None:
    with pytest.raises(UnsupportedError) as failure:
        kernel(body)
    assert message in str(failure.value)


def test_right_code_is_taken() -> None:
    body = f"""{asm(STORE, "%place, %t", "i32, i32")}
    {asm('"bar.warp.sync 0xffffffff;", "~{memory}"')}
    %other = arith.xori %place, %c4 : i32
    %r = {asm(LOAD, "%other", "i32", "i32")}
    %i = arith.index_castui %t : i32 to index
    memref.store %r, %x[%i] : memref<64xi32>"""
    found = np.zeros(64, np.int32)
    kernel(body).launch((1, 1, 1), 32, 2048, [found, np.int64(0)])
    np.testing.assert_array_equal(found[:32], np.arange(32) ^ 1)


def test_a_part_of_a_memref() -> None:
    body = """
    %b, %o, %n, %s = memref.extract_strided_metadata %x : memref<64xi32> -> memref<i32>, index, index, index
    %part = memref.reinterpret_cast %b to offset: [%one], sizes: [%n], strides: [%s]
        : memref<i32> to memref<?xi32, strided<[?], offset: ?>>
    %i = arith.index_castui %t : i32 to index
    memref.store %t, %part[%i] : memref<?xi32, strided<[?], offset: ?>>"""
    found = np.zeros(64, np.int32)
    kernel(body).launch((1, 1, 1), 32, 0, [found, np.int64(0)])
    np.testing.assert_array_equal(found[1:33], np.arange(32))
