"""A plugin of passes that fail, crash, hang, or compute something else, wherever a multiplication is."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch_mlir import ir

from stepwell.passes.base import Pass, PassContext
from stepwell.passes.registry import register
from stepwell.support.errors import PassError
from stepwell.support.walk import operations


def _products(root: ir.Operation) -> list[ir.Operation]:
    return [op for op in operations(root) if op.name in ("arith.mulf", "torch.aten.mul.Tensor")]


def _pass(pass_name: str, happens: Callable[[list[ir.Operation]], None]) -> None:
    @register
    @dataclass
    class Failing(Pass):
        name: ClassVar[str] = pass_name
        summary: ClassVar[str] = "does not do well on products"

        def run(self, op: ir.Operation, context: PassContext) -> None:
            found = _products(op)
            if found:
                happens(found)


def _fail(products: list[ir.Operation]) -> None:
    raise PassError(f"can't multiply {len(products)} times", where=str(products[0].location))


def _subtract(products: list[ir.Operation]) -> None:
    for op in products:
        op.operands[1] = op.operands[0]


_pass("fail-on-products", _fail)
_pass("abort-on-products", lambda products: os.abort())
_pass("hang-on-products", lambda products: time.sleep(1000))
_pass("square-products", _subtract)
