"""PTX instructions that kernels use, a function each; names and operands as in the PTX ISA."""

from __future__ import annotations

from collections.abc import Sequence

from torch_mlir import ir
from torch_mlir.dialects import arith, gpu, llvm

from stepwell.backends.cuda.kernels.word import Operand, Word, word

_SHARED = "shared_memory"


def thread() -> Word:
    """The number of the thread in its block."""
    return Word(_narrow(gpu.thread_id(gpu.Dimension.x)))


def block() -> Word:
    """The number of the block in the grid."""
    return Word(_narrow(gpu.block_id(gpu.Dimension.x)))


def blocks() -> Word:
    """How many blocks there are."""
    return Word(_narrow(gpu.grid_dim(gpu.Dimension.x)))


def block_in_cluster() -> Word:
    """The rank of the block in its cluster."""
    return Word(ptx("mov.u32 $0, %cluster_ctarank;", "=r", result=_i32()))


def uniform(value: Word) -> Word:
    """``value`` of lane 0 for the whole warp, which the compiler then knows to be the same in all lanes."""
    return Word(
        ptx("shfl.sync.idx.b32 $0, $1, 0, 0x1f, 0xffffffff;", "=r,r", [value.value], result=_i32(), effects=True)
    )


def any_lane(conditions: Sequence[ir.Value]) -> ir.Value:
    """Whether any of the conditions holds in any lane of the warp, as an ``i1``."""
    mine = conditions[0]
    for condition in conditions[1:]:
        mine = arith.ori(mine, condition)
    text = (
        "{ .reg .pred mine, any; setp.ne.b32 mine, $1, 0; "
        "vote.sync.any.pred any, mine, 0xffffffff; selp.b32 $0, 1, 0, any; }"
    )
    found = ptx(text, "=r,r", [arith.extui(_i32(), mine)], result=_i32(), effects=True)
    return Word(found).is_equal(1)


def declare_shared() -> None:
    """Declare the dynamic shared memory of the kernels of a ``gpu.module``, whose size a launch gives."""
    bytes_ = ir.Type.parse("!llvm.array<0 x i8>")
    llvm.GlobalOp(
        ir.TypeAttr.get(bytes_),
        _SHARED,
        ir.Attribute.parse("#llvm.linkage<external>"),
        addr_space=3,
        alignment=16,
    )


def shared_memory() -> Word:
    """The address of the block's dynamic shared memory in the shared window, up to the next 1024 bytes."""
    place = llvm.AddressOfOp(ir.Type.parse("!llvm.ptr<3>"), _SHARED).result
    return (Word(llvm.ptrtoint(_i32(), place)) + 1023) & 0xFFFFFC00


def shared_pointer() -> ir.Value:
    """Where the block's dynamic shared memory begins, a multiple of 16."""
    return llvm.AddressOfOp(ir.Type.parse("!llvm.ptr<3>"), _SHARED).result


def shuffle_xor(value: ir.Value, distance: int) -> ir.Value:
    """The 32-bit ``value`` of the lane whose number differs in the bits of ``distance``."""
    f32 = isinstance(value.type, ir.F32Type)
    kind = "f" if f32 else "r"
    text = f"shfl.sync.bfly.b32 $0, $1, {distance}, 0x1f, 0xffffffff;"
    return ptx(text, f"={kind},{kind}", [value], result=value.type, effects=True)


def ptx(
    text: str,
    constraints: str = "",
    operands: Sequence[ir.Value] = (),
    *,
    result: ir.Type | None = None,
    effects: bool = False,
) -> ir.Value:
    """An instruction as text; without a result it has effects."""
    op = llvm.InlineAsmOp(result, list(operands), text, constraints, has_side_effects=effects or result is None)
    return op.results[0] if result is not None else None


# -- barriers of shared memory ----------------------------------------------------------------------------------------


