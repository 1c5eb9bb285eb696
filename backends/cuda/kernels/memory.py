"""PTX instructions for shared memory, also of other blocks of the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import llvm

from stepwell.backends.cuda.kernels.instructions import ptx
from stepwell.backends.cuda.kernels.word import Operand, Word, word


def in_block(address: Word, rank: Operand) -> Word:
    """The address in the cluster of what lies at ``address`` in block ``rank``."""
    i32 = ir.IntegerType.get_signless(32)
    return Word(ptx("mapa.shared::cluster.u32 $0, $1, $2;", "=r,r,r", [address.value, word(rank).value], result=i32))


def store_in_cluster(address: Word, values: Sequence[ir.Value]) -> None:
    """Four values of 32 bits to an address that ``in_block`` gave."""
    kind, letter = _kind(values[0].type)
    ptx(
        f"st.shared::cluster.v4.{kind} [$0], {{$1, $2, $3, $4}};",
        ",".join(["r", *[letter] * 4, "~{memory}"]),
        [address.value, *values],
    )


def store_shared(address: Word, values: Sequence[ir.Value]) -> None:
    """One, two or four values of 32 bits, or one or two of 64."""
    kind, letter = _kind(values[0].type)
    places = ", ".join(f"${1 + number}" for number in range(len(values)))
    vector = f".v{len(values)}" if len(values) > 1 else ""
    ptx(
        f"st.shared{vector}.{kind} [$0], {{{places}}};",
        ",".join(["r", *[letter] * len(values), "~{memory}"]),
        [address.value, *values],
    )


def store_shared_part(address: Word, value: ir.Value, width: int) -> None:
    """The lower 1 or 2 bytes of an i32."""
    ptx(f"st.shared.u{8 * width} [$0], $1;", "r,r,~{memory}", [address.value, value])


def load_shared(address: Word, count: int, kind: ir.Type) -> list[ir.Value]:
    """One, two or four values of 32 bits, or one or two of 64."""
    name, letter = _kind(kind)
    places = ", ".join(f"${number}" for number in range(count))
    vector, places = (f".v{count}", f"{{{places}}}") if count > 1 else ("", places)
    found = ptx(
        f"ld.shared{vector}.{name} {places}, [${count}];",
        ",".join([*[f"={letter}"] * count, "r", "~{memory}"]),
        [address.value],
        result=kind if count == 1 else ir.Type.parse(f"!llvm.struct<({', '.join([str(kind)] * count)})>"),
        effects=True,
    )
    return [found] if count == 1 else [llvm.extractvalue(kind, found, [number]) for number in range(count)]


def _kind(kind: ir.Type) -> tuple[str, str]:
    return {"f64": ("f64", "d"), "f32": ("f32", "f")}.get(str(kind), ("b32", "r"))
