"""Pass names and where their classes live; a pass is imported when it is first used.

Adding a pass: its file, one line here, its test. Plugins call :func:`register`.
"""

from __future__ import annotations

import importlib

from stepwell.passes.base import Pass
from stepwell.support.errors import UnknownPassError, UsageError
from stepwell.support.plugins import load_installed

PASSES: dict[str, str | type[Pass]] = {
    # any level
    "check-level": "stepwell.passes.check_level:CheckLevel",
    "hoist": "stepwell.passes.hoist:Hoist",
    # graph
    "decompose": "stepwell.passes.graph.decompose:Decompose",
    "fold-batch-norm": "stepwell.passes.graph.fold_batch_norm:FoldBatchNorm",
    "fold-empty": "stepwell.passes.graph.fold_empty:FoldEmpty",
    "join-biases": "stepwell.passes.graph.join_biases:JoinBiases",
    "join-scales": "stepwell.passes.graph.join_scales:JoinScales",
    "quantised-to-numeric": "stepwell.passes.graph.quantised_to_numeric:QuantisedToNumeric",
    "quantize": "stepwell.passes.graph.quantize:Quantize",
    "select-values": "stepwell.passes.graph.select_values:SelectValues",
    "simplify": "stepwell.passes.graph.simplify:Simplify",
    "split-moments": "stepwell.passes.graph.split_moments:SplitMoments",
    "split-products": "stepwell.passes.graph.split_products:SplitProducts",
    "sign-integers": "stepwell.passes.graph.sign_integers:SignIntegers",
    "widen-bytes": "stepwell.passes.graph.widen_bytes:WidenBytes",
    "widen-float8": "stepwell.passes.graph.widen_float8:WidenFloat8",
    "lower-views": "stepwell.passes.graph.lower_views:LowerViews",
    "cut-operators": "stepwell.passes.graph.cut_operators:CutOperators",
    # tensor
    "bound-shifts": "stepwell.passes.tensor.bound_shifts:BoundShifts",
    "check-divisors": "stepwell.passes.tensor.check_divisors:CheckDivisors",
    "check-indices": "stepwell.passes.tensor.check_indices:CheckIndices",
    "winograd-convolutions": "stepwell.passes.tensor.winograd_convolutions:WinogradConvolutions",
    "pad": "stepwell.passes.tensor.pad:Pad",
    "check-shapes": "stepwell.passes.tensor.check_shapes:CheckShapes",
    "drop-torch-attributes": "stepwell.passes.tensor.drop_torch_attributes:DropTorchAttributes",
    "split-prepare": "stepwell.passes.tensor.split_prepare:SplitPrepare",
    "convolutions-to-products": "stepwell.passes.tensor.convolutions_to_products:ConvolutionsToProducts",
    "space-to-depth": "stepwell.passes.tensor.space_to_depth:SpaceToDepth",
    "propagate-layouts": "stepwell.passes.tensor.propagate_layouts:PropagateLayouts",
    "fuse": "stepwell.passes.tensor.fuse:Fuse",
    "flush-softmax": "stepwell.passes.tensor.flush_softmax:FlushSoftmax",
    "fuse-attention": "stepwell.passes.tensor.fuse_attention:FuseAttention",
    "share-reciprocal": "stepwell.passes.tensor.share_reciprocal:ShareReciprocal",
    "sink-assertions": "stepwell.passes.tensor.sink_assertions:SinkAssertions",
    "split-reductions": "stepwell.passes.tensor.split_reductions:SplitReductions",
    "tile": "stepwell.passes.tensor.tile:Tile",
    "vectorize": "stepwell.passes.tensor.vectorize:Vectorize",
    "pack": "stepwell.passes.tensor.pack:Pack",
    "pack-convolutions": "stepwell.passes.tensor.pack_convolutions:PackConvolutions",
    "lower-tm-tensor": "stepwell.passes.tensor.lower_tm_tensor:LowerTmTensor",
    "exact-positions": "stepwell.passes.tensor.exact_positions:ExactPositions",
    "exact-extrema": "stepwell.passes.tensor.exact_extrema:ExactExtrema",
    "widen-arithmetic": "stepwell.passes.tensor.widen_arithmetic:WidenArithmetic",
    "widen-sums": "stepwell.passes.tensor.widen_sums:WidenSums",
    "matmul-to-matvec": "stepwell.passes.tensor.matmul_to_matvec:MatmulToMatvec",
    "narrow-products": "stepwell.passes.tensor.narrow_products:NarrowProducts",
    "fold-transposes": "stepwell.passes.tensor.fold_transposes:FoldTransposes",
    "split-scatters": "stepwell.passes.tensor.split_scatters:SplitScatters",
    "contiguous-depth": "stepwell.passes.tensor.contiguous_depth:ContiguousDepth",
    "detach-prepare": "stepwell.passes.tensor.detach_prepare:DetachPrepare",
    "join-operators": "stepwell.passes.tensor.join_operators:JoinOperators",
    # hardware
    "affine-to-stream": "stepwell.passes.hardware.affine_to_stream:AffineToStream",
    "balance-sums": "stepwell.passes.hardware.balance_sums:BalanceSums",
    "copy-memories": "stepwell.passes.hardware.copy_memories:CopyMemories",
    "bank-memories": "stepwell.passes.hardware.bank_memories:BankMemories",
    "bind-parameters": "stepwell.passes.hardware.bind_parameters:BindParameters",
    "fold-views": "stepwell.passes.hardware.fold_views:FoldViews",
    "forward-stores": "stepwell.passes.hardware.forward_stores:ForwardStores",
    "fuse-nests": "stepwell.passes.hardware.fuse_nests:FuseNests",
    "inline-graphs": "stepwell.passes.hardware.inline_graphs:InlineGraphs",
    "initialise-memories": "stepwell.passes.hardware.initialise_memories:InitialiseMemories",
    "linalg-to-stream": "stepwell.passes.hardware.linalg_to_stream:LinalgToStream",
    "narrow-loops": "stepwell.passes.hardware.narrow_loops:NarrowLoops",
    "numeric-to-stream": "stepwell.passes.hardware.numeric_to_stream:NumericToStream",
    "balance": "stepwell.backends.hls.passes.balance:Balance",
    "pipeline-components": "stepwell.backends.hls.passes.pipeline_components:PipelineComponents",
    "promote-accumulators": "stepwell.passes.hardware.promote_accumulators:PromoteAccumulators",
    "schedule-loops": "stepwell.passes.hardware.schedule_loops:ScheduleLoops",
    "unroll-nests": "stepwell.passes.hardware.unroll_nests:UnrollNests",
    "size-fifos": "stepwell.backends.hls.passes.size_fifos:SizeFifos",
    # buffer
    "bind-outputs": "stepwell.passes.buffer.bind_outputs:BindOutputs",
    "bufferize": "stepwell.passes.buffer.bufferize:Bufferize",
    "linalg-to-affine": "stepwell.passes.buffer.linalg_to_affine:LinalgToAffine",
    "unroll": "stepwell.passes.buffer.unroll:Unroll",
    "unroll-and-jam": "stepwell.passes.buffer.unroll_and_jam:UnrollAndJam",
    "vectorize-contractions": "stepwell.passes.buffer.vectorize_contractions:VectorizeContractions",
    "vectorize-convolutions": "stepwell.passes.buffer.vectorize_convolutions:VectorizeConvolutions",
    "free-buffers": "stepwell.passes.buffer.free_buffers:FreeBuffers",
    "place-parameters": "stepwell.passes.buffer.place_parameters:PlaceParameters",
    "plan-memory": "stepwell.passes.buffer.plan_memory:PlanMemory",
    "declare-entries": "stepwell.passes.buffer.declare_entries:DeclareEntries",
    "gpu-to-loops": "stepwell.passes.buffer.gpu_to_loops:GpuToLoops",
    "lower-kernels": "stepwell.backends.cuda.passes.lower_kernels:LowerKernels",
    "outline-kernels": "stepwell.passes.tensor.outline_kernels:OutlineKernels",
    "plan-launches": "stepwell.passes.buffer.plan_launches:PlanLaunches",
    "instrument": "stepwell.passes.buffer.instrument:Instrument",
    "lower-assert": "stepwell.passes.buffer.lower_assert:LowerAssert",
    "expand-copy": "stepwell.passes.buffer.expand_copy:ExpandCopy",
    "parallelize-loops": "stepwell.passes.buffer.parallelize_loops:ParallelizeLoops",
    "outline-parallel-loops": "stepwell.passes.buffer.outline_parallel_loops:OutlineParallelLoops",
    "outline-loops": "stepwell.passes.buffer.outline_loops:OutlineLoops",
    "vectorize-rows": "stepwell.passes.buffer.vectorize_rows:VectorizeRows",
    "vectorize-transposes": "stepwell.passes.buffer.vectorize_transposes:VectorizeTransposes",
    "fuse-rows": "stepwell.passes.buffer.fuse_rows:FuseRows",
    "expand-float8": "stepwell.passes.buffer.expand_float8:ExpandFloat8",
    "expand-math": "stepwell.passes.buffer.expand_math:ExpandMath",
    "set-fp-policy": "stepwell.passes.buffer.set_fp_policy:SetFpPolicy",
    "set-index-width": "stepwell.passes.buffer.set_index_width:SetIndexWidth",
}


def register(cls: type[Pass]) -> type[Pass]:
    """Make a user's pass known by its name; usable as a decorator.

    Raises:
        UsageError: the name is taken by another class.
    """
    known = PASSES.get(cls.name)
    if known is not None and known is not cls:
        raise UsageError(f"a pass named '{cls.name}' is registered already", hint="choose another name")
    PASSES[cls.name] = cls
    return cls


def is_registered(name: str) -> bool:
    """Whether ``name`` is one of our passes (not an upstream one)."""
    if name not in PASSES:
        load_installed()
    return name in PASSES


def lookup(name: str) -> type[Pass]:
    """The class of the pass called ``name``."""
    entry = PASSES.get(name) if is_registered(name) else None
    if entry is None:
        raise UnknownPassError(name)
    if isinstance(entry, str):
        module, _, attribute = entry.partition(":")
        entry = getattr(importlib.import_module(module), attribute)
        assert isinstance(entry, type) and issubclass(entry, Pass)
        PASSES[name] = entry
    return entry


def names() -> list[str]:
    """All our pass names, and those of installed plugins, sorted."""
    load_installed()
    return sorted(PASSES)