def barrier_init(barrier: Word, arrivals: int) -> None:
    """Set up a barrier in shared memory that ``arrivals`` complete."""
    ptx("mbarrier.init.shared::cta.b64 [$0], $1;", "r,r", [barrier.value, word(arrivals).value])


def barrier_expect(barrier: Word, size: Operand) -> None:
    """Arrive, and let the phase wait for ``size`` bytes by the copy engine."""
    ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", "r,r,~{memory}", [barrier.value, word(size).value])


def barrier_arrive(barrier: Word) -> None:
    """Arrive at a barrier of this block."""
    ptx("mbarrier.arrive.shared::cta.b64 _, [$0];", "r,~{memory}", [barrier.value])


def barrier_arrive_if(condition: ir.Value, barrier: Word) -> None:
    """Arrive at a barrier of this block, in threads where ``condition`` holds."""
    text = "{ .reg .pred mine; setp.ne.b32 mine, $1, 0; @mine mbarrier.arrive.shared::cta.b64 _, [$0]; }"
    ptx(text, "r,r,~{memory}", [barrier.value, arith.extui(_i32(), condition)])


def barrier_arrive_at(barrier: Word, rank: Operand) -> None:
    """Arrive at the barrier at the same place in block ``rank`` of the cluster."""
    ptx(
        "{ .reg .b32 there; mapa.shared::cluster.u32 there, $0, $1; mbarrier.arrive.shared::cluster.b64 _, [there]; }",
        "r,r,~{memory}",
        [barrier.value, word(rank).value],
    )


def barrier_wait(barrier: Word, parity: Word) -> None:
    """Wait until the phase of this parity is complete."""
    ptx(
        "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1; @!done bra again; }",
        "r,r,~{memory}",
        [barrier.value, parity.value],
    )


def fence_barrier_init() -> None:
    """Show barriers just set up to the cluster and the copy engine."""
    ptx("fence.mbarrier_init.release.cluster;", "~{memory}")


def fence_async() -> None:
    """Show what was written to shared memory to the copy engine and the tensor cores."""
    ptx("fence.proxy.async.shared::cta;", "~{memory}")


def sync_block() -> None:
    """Wait for all threads of the block."""
    ptx("bar.sync 0;", "~{memory}")


def sync_warp() -> None:
    """Wait for all threads of the warp."""
    ptx("bar.warp.sync 0xffffffff;", "~{memory}")


def sync_threads(name: Operand, count: int) -> None:
    """Wait for ``count`` threads that meet at barrier ``name`` (1 to 15)."""
    ptx("bar.sync $0, $1;", "r,n,~{memory}", [word(name).value, word(count).value])


def arrive_threads(name: Operand, count: int) -> None:
    """Be one of the ``count`` threads that meet at barrier ``name``, without waiting."""
    ptx("bar.arrive $0, $1;", "r,n,~{memory}", [word(name).value, word(count).value])


def sync_cluster() -> None:
    """Wait for all threads of the cluster."""
    ptx("barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;", "~{memory}")


def meet_cluster() -> None:
    """Wait for all threads of the cluster, also where those of a warp come one by one."""
    ptx("barrier.cluster.arrive.release; barrier.cluster.wait.acquire;", "~{memory}")


def registers(count: int, *, more: bool) -> None:
    """Change the registers of each thread of the warpgroup."""
    ptx(f"setmaxnreg.{'inc' if more else 'dec'}.sync.aligned.u32 {count};")


# -- the copy engine --------------------------------------------------------------------------------------------------


def prefetch_map(tensor_map: ir.Value) -> None:
    """Fetch a tensor map."""
    ptx("prefetch.tensormap [$0];", "l,~{memory}", [tensor_map])


