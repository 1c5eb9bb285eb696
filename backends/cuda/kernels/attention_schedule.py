"""What an attention kernel computes, how it is cut, and where its parts lie in shared memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.backends.cuda.kernels.tensor_cores import DEPTH, ROW_BYTES, ROWS, WARPGROUP
from stepwell.passes.schedules.base import Schedule

PART = ROW_BYTES // 2
"""Of a head, in one box of a tensor map."""

_ALIGNMENT = 1024
_SHARED_LIMIT = 227 * 1024
_HEAD_LIMIT = 256
_OTHER_REGISTERS = 16
"""Of a thread that multiplies, beside what it multiplies: the least."""

_REGISTERS = {1: (24, 240), 2: (24, 240), 3: (32, 160)}


@dataclass(frozen=True)
class AttentionProblem:
    """What is computed.

    Attributes:
        head: the size of a head.
        element: of queries, keys, values and results, ``bf16`` or ``f16``.
        causal: whether query i sees keys up to i plus the kernel's ``diagonal`` only.
        closed: whether a query that no key counts for gets zeros; NaN otherwise.
    """

    head: int
    element: str = "bf16"
    causal: bool = False
    closed: bool = True

    @property
    def parts(self) -> int:
        """Boxes that a head's numbers are copied in; what is beyond the head is zero."""
        return -(-self.head // PART)

    @property
    def steps(self) -> int:
        """Products that a score takes."""
        return -(-self.head // DEPTH)

    def element_type(self) -> ir.Type:
        """The type of the elements."""
        return {"bf16": ir.BF16Type, "f16": ir.F16Type}[self.element].get()

    def check(self) -> None:
        """Raise ValueError where no kernel can be built."""
        if self.head % 8 or not 8 <= self.head <= _HEAD_LIMIT:
            raise ValueError(f"a head has a multiple of 8 numbers, up to {_HEAD_LIMIT}, not {self.head}")
        if self.element not in ("bf16", "f16"):
            raise ValueError(f"attention is computed in bf16 and f16, not {self.element}")


@dataclass(frozen=True)
class AttentionSchedule(Schedule):
    """How attention is cut.

    Attributes:
        keys: whose scores are computed at a time.
        consumers: warpgroups that multiply, each with 64 queries.
        stages: of keys in shared memory, and as many of values.
        query_stages: of queries in shared memory; with two the next ones come early.
        staging: whether results have memory of their own on their way out, or go where their queries were.
        turns: whether the warpgroups take turns on the tensor cores, so that one's softmax meets another's products.
    """

    kind: ClassVar[str] = "cuda-attention"
    zeros: ClassVar[frozenset[str]] = frozenset({"staging", "turns"})

    keys: int = 128
    consumers: int = 2
    stages: int = 2
    query_stages: int = 2
    staging: bool = True
    turns: bool = True

    @property
    def queries(self) -> int:
        """Of a block at a time."""
        return ROWS * self.consumers

    @property
    def threads(self) -> int:
        """Of a block."""
        return WARPGROUP * (self.consumers + 1)

    @property
    def registers(self) -> tuple[int, int]:
        """Of a thread that loads and of one that multiplies."""
        return _REGISTERS[self.consumers]

    def check(self, problem: AttentionProblem) -> None:
        """Raise ValueError where the parts do not fit each other or the chip."""
        if self.keys % DEPTH or not DEPTH <= self.keys <= 256:
            raise ValueError(f"keys at a time are a multiple of {DEPTH} up to 256, not {self.keys}")
        if self.consumers not in _REGISTERS:
            raise ValueError(f"1 to {max(_REGISTERS)} warpgroups multiply, not {self.consumers}")
        if self.stages < 2:
            raise ValueError("the next keys are multiplied before the last values: two stages are the least")
        numbers = self.keys * 3 // 4 + problem.head // 2
        if numbers + _OTHER_REGISTERS > self.registers[1]:
            raise ValueError(
                f"scores, weights and results take {numbers} of a thread's {self.registers[1]} registers: "
                "take fewer keys at a time or fewer warpgroups"
            )
        size = Layout(problem, self).size
        if size > _SHARED_LIMIT:
            raise ValueError(f"{size} bytes of shared memory are more than {_SHARED_LIMIT}")


def choose_schedule(problem: AttentionProblem, *, adjusted: bool = False) -> AttentionSchedule:
    """The schedule for a problem; measured for heads of 64 and 128.

    Args:
        adjusted: whether something adjusts the scores, which takes registers.
    """
    problem.check()
    if problem.head <= PART:
        return AttentionSchedule() if adjusted else AttentionSchedule(consumers=3, stages=3)
    if problem.head <= 2 * PART:
        return AttentionSchedule(keys=96) if adjusted else AttentionSchedule()
    keys, fewer = (112, 64) if problem.head <= 3 * PART else (64, 32)
    return AttentionSchedule(keys=fewer if adjusted else keys, query_stages=1, staging=False)


def planes_together(problem: AttentionProblem, multiprocessors: int) -> int:
    """How many planes at most are worked on at a time: few enough for the L2 cache, enough for an even load."""
    return max(1, multiprocessors // 4) if problem.causal else 1


@dataclass(frozen=True)
class Layout:
    """Where things are in shared memory, in bytes; a tile is a part of 128 bytes a row below the other."""

    problem: AttentionProblem
    schedule: AttentionSchedule

    @property
    def query_bytes(self) -> int:
        """Of the queries of a block in a stage; these are first."""
        return self.problem.parts * self.schedule.queries * ROW_BYTES

    @property
    def tile_bytes(self) -> int:
        """Of the keys in a stage, and of the values."""
        return self.problem.parts * self.schedule.keys * ROW_BYTES

    @property
    def keys(self) -> int:
        """The first stage of keys."""
        return self.schedule.query_stages * self.query_bytes

    @property
    def values(self) -> int:
        """The first stage of values."""
        return self.keys + self.schedule.stages * self.tile_bytes

    @property
    def results(self) -> int:
        """Results on their way out."""
        return self.values + self.schedule.stages * self.tile_bytes

    @property
    def barriers(self) -> int:
        """Where the barriers begin: two a stage of queries, four a stage of keys."""
        return self.results + (self.query_bytes if self.schedule.staging else 0)

    @property
    def size(self) -> int:
        """Dynamic shared memory of a block, with what aligning it may take."""
        return self.barriers + 8 * (2 * self.schedule.query_stages + 4 * self.schedule.stages) + _ALIGNMENT
