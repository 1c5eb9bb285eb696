"""What the code does is counted right, whatever form its loops have."""

from __future__ import annotations

import pytest
from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.passes.buffer.work.count import Work, count_work


def _work(body: str, arguments: str) -> Work:
    text = f"func.func @f({arguments}) {{\n{body}\n return }}"
    with make_context():
        module = ir.Module.parse(text)
        function = module.body.operations[0]
        kernels = [
            op.operation for op in function.regions[0].blocks[0].operations if len(op.regions) or "copy" in op.name
        ]
        return count_work(kernels[-1])


_BOUNDS = "%c0 = arith.constant 0 : index\n%c1 = arith.constant 1 : index\n%c4 = arith.constant 4 : index\n"


def test_a_matrix_product() -> None:
    body = "linalg.matmul ins(%a, %b : memref<3x5xf32>, memref<5x7xf32>) outs(%c : memref<3x7xf32>)"
    work = _work(body, "%a: memref<3x5xf32>, %b: memref<5x7xf32>, %c: memref<3x7xf32>")
    assert work == Work(2 * 3 * 5 * 7, 4 * (15 + 35 + 21), 4 * 21)


def test_nested_loops_read_a_byte_once() -> None:
    body = _BOUNDS + (
        "%n = arith.constant 10 : index\n"
        "scf.for %i = %c0 to %n step %c1 { scf.for %j = %c0 to %n step %c4 {\n"
        "%x = vector.load %a[%j] : memref<16xf32>, vector<4xf32>\n"
        "%y = math.exp %x : vector<4xf32>\n%z = math.fma %y, %x, %x : vector<4xf32>\n"
        "vector.store %z, %b[%j] : memref<16xf32>, vector<4xf32> } }"
    )
    work = _work(body, "%a: memref<16xf32>, %b: memref<16xf32>")
    assert work == Work(10 * 3 * (4 + 8), 64, 64)


def test_ragged_tiles_are_counted_one_by_one() -> None:
    body = _BOUNDS + (
        "%n = arith.constant 10 : index\n"
        "scf.for %i = %c0 to %n step %c4 {\n"
        "%size = affine.min affine_map<(d0) -> (4, -d0 + 10)>(%i)\n"
        "scf.for %j = %c0 to %size step %c1 {\n"
        "%x = memref.load %a[%j] : memref<1xf32>\n%y = arith.mulf %x, %x : f32\n"
        "memref.store %y, %a[%j] : memref<1xf32> } }"
    )
    assert _work(body, "%a: memref<1xf32>") == Work(10, 4, 4)


@pytest.mark.parametrize(
    "loop",
    [
        "scf.parallel (%i, %j) = (%c0, %c0) to (%c4, %c4) step (%c1, %c1) {{ {0} scf.reduce }}",
        "scf.forall (%i, %j) in (4, 4) {{ {0} }}",
        "affine.for %i = 0 to 4 {{ affine.for %j = 0 to 8 step 2 {{ {0} }} }}",
    ],
)
def test_loops_of_every_dialect(loop: str) -> None:
    inner = "%x = memref.load %a[%i] : memref<4xf64>\n%y = arith.addf %x, %x : f64\n"
    assert _work(_BOUNDS + loop.format(inner), "%a: memref<4xf64>") == Work(16, 32, 0)


def test_scratch_memory_does_not_count_and_views_are_what_they_show() -> None:
    body = _BOUNDS + (
        "scf.for %i = %c0 to %c4 step %c1 {\n%t = memref.alloca() : memref<4xf32>\n"
        "%row = memref.subview %a[%i, 0] [1, 4] [1, 1] : memref<4x4xf32> to memref<4xf32, strided<[1], offset: ?>>\n"
        "%x = memref.load %row[%c0] : memref<4xf32, strided<[1], offset: ?>>\n"
        "memref.store %x, %t[%c0] : memref<4xf32> }"
    )
    assert _work(body, "%a: memref<4x4xf32>") == Work(0, 16, 0)


def test_of_two_branches_the_larger_counts() -> None:
    body = "scf.if %p { %y = arith.addf %x, %x : f32 } else { %y = arith.mulf %x, %x : f32\n%z = math.exp %y : f32 }"
    assert _work(body, "%p: i1, %x: f32") == Work(2, 0, 0)


def test_what_depends_on_the_run_is_left_open() -> None:
    body = _BOUNDS + "scf.for %i = %c0 to %n step %c1 { %y = arith.addf %x, %x : f32 }"
    assert _work(body, "%n: index, %x: f32") == Work(None, None, None)


def test_a_copy() -> None:
    assert _work("memref.copy %a, %b : memref<8xi8> to memref<8xi8>", "%a: memref<8xi8>, %b: memref<8xi8>") == Work(
        0, 8, 8
    )
