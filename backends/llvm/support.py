"""Small functions that compiled code may need and that no library of a stand-alone object has, as LLVM IR text.

Allocation shims lead MLIR's allocation to the runtime. The conversions are those of compiler-rt that the code
generator calls where the CPU has no instruction: ties go to even, NaNs stay NaNs and become quiet. Doubles go
through a float rounded to odd, so that rounding twice gives what rounding once would.
"""

from __future__ import annotations

import re

_ALLOCATION = """
declare noalias align 64 ptr @stepwell_alloc(i64, i64)
declare void @stepwell_free(ptr)

define noalias align 64 ptr @_mlir_memref_to_llvm_aligned_alloc(i64 %alignment, i64 %bytes) alwaysinline {
  %wanted = call i64 @llvm.umax.i64(i64 %alignment, i64 64)
  %pointer = call noalias align 64 ptr @stepwell_alloc(i64 %bytes, i64 %wanted)
  ret ptr %pointer
}

define noalias align 64 ptr @_mlir_memref_to_llvm_alloc(i64 %bytes) alwaysinline {
  %pointer = call noalias align 64 ptr @stepwell_alloc(i64 %bytes, i64 64)
  ret ptr %pointer
}

define void @_mlir_memref_to_llvm_free(ptr %pointer) alwaysinline {
  call void @stepwell_free(ptr %pointer)
  ret void
}

declare i64 @llvm.umax.i64(i64, i64)
"""

_ROUND_TO_ODD = """
define internal float @round_to_odd(double %x) alwaysinline {
  %near = fptrunc double %x to float
  %back = fpext float %near to double
  %size = call double @llvm.fabs.f64(double %x)
  %reached = call double @llvm.fabs.f64(double %back)
  %inexact = fcmp one double %back, %x
  %above = fcmp ogt double %reached, %size
  %bits = bitcast float %near to i32
  %less = sub i32 %bits, 1
  %toward_zero = select i1 %above, i32 %less, i32 %bits
  %odd = or i32 %toward_zero, 1
  %chosen = select i1 %inexact, i32 %odd, i32 %bits
  %result = bitcast i32 %chosen to float
  ret float %result
}

declare double @llvm.fabs.f64(double)
"""

_HALF = """
define internal half @narrow_half(float %x) alwaysinline {
  %bits = bitcast float %x to i32
  %high = lshr i32 %bits, 16
  %sign = and i32 %high, 32768
  %size = and i32 %bits, 2147483647
  %payload = lshr i32 %size, 13
  %quiet = or i32 %payload, 32256
  %nan_bits = and i32 %quiet, 32767
  %last = and i32 %payload, 1
  %rebased = sub i32 %size, 939524096
  %up = add i32 %rebased, 4095
  %rounded = add i32 %up, %last
  %normal = lshr i32 %rounded, 13
  %positive = bitcast i32 %size to float
  %aligned = fadd float %positive, 5.0e-1
  %aligned_bits = bitcast float %aligned to i32
  %subnormal = sub i32 %aligned_bits, 1056964608
  %is_subnormal = icmp ult i32 %size, 947912704
  %finite = select i1 %is_subnormal, i32 %subnormal, i32 %normal
  %is_large = icmp uge i32 %size, 1199566848
  %number = select i1 %is_large, i32 31744, i32 %finite
  %is_nan = icmp ugt i32 %size, 2139095040
  %unsigned = select i1 %is_nan, i32 %nan_bits, i32 %number
  %signed = or i32 %unsigned, %sign
  %short = trunc i32 %signed to i16
  %result = bitcast i16 %short to half
  ret half %result
}

define linkonce_odr hidden half @__truncsfhf2(float %x) {
  %result = call half @narrow_half(float %x)
  ret half %result
}

define linkonce_odr hidden half @__truncdfhf2(double %x) {
  %odd = call float @round_to_odd(double %x)
  %result = call half @narrow_half(float %odd)
  ret half %result
}

define linkonce_odr hidden float @__extendhfsf2(half %x) {
  %short = bitcast half %x to i16
  %bits = zext i16 %short to i32
  %sign = and i32 %bits, 32768
  %size = and i32 %bits, 32767
  %placed = shl i32 %size, 13
  %small = bitcast i32 %placed to float
  %scaled = fmul float %small, 0x46F0000000000000
  %number = bitcast float %scaled to i32
  %quiet = or i32 %placed, 2143289344
  %is_nan = icmp ugt i32 %size, 31744
  %special = select i1 %is_nan, i32 %quiet, i32 2139095040
  %is_special = icmp uge i32 %size, 31744
  %unsigned = select i1 %is_special, i32 %special, i32 %number
  %high = shl i32 %sign, 16
  %signed = or i32 %unsigned, %high
  %result = bitcast i32 %signed to float
  ret float %result
}

@llvm.compiler.used = appending global [3 x ptr] [ptr @__truncsfhf2, ptr @__truncdfhf2, ptr @__extendhfsf2],
    section "llvm.metadata"
"""