def copy_in(
    target: Word, tensor_map: ir.Value, coordinates: Sequence[Word], barrier: Word, blocks: Operand | None = None
) -> None:
    """Copy a box of global memory to shared memory; the bytes count at ``barrier``.

    Args:
        coordinates: innermost first.
        blocks: a mask of the blocks of the cluster that get it, each at the same place.
    """
    rank = len(coordinates)
    places = ", ".join(f"${3 + i}" for i in range(rank))
    values = [target.value, tensor_map, barrier.value, *(c.value for c in coordinates)]
    multicast, mask = "", ""
    constraints = "r,l,r" + ",r" * rank
    if blocks is not None:
        multicast, mask = ".multicast::cluster", ", mask"
        values.append(word(blocks).value)
        constraints += ",r"
    text = (
        f"cp.async.bulk.tensor.{rank}d.shared::cluster.global.mbarrier::complete_tx::bytes{multicast} "
        f"[$0], [$1, {{{places}}}], [$2]{mask};"
    )
    if blocks is not None:
        text = f"{{ .reg .b16 mask; cvt.u16.u32 mask, ${3 + rank}; {text} }}"
    ptx(text, constraints + ",~{memory}", values)


def copy_pixels_in(
    target: Word, tensor_map: ir.Value, coordinates: Sequence[Word], tap: Sequence[Word], barrier: Word
) -> None:
    """Copy a column of pixels to shared memory, each at ``tap`` (innermost first) from where it would be."""
    places = ", ".join(f"${3 + i}" for i in range(4))
    text = (
        "{ .reg .b16 across, down; cvt.u16.u32 across, $7; cvt.u16.u32 down, $8; "
        "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes "
        f"[$0], [$1, {{{places}}}], [$2], {{across, down}}; }}"
    )
    values = [target.value, tensor_map, barrier.value, *(c.value for c in (*coordinates, *tap))]
    ptx(text, "r,l,r,r,r,r,r,r,r,~{memory}", values)


def copy_out(tensor_map: ir.Value, coordinates: Sequence[Word], source: Word) -> None:
    """Copy a box of shared memory to global memory, as a part of the thread's group of copies."""
    rank = len(coordinates)
    places = ", ".join(f"${2 + i}" for i in range(rank))
    ptx(
        f"cp.async.bulk.tensor.{rank}d.global.shared::cta.bulk_group [$0, {{{places}}}], [$1];",
        "l,r" + ",r" * rank + ",~{memory}",
        [tensor_map, source.value, *(c.value for c in coordinates)],
    )


def copies_commit() -> None:
    """Close the thread's group of copies."""
    ptx("cp.async.bulk.commit_group;", "~{memory}")


def copies_wait_read(pending: int) -> None:
    """Wait until all but ``pending`` groups have read their shared memory."""
    ptx(f"cp.async.bulk.wait_group.read {pending};", "~{memory}")


# -- tensor cores -----------------------------------------------------------------------------------------------------


def store_matrices(address: Word, parts: Sequence[ir.Value]) -> None:
    """``stmatrix.x4``: four 8x8 matrices of 16 bits; lanes 8 i to 8 i + 7 give their addresses."""
    ptx(
        "stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], {$1, $2, $3, $4};",
        "r,r,r,r,r,~{memory}",
        [address.value, *parts],
    )


def pack_halves(first: ir.Value, second: ir.Value, kind: ir.Type) -> ir.Value:
    """Two f32 rounded to f16 or bf16, the first in the lower half of an ``i32``."""
    name = "bf16x2" if isinstance(kind, ir.BF16Type) else "f16x2"
    return ptx(f"cvt.rn.{name}.f32 $0, $2, $1;", "=r,f,f", [first, second], result=_i32())


def pack_bytes(first: ir.Value, second: ir.Value) -> ir.Value:
    """Two i32 saturated to 8 bits, the first in the lowest byte of an ``i32``."""
    return ptx("cvt.pack.sat.s8.s32.b32 $0, $2, $1, 0;", "=r,r,r", [first, second], result=_i32())


def _i32() -> ir.Type:
    return ir.IntegerType.get_signless(32)


def _narrow(value: ir.Value) -> ir.Value:
    return arith.index_cast(_i32(), value)
