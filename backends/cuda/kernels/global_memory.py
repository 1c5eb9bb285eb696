"""PTX instructions for global memory, each done by some threads and not by others."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, llvm

from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Word


def copy_async(target: Word, address: ir.Value, width: int, size: Word) -> None:
    """Copy the first ``size`` of ``width`` bytes (4, 8 or 16) to shared memory, with zeros behind them."""
    cache = "cg" if width == 16 else "ca"
    ptx(
        f"cp.async.{cache}.shared.global [$0], [$1], {width}, $2;",
        "r,l,r,~{memory}",
        [target.value, address, size.value],
    )


def copies_close() -> None:
    """Close the thread's group of asynchronous copies."""
    ptx("cp.async.commit_group;", "~{memory}")


def copies_wait(pending: int) -> None:
    """Wait until all but ``pending`` groups have arrived."""
    ptx(f"cp.async.wait_group {pending};", "~{memory}")


def load_global(address: ir.Value, count: int, kind: ir.Type, where: ir.Value) -> list[ir.Value]:
    """One, two or four values, zeros where ``where`` does not hold; 8 and 16 bits come in the lower part of an i32."""
    name, letter, register, zero = _KINDS[str(kind)]
    places = ", ".join(f"${number}" for number in range(count))
    zeros = " ".join(f"mov.{register} ${number}, {zero};" for number in range(count))
    vector = f".v{count} {{{places}}}" if count > 1 else " $0"
    narrow = vector.split(" ", 1)
    load = f"@${count + 1} ld.global{narrow[0]}.{name} {narrow[1]}, [${count}];"
    result = {"f": ir.F32Type, "d": ir.F64Type}.get(letter)
    value = result.get() if result is not None else ir.IntegerType.get_signless(32)
    found = ptx(
        f"{zeros} {load}",
        ",".join([*[f"=&{letter}"] * count, "l", "b"]),
        [address, where],
        result=value if count == 1 else ir.Type.parse(f"!llvm.struct<({', '.join([str(value)] * count)})>"),
        effects=True,
    )
    return [found] if count == 1 else [llvm.extractvalue(value, found, [number]) for number in range(count)]


def store_global(address: ir.Value, values: Sequence[ir.Value], kind: ir.Type, where: ir.Value) -> None:
    """One, two or four values where ``where`` holds; 8 and 16 bits are the lower part of an i32."""
    name, letter, _, _ = _KINDS[str(kind)]
    count = len(values)
    places = ", ".join(f"${1 + number}" for number in range(count))
    vector, places = (f".v{count}", f"{{{places}}}") if count > 1 else ("", places)
    ptx(
        f"@${count + 1} st.global{vector}.{name} [$0], {places};",
        ",".join(["l", *[letter] * count, "b", "~{memory}"]),
        [address, *values, where],
    )


def raise_flag(address: ir.Value) -> None:
    """Set the flag, an i32, to 1; who waits for it sees all that this thread saw or wrote before."""
    ptx("st.release.gpu.global.b32 [$0], 1;", "l,~{memory}", [address])


def wait_for_flag(address: ir.Value) -> None:
    """Wait until the flag is not 0, and see what was written before it was raised."""
    ptx(
        "{ .reg .pred down; .reg .b32 flag; again: ld.acquire.gpu.global.b32 flag, [$0]; "
        "setp.eq.b32 down, flag, 0; @down bra again; }",
        "l,~{memory}",
        [address],
    )


def lower_flag(address: ir.Value) -> None:
    """Set the flag to 0, for kernels that run behind this one."""
    ptx("st.relaxed.gpu.global.b32 [$0], 0;", "l,~{memory}", [address])


def at(base: ir.Value, row: Word, pitch: Word, offset: Word) -> ir.Value:
    """The address ``base + row * pitch + offset``, in bytes; pitches and offsets are less than 4 GiB."""
    return arith.addi(arith.addi(base, arith.muli(row.wide(), pitch.wide())), offset.wide())


_KINDS = {
    "f32": ("f32", "f", "f32", "0f00000000"),
    "f64": ("f64", "d", "f64", "0d0000000000000000"),
    "i32": ("b32", "r", "b32", "0"),
    "i16": ("u16", "r", "b32", "0"),
    "i8": ("u8", "r", "b32", "0"),
}
"""As instructions write it, the constraint, the type of the register and its zero."""