_BFLOAT = """
define internal bfloat @narrow_bfloat(float %x) alwaysinline {
  %bits = bitcast float %x to i32
  %high = lshr i32 %bits, 16
  %last = and i32 %high, 1
  %up = add i32 %bits, 32767
  %sum = add i32 %up, %last
  %rounded = lshr i32 %sum, 16
  %quiet = or i32 %high, 64
  %is_nan = fcmp uno float %x, %x
  %chosen = select i1 %is_nan, i32 %quiet, i32 %rounded
  %short = trunc i32 %chosen to i16
  %result = bitcast i16 %short to bfloat
  ret bfloat %result
}

define linkonce_odr hidden bfloat @__truncsfbf2(float %x) {
  %result = call bfloat @narrow_bfloat(float %x)
  ret bfloat %result
}

define linkonce_odr hidden bfloat @__truncdfbf2(double %x) {
  %odd = call float @round_to_odd(double %x)
  %result = call bfloat @narrow_bfloat(float %odd)
  ret bfloat %result
}

@llvm.compiler.used = appending global [2 x ptr] [ptr @__truncsfbf2, ptr @__truncdfbf2], section "llvm.metadata"
"""

_CLOCK = """
declare i32 @clock_gettime(i32, ptr)

define i64 @_mlir_ciface_stepwell_clock() {
  %now = alloca { i64, i64 }
  %status = call i32 @clock_gettime(i32 1, ptr %now)
  %fraction = getelementptr { i64, i64 }, ptr %now, i32 0, i32 1
  %seconds = load i64, ptr %now
  %nanoseconds = load i64, ptr %fraction
  %scaled = mul i64 %seconds, 1000000000
  %total = add i64 %scaled, %nanoseconds
  ret i64 %total
}
"""


_EXTREMES = """
define linkonce_odr hidden FLOAT @fEXTREMESUFFIX(FLOAT %a, FLOAT %b) {
  %unordered = fcmp uno FLOAT %a, %b
  %nan = fadd FLOAT %a, %b
  %equal = fcmp oeq FLOAT %a, %b
  %a_bits = bitcast FLOAT %a to BITS
  %b_bits = bitcast FLOAT %b to BITS
  %zero_bits = JOIN BITS %a_bits, %b_bits
  %zero = bitcast BITS %zero_bits to FLOAT
  %first = fcmp ORDER FLOAT %a, %b
  %further = select i1 %first, FLOAT %a, FLOAT %b
  %number = select i1 %equal, FLOAT %zero, FLOAT %further
  %result = select i1 %unordered, FLOAT %nan, FLOAT %number
  ret FLOAT %result
}

@llvm.compiler.used = appending global [1 x ptr] [ptr @fEXTREMESUFFIX], section "llvm.metadata"
"""


def _extreme_modules(text: str) -> list[str]:
    """C23's maximum and minimum, which C libraries of small machines lack: NaN wins, and +0 is above -0."""
    modules = []
    for extreme, join, order in (("maximum", "and", "ogt"), ("minimum", "or", "olt")):
        for kind, bits, suffix in (("float", "i32", "f"), ("double", "i64", "")):
            if re.search(rf"\b{kind}>? @llvm\.(vector\.reduce\.f)?{extreme}\.", text):
                module = _EXTREMES
                words = {
                    "EXTREME": extreme,
                    "JOIN": join,
                    "ORDER": order,
                    "FLOAT": kind,
                    "BITS": bits,
                    "SUFFIX": suffix,
                }
                for word, meaning in words.items():
                    module = module.replace(word, meaning)
                modules.append(module)
    return modules


def support_modules(text: str, *, bare: bool = False) -> list[str]:
    """The modules to link into LLVM IR ``text``: allocation, the clock, and conversions of the narrow types in it.

    Args:
        bare: for a machine whose C library is an old one.
    """
    modules = [_ALLOCATION] if "@_mlir_memref_to_llvm_" in text else []
    if "@_mlir_ciface_stepwell_clock" in text:
        modules.append(_CLOCK)
    if re.search(r"\bhalf\b", text):
        modules.append(_ROUND_TO_ODD + _HALF)
    if re.search(r"\bbfloat\b", text):
        modules.append(_ROUND_TO_ODD + _BFLOAT)
    return [*modules, *(_extreme_modules(text) if bare else [])]
