"""Code in pieces: what moves, what stays, that pieces together are the whole, and that nothing else decides on them."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch_mlir import ir

import stepwell
from stepwell.backends.llvm.codegen import generate_objects
from stepwell.backends.llvm.cpu import host
from stepwell.backends.llvm.library import in_threads
from stepwell.backends.llvm.link import LoadedObject
from stepwell.backends.llvm.pieces import split
from stepwell.dialects.context import make_context
from stepwell.driver.request import Request
from stepwell.support.errors import CodegenError

TEXT = """target triple = "x86_64"
%pair = type { i32, i32 }
@table = private unnamed_addr constant [2 x i32] [i32 3, i32 4]
@count = internal global i32 0
@model = constant ptr @main
@llvm.compiler.used = appending global [1 x ptr] [ptr @__extend]
declare i32 @outside(i32)
define i32 @main(i32 %x) {
  %a = call i32 @reads(i32 %x)
  %b = call i32 @counts(i32 %a)
  %c = call i32 @asks(i32 %b)
  ret i32 %c
}
define hidden i32 @reads(i32 %x) #0 {
  %v = load i32, ptr @table
  %w = call i32 @helper(i32 %v)
  ret i32 %w
}
define hidden i32 @counts(i32 %x) #0 {
  %v = load i32, ptr @count
  ret i32 %v
}
define hidden i32 @asks(i32 %x) #0 {
  %v = call i32 @outside(i32 %x)
  %w = call i32 @reads(i32 %v)
  ret i32 %w
}
define internal i32 @helper(i32 %x) {
  ret i32 %x
}
define linkonce_odr hidden i32 @__extend(i32 %x) {
  ret i32 %x
}
attributes #0 = { noinline }
"""
FREE = {"reads", "counts", "asks"}


def defined(piece: str) -> set[str]:
    return set(re.findall(r"^define .*?@(\w+)\(", piece, re.MULTILINE))


def test_what_moves_and_what_stays() -> None:
    first, second, third, fourth = split(TEXT, FREE, 4)
    # Whoever uses a variable stays with it.
    assert defined(first) == {"main", "counts", "helper", "__extend"}
    assert [defined(piece) for piece in (second, third)] == [{"asks", "__extend"}, {"reads", "helper", "__extend"}]
    assert defined(fourth) == {"__extend"}
    assert "declare hidden i32 @reads(i32 %x) #0\n" in first and "declare hidden i32 @asks" in first
    assert "declare hidden i32 @reads" in second and "@table" not in second and "@model" not in second
    assert "@table = private" in third and "@count" not in third and "declare hidden" not in third
    for piece in (first, second, third, fourth):
        assert "@llvm.compiler.used" in piece and "declare i32 @outside" in piece and "attributes #0" in piece


def test_what_is_not_free_stays() -> None:
    assert split(TEXT, set(), 2)[0] == TEXT
    assert defined(split(TEXT, {"reads"}, 2)[0]) == {"main", "counts", "asks", "helper", "__extend"}


def test_nothing_moves_where_every_piece_would_need_a_variable() -> None:
    text = TEXT.replace("[ptr @__extend]", "[ptr @count]")
    assert split(text, FREE, 2)[0] == text


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.backends.llvm.codegen._PIECE", 200)


#: 3 * (x + 1) + 2 * (x + 1), by functions that are never inlined; the factor is known to all who call.
NESTS = """
llvm.func internal @nest0(%x: f64, %factor: f64) -> f64 attributes {no_inline} {
  %y = llvm.call @nest1(%x) : (f64) -> f64
  %z = llvm.fmul %y, %factor : f64
  llvm.return %z : f64
}
llvm.func internal @nest1(%x: f64) -> f64 attributes {no_inline} {
  %one = llvm.mlir.constant(1.0 : f64) : f64
  %y = llvm.fadd %x, %one : f64
  llvm.return %y : f64
}
llvm.func internal @nest2(%x: f64) -> f64 attributes {no_inline} {
  %y = llvm.call @nest1(%x) : (f64) -> f64
  %z = llvm.fadd %y, %y : f64
  llvm.return %z : f64
}
llvm.func @main(%x: f64) -> f64 {
  %three = llvm.mlir.constant(3.0 : f64) : f64
  %a = llvm.call @nest0(%x, %three) : (f64, f64) -> f64
  %b = llvm.call @nest2(%x) : (f64) -> f64
  %c = llvm.fadd %a, %b : f64
  llvm.return %c : f64
}"""


def objects(text: str, **options: int) -> list[bytes]:
    with make_context(torch=False), ir.Location.unknown():
        return generate_objects(ir.Module.parse(text), host(), exports=["main"], **options)


def run(code: list[bytes]) -> float:
    loaded = LoadedObject(code, {}, exports=["main"])
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(loaded.address("main"))
    return float(function(1.5))


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("cores", [1, 2, 5])
def test_processors_do_not_decide_on_the_bytes(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = objects(NESTS)
    monkeypatch.setattr("stepwell.backends.llvm.library._cores", lambda: cores)
    assert objects(NESTS) == expected
    assert len(expected) > 1 and run(expected) == 12.5


def test_what_is_small_or_not_optimised_is_one_object(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(objects(NESTS)) == 1
    monkeypatch.setattr("stepwell.backends.llvm.codegen._PIECE", 200)
    one = objects(NESTS, opt_level=1)
    assert len(one) == 1 and run(one) == 12.5


@pytest.mark.usefixtures("small_pieces")
def test_a_model_in_pieces(tmp_path: Path) -> None:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(20, 30), torch.nn.GELU(), torch.nn.LayerNorm(30), torch.nn.Linear(30, 7)]
    model, x = torch.nn.Sequential(*layers, torch.nn.Softmax(-1)).eval(), torch.randn(9, 20)
    f = stepwell.compile(model, (x,), cache=False)
    assert list(f.code.files) == ["model.o", *(f"model.{number}.o" for number in range(1, len(f.code.files)))]
    f.save(tmp_path / "first")
    stepwell.compile(model, (x,), cache=False).save(tmp_path / "second")
    assert (tmp_path / "first/model.so").read_bytes() == (tmp_path / "second/model.so").read_bytes()
    for executable in (f, stepwell.load(tmp_path / "first")):
        torch.testing.assert_close(executable(x), model(x))
    assert len(f.code.files) > 1


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("form", "names"), [("o", {"model.o"}), ("a", {"model.o"}), ("so", None)])
def test_what_people_link_themselves_is_one_piece(form: str, names: set[str] | None) -> None:
    exported = torch.export.export(torch.nn.Softmax(-1), (torch.randn(9, 20),))
    files = Request(exported, (), None, "cpu", None, None, None).compile((form,)).code.files
    assert set(files) == names if names else len(files) > 1


def test_threads_keep_the_order_and_give_the_first_error() -> None:
    assert in_threads(lambda x: x * x, [3, 1, 2]) == [9, 1, 4]
    assert in_threads(lambda x: x, []) == []
    work: Callable[[int], float] = lambda x: 1 / x  # noqa: E731
    with pytest.raises(ZeroDivisionError):
        in_threads(work, [1, 0, 2])


@pytest.mark.usefixtures("small_pieces")
def test_a_piece_that_llvm_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stepwell.backends.llvm.codegen.split", lambda text, free, count: ["nonsense", text])
    with pytest.raises(CodegenError, match="LLVM refused the generated code"):
        objects(NESTS)
