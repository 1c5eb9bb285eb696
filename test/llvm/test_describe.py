"""The model descriptor, read back by C code that includes the runtime's own header; and linking."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from torch_mlir import ir

from stepwell.backends.llvm.codegen import generate
from stepwell.backends.llvm.cpu import host
from stepwell.backends.llvm.describe import (
    ABI_VERSION,
    EntryArguments,
    ParameterPlace,
    describe_model,
    dlpack_type,
    read_entries,
    read_layout,
)
from stepwell.backends.llvm.link import LoadedObject, link_shared
from stepwell.backends.llvm.lower import lowering_stage
from stepwell.backends.llvm.toolchain import find_compiler
from stepwell.dialects.context import make_context
from stepwell.passes.pipeline import Pipeline
from stepwell.passes.runner import run_pipeline
from stepwell.support.errors import CodegenError
from stepwell.support.signature import Dim, Signature, SymbolRange, TensorSpec

INCLUDE = Path(__file__).parents[2] / "runtime" / "include"

MODEL = """
module attributes {stepwell.layout = {w = 64 : i64}} {
  func.func @main(%x: memref<?x3xf32> {stepwell.input = "x"}, %s: memref<i64> {stepwell.state = "count"},
                  %p: memref<128xi8> {stepwell.parameters}) {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c64 = arith.constant 64 : index
    %n = memref.dim %x, %c0 : memref<?x3xf32>
    %w = memref.view %p[%c64][] : memref<128xi8> to memref<f32>
    %b = memref.load %w[] : memref<f32>
    scf.for %i = %c0 to %n step %c1 {
      %v = memref.load %x[%i, %c1] : memref<?x3xf32>
      %y = arith.addf %v, %b : f32
      memref.store %y, %x[%i, %c1] : memref<?x3xf32>
    }
    %old = memref.load %s[] : memref<i64>
    %one = arith.constant 1 : i64
    %new = arith.addi %old, %one : i64
    memref.store %new, %s[] : memref<i64>
    return
  }
}"""

SIGNATURE = Signature(
    inputs=(TensorSpec("x", "f32", (Dim("n", 2, -1), 3)),),
    states=(TensorSpec("count", "i64", ()),),
    results=(TensorSpec("0", "bf16", (Dim(None), 7)), TensorSpec("1", "i1", ())),
    symbols={"n": SymbolRange(1, 9), "m": SymbolRange(0, None)},
)

PLACES = [ParameterPlace("w", 64, 4, "f32"), ParameterPlace('odd "name"\n', 0, 3, "ui8")]

READER = r"""
#include <stdio.h>
#include "stepwell/abi.h"
static void tensors(const sw_tensor_desc *t, uint32_t n) {
  for (uint32_t i = 0; i < n; i++) {
    printf("%s %d %d:", t[i].name, t[i].dtype_code, t[i].dtype_bits);
    for (int d = 0; d < t[i].rank; d++)
      printf(" %d,%lld,%lld", t[i].sizes[d].symbol, (long long)t[i].sizes[d].scale, (long long)t[i].sizes[d].offset);
    printf("\n");
  }
}
void show(const sw_model_desc *m) {
  printf("%u %u %u %llu %s %s %s\n", m->abi_version, m->n_entries, m->n_parameters,
         (unsigned long long)m->parameter_bytes, m->parameter_digest, m->triple, m->cpu_name);
  const sw_entry_desc *e = m->entries;
  printf("%s %llu %u\n", e->name, (unsigned long long)e->arena_bytes, e->flags);
  tensors(e->inputs, e->n_inputs);
  tensors(e->states, e->n_states);
  tensors(e->outputs, e->n_outputs);
  for (uint32_t i = 0; i < e->n_symbols; i++)
    printf("%s %lld %lld\n", e->symbols[i].name, (long long)e->symbols[i].min, (long long)e->symbols[i].max);
  for (uint32_t i = 0; i < m->n_parameters; i++) {
    const sw_parameter_desc *p = m->parameters + i;
    printf("%s %llu %llu %d %d\n", p->name, (unsigned long long)p->offset, (unsigned long long)p->bytes,
           p->dtype_code, p->dtype_bits);
  }
  fflush(stdout);
}
#ifdef PROGRAM
int main(void) { show(&stepwell_model); return 0; }
#endif
"""


def lowered() -> ir.Module:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse(MODEL)
    run_pipeline(Pipeline([lowering_stage()]), module)
    return module


def build() -> bytes:
    module = lowered()
    text = describe_model(
        read_entries(module),
        {"main": SIGNATURE},
        host(),
        parameters=PLACES,
        parameter_bytes=128,
        parameter_digest="cafe",
    )
    return generate(module, host(), extra=[text])["o"]


def test_notes_survive_lowering() -> None:
    module = lowered()
    assert read_entries(module) == {"main": EntryArguments(inputs=1, states=1, parameters=128)}
    assert read_entries(module)["main"].count == 3
    assert read_layout(module) == {"w": 64}


def test_c_reads_the_descriptor(tmp_path: Path) -> None:
    (tmp_path / "model.o").write_bytes(build())
    (tmp_path / "reader.c").write_text(READER)
    command = [*find_compiler(), "-DPROGRAM", f"-I{INCLUDE}", "reader.c", "model.o", "-o", "reader", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    shown = subprocess.run([tmp_path / "reader"], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [
        f"{ABI_VERSION} 1 2 128 cafe {host().triple} {host().name}",
        "main 0 1",
        "x 2 32: 0,2,-1 -1,0,3",
        "count 0 64:",
        "0 4 16: -2,0,0 -1,0,7",
        "1 6 8:",
        "n 1 9",
        f"m 0 {2**63 - 1}",
        "w 64 4 2 32",
        'odd "name"',
        " 0 3 1 8",
    ]


def test_the_entry_runs_in_process() -> None:
    loaded = LoadedObject([build()], {})
    model = (ctypes.c_uint64 * 9).from_address(loaded.address("stepwell_model"))
    entry = (ctypes.c_uint64 * 10).from_address(model[1])
    function = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(entry[1])
    x, count, parameters = np.zeros((2, 3), np.float32), np.array(41), np.zeros(128, np.int8)
    parameters[64:68] = np.array([1.5], np.float32).view(np.int8)
    words = [
        np.array([a.ctypes.data, a.ctypes.data, 0, *a.shape, *(s // a.itemsize for s in a.strides)], np.int64)
        for a in (x, count, parameters)
    ]
    assert function((ctypes.c_void_p * 3)(*[w.ctypes.data for w in words])) == 0
    np.testing.assert_array_equal(x, [[0, 1.5, 0], [0, 1.5, 0]])
    assert count == 42


def make_archive(folder: Path) -> Path:
    (folder / "runtime.c").write_text(READER)
    subprocess.run([*find_compiler(), f"-I{INCLUDE}", "-fPIC", "-c", "runtime.c"], cwd=folder, check=True)
    subprocess.run(["ar", "rcsD", "libruntime.a", "runtime.o"], cwd=folder, check=True)
    return folder / "libruntime.a"


@pytest.mark.skipif(shutil.which("ar") is None, reason="needs ar")
def test_a_shared_library_holds_model_and_runtime(tmp_path: Path) -> None:
    archive, code = make_archive(tmp_path).read_bytes(), build()
    library = link_shared([code], archive, host())
    assert library == link_shared([code], archive, host())
    (tmp_path / "model.so").write_bytes(library)
    loaded = ctypes.CDLL(str(tmp_path / "model.so"))
    assert ctypes.c_uint32.in_dll(loaded, "stepwell_model").value == ABI_VERSION
    assert loaded.show
    assert str(tmp_path).encode() not in library


def test_code_that_does_not_load() -> None:
    with make_context(torch=False), ir.Location.unknown():
        module = ir.Module.parse("""
          llvm.func @nowhere_to_be_found()
          llvm.func @main() {
            llvm.call @nowhere_to_be_found() : () -> ()
            llvm.return
          }""")
    code = generate(module, host(), exports=["main"])["o"]
    with pytest.raises(CodegenError, match="could not be loaded"):
        LoadedObject([code], {}, exports=["main"])
    with pytest.raises(CodegenError, match="could not be loaded"):
        LoadedObject([b"no object"], {}, exports=["main"])


def test_entries_that_do_not_fit_their_signature() -> None:
    with pytest.raises(CodegenError, match="entry 'main' has no signature"):
        describe_model({"main": EntryArguments(0, 0)}, {}, host())
    with pytest.raises(CodegenError, match="takes 2 inputs and 0 states, its signature says 1 and 1"):
        describe_model({"main": EntryArguments(2, 0)}, {"main": SIGNATURE}, host())
    loose = Signature(inputs=(TensorSpec("x", "f32", (Dim("q"),)),), results=())
    with pytest.raises(CodegenError, match="size 'q' of 'x' uses a symbol"):
        describe_model({"main": EntryArguments(1, 0)}, {"main": loose}, host())
    with make_context(torch=False), ir.Location.unknown(), pytest.raises(CodegenError, match="does not say"):
        read_entries(ir.Module.create())


def test_dtypes() -> None:
    expected = {"i1": (6, 8), "i8": (0, 8), "ui8": (1, 8), "i64": (0, 64), "f16": (2, 16), "bf16": (4, 16)}
    expected |= {"f32": (2, 32), "f64": (2, 64), "f8E5M2": (12, 8), "f8E4M3FN": (10, 8)}
    assert {name: dlpack_type(name) for name in expected} == expected
    with pytest.raises(CodegenError, match="can't cross the boundary"):
        dlpack_type("complex<f32>")
