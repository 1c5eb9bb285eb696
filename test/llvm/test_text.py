"""Float constants survive the way from LLVM 24's text to LLVM 22's, bit for bit."""

import ctypes
import struct
from typing import Any

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.llvm.codegen import generate, translate
from stepwell.backends.llvm.cpu import host
from stepwell.backends.llvm.link import LoadedObject
from stepwell.backends.llvm.text import constant_bits, spell_constant, to_llvm22
from stepwell.dialects.context import make_context
from stepwell.support.errors import CodegenError

Array = np.ndarray[Any, Any]

F32 = [0, 0x80000000, 1, 0x80000001, 0x7FFFFF, 0x800000, 0x3DCCCCCD, 0x7F7FFFFF, 0x7F800000, 0xFF800000]
F32_NAN = [0x7FC00000, 0xFFC00000, 0x7F800001, 0x7FA00000, 0xFF912345, 0x7FC00001, 0xFFFFFFFF]
F64 = [0, 1 << 63, 1, 0x000FFFFFFFFFFFFF, 0x0010000000000000, 0x3FB999999999999A, 0x7FEFFFFFFFFFFFFF]
F64_NAN = [0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000000, 0xFFF8000000000001, 0x7FF0000000000001]


def random_bits(width: int, count: int) -> list[int]:
    return [int(x) for x in np.random.default_rng(width).integers(0, 1 << width, count, dtype=np.uint64)]


def parse(text: str) -> ir.Module:
    with make_context(torch=False), ir.Location.unknown():
        return ir.Module.parse(text)


def through_the_compiler(kind: str, bits: list[int], width: int) -> list[int]:
    """The bits of a constant array of ``kind``, as they stand in the loaded object."""
    values = ", ".join(f"0x{value:0{width // 4}X}" for value in bits)
    size = len(bits)
    module = parse(
        f"llvm.mlir.global external constant @data(dense<[{values}]> : tensor<{size}x{kind}>)"
        f" : !llvm.array<{size} x {kind}>"
    )
    loaded = LoadedObject([generate(module, host(), exports=["data"])["o"]], {}, exports=["data"])
    dtype = np.dtype(f"u{width // 8}")
    raw = ctypes.string_at(loaded.address("data"), size * dtype.itemsize)
    return [int(value) for value in np.frombuffer(raw, dtype)]


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_16_bit_patterns(kind: str) -> None:
    edges = [0x7C00, 0xFC00, 0x7F80, 0xFF80, 0x7E00, 0x7FC0, 0x7F81, 0x7C01, 0x8000, 1, 0xFFFF]
    bits = [*range(0, 1 << 16, 11), *edges]
    assert through_the_compiler(kind, bits, 16) == bits


def test_f32_patterns() -> None:
    bits = F32 + F32_NAN + random_bits(32, 5000)
    assert through_the_compiler("f32", bits, 32) == bits


def test_f64_patterns() -> None:
    bits = F64 + F64_NAN + random_bits(64, 5000)
    assert through_the_compiler("f64", bits, 64) == bits


def test_types_mixed_in_one_call() -> None:
    module = parse("""
      llvm.func @callee(f32, f64, f16, bf16, i32) -> f32
      llvm.func @main() -> f32 {
        %a = llvm.mlir.constant(1.0e-01 : f32) : f32
        %b = llvm.mlir.constant(1.0e-01 : f64) : f64
        %c = llvm.mlir.constant(1.0e-01 : f16) : f16
        %d = llvm.mlir.constant(0xFF80 : bf16) : bf16
        %e = llvm.mlir.constant(7 : i32) : i32
        %r = llvm.call @callee(%a, %b, %c, %d, %e) : (f32, f64, f16, bf16, i32) -> f32
        llvm.return %r : f32
      }""")
    expected = "float 0x3FB99999A0000000, double 0x3FB999999999999A, half 0xH2E66, bfloat 0xRFF80, i32 7"
    assert f"call float @callee({expected})" in translate(module, host())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%1 = phi float [ -inf, %a ], [ 1.500000e+00, %b ]",
         "%1 = phi float [ 0xFFF0000000000000, %a ], [ 0x3FF8000000000000, %b ]"),
        ("%1 = select i1 %c, half 1.0, half %x", "%1 = select i1 %c, half 0xH3C00, half %x"),
        ("%1 = fcmp ult double %x, f0x3FF0000000000000", "%1 = fcmp ult double %x, 0x3FF0000000000000"),
        ("%1 = fmul <4 x float> %0, splat (float f0x3F800000)",
         "%1 = fmul <4 x float> %0, splat (float 0x3FF0000000000000)"),
        ("ret { float, [2 x double] } { float 1.0, [2 x double] [double +qnan, double 0.5] }",
         "ret { float, [2 x double] } { float 0x3FF0000000000000, "
         "[2 x double] [double 0x7FF8000000000000, double 0x3FE0000000000000] }"),
        ("@g = constant <2 x bfloat> <bfloat +nan(0x1), bfloat -snan(0x2)>",
         "@g = constant <2 x bfloat> <bfloat 0xR7FC1, bfloat 0xRFF82>"),
        ("store float -0.000000e+00, ptr %p, align 4", "store float 0x8000000000000000, ptr %p, align 4"),
    ],
)  # fmt: skip
def test_places_where_constants_stand(line: str, expected: str) -> None:
    assert to_llvm22(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        'c"float 1.0 f0x3F800000"',
        '@s = constant [9 x i8] c"half -inf\\00"',
        "; float 1.0",
        '%"float 1.0" = add i32 %x.1.5, 2',
        '!0 = !{!"float 1.5", i32 2}',
        "%r1.0 = getelementptr inbounds nuw float, ptr %2, i64 1",
        'source_filename = "a-inf 1.0.mlir"',
    ],
)
def test_what_only_looks_like_a_constant_stays(line: str) -> None:
    assert to_llvm22(line) == line


@pytest.mark.parametrize("line", ["%1 = add i32 1.5, %x", "ret 1.5", "ret x86_fp80 1.5", "store ptr +qnan, ptr %p"])
def test_a_constant_of_no_known_type_is_refused(line: str) -> None:
    with pytest.raises(CodegenError, match=r"floating-point constant .* in the generated LLVM IR"):
        to_llvm22(line)


def test_bits_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CodegenError, match="does not fit type 'half'"):
        spell_constant("half", "f0x12345")
    with pytest.raises(CodegenError, match="does not fit type 'bfloat'"):
        spell_constant("bfloat", "+nan(0xFFF)")


def test_decimals_are_rounded_once() -> None:
    # Just above the middle of two floats; the nearest double is the middle itself.
    text = "1.000000059604644775390626"
    assert struct.unpack(">I", struct.pack(">f", float(text)))[0] == 0x3F800000
    assert constant_bits("float", text) == 0x3F800001
    assert constant_bits("half", "65520.0") == 0x7C00
    assert constant_bits("float", "3.5e38") == 0x7F800000


def test_unknown_attributes_go() -> None:
    assert to_llvm22("attributes #0 = { nounwind nooutline cold }") == "attributes #0 = { nounwind  cold }"
    kept = "attributes #0 = { nounwind memory(none) }"
    assert to_llvm22(kept) == kept
