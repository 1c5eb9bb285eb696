"""Messages of declare-entries on entries that can't be called."""

import pytest
from torch_mlir import ir

from stepwell.dialects.context import make_context
from stepwell.passes.base import PassContext
from stepwell.passes.buffer.declare_entries import DeclareEntries
from stepwell.support.errors import PassError


def declare(arguments: str) -> None:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(f"func.func @main({arguments}) {{ return }}")
    DeclareEntries().run(module.operation, PassContext())


def test_an_argument_that_is_no_memref() -> None:
    with pytest.raises(PassError, match="argument 1 of @main is no memref but index") as failure:
        declare("%x: memref<f32>, %n: index")
    assert "bufferize" in str(failure.value)


def test_arguments_out_of_order() -> None:
    arguments = '%a: memref<8xi8> {stepwell.arena}, %x: memref<f32> {stepwell.input = "x"}'
    with pytest.raises(PassError, match=r"argument 1 of @main \(input\) stands behind an argument that must follow it"):
        declare(arguments)


def test_two_arenas() -> None:
    with pytest.raises(PassError, match=r"argument 1 of @main \(arena\)"):
        declare("%a: memref<8xi8> {stepwell.arena}, %b: memref<8xi8> {stepwell.arena}")
