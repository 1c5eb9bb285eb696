"""Machine code: formats, targets, determinism, what is refused."""

import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from torch_mlir import ir

from stepwell.backends.llvm.codegen import generate
from stepwell.backends.llvm.cpu import Cpu, host
from stepwell.dialects.context import make_context
from stepwell.support.errors import CodegenError, UsageError

SQUARE = """
llvm.func @main(%x: f32) -> f32 {
  %y = llvm.fmul %x, %x : f32
  llvm.return %y : f32
}"""


def parse(text: str) -> ir.Module:
    context = make_context(torch=False, allow_unregistered=True)
    with context, ir.Location.unknown():
        return ir.Module.parse(text)


def test_formats() -> None:
    code = generate(parse(SQUARE), host(), exports=["main"], formats=("ll", "s", "o"))
    assert b"fmul float" in code["ll"]
    assert b"main:" in code["s"]
    assert code["o"].startswith(b"\x7fELF")
    assert list(generate(parse(SQUARE), host())) == ["o"]


def test_what_is_not_exported_goes() -> None:
    assert b"define" not in generate(parse(SQUARE), host(), formats=["ll"])["ll"]


def test_equal_input_gives_equal_bytes() -> None:
    first, second = (generate(parse(SQUARE), host(), exports=["main"], formats=("ll", "s", "o")) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("triple", "cpu", "instruction"),
    [
        ("aarch64-linux-gnu", "cortex-a72", b"fmul\ts0, s0, s0"),
        ("riscv64-linux-gnu", "generic-rv64", b"__mulsf3"),
        ("x86_64-linux-gnu", "x86-64-v3", b"vmulss\t%xmm0, %xmm0, %xmm0"),
    ],
)
def test_other_targets(triple: str, cpu: str, instruction: bytes) -> None:
    code = generate(parse(SQUARE), Cpu(triple, cpu), exports=["main"], formats=["s"])["s"]
    assert instruction in code


def test_an_operation_of_another_dialect() -> None:
    text = """
    module {
      llvm.func @main() {
        "some.thing"() : () -> () loc("model.py":7:3)
        llvm.return
      }
    }"""
    with pytest.raises(CodegenError) as failure:
        generate(parse(text), host())
    assert str(failure.value) == (
        "no machine code exists for some.thing\n"
        "  at: model.py:7:3\n"
        "  hint: lower these operations to the LLVM dialect first"
    )


def test_text_that_llvm_refuses() -> None:
    with pytest.raises(CodegenError, match="LLVM refused the generated code"):
        generate(parse(SQUARE), host(), extra=["define void @broken() { nonsense }"])


def test_wrong_arguments() -> None:
    with pytest.raises(UsageError, match="can't be emitted as 'exe'"):
        generate(parse(SQUARE), host(), formats=["exe"])
    with pytest.raises(UsageError, match="optimisation level 7"):
        generate(parse(SQUARE), host(), opt_level=7)
    with pytest.raises(UsageError, match="no code can be made for triple 'pdp11'"):
        generate(parse(SQUARE), Cpu("pdp11", "generic"))


def test_ctrl_c_does_not_wait_for_llvm() -> None:
    program = textwrap.dedent("""
        import _thread, signal, threading, time
        from stepwell.backends.llvm.codegen import _interruptible
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin deaf to it
        threading.Timer(0.2, _thread.interrupt_main).start()
        begin = time.monotonic()
        try:
            _interruptible(lambda: time.sleep(20), lambda: None)
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - begin < 10)
    """)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "interrupted True\n"
    assert done.returncode in (0, -signal.SIGINT)


def test_what_happens_meanwhile_happens_here_while_llvm_works_elsewhere() -> None:
    seen: list[tuple[bool, bool]] = []

    def meanwhile() -> None:
        others = [thread.name for thread in threading.enumerate()]
        seen.append((threading.current_thread() is threading.main_thread(), "stepwell-codegen" in others))

    busy = "".join(SQUARE.replace("@main", f"@f{number}") for number in range(2000))
    code = generate(parse(busy), host(), exports=["f7"], meanwhile=meanwhile)
    assert seen == [(True, True)] and b"f7" in code["o"]

    def fail() -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        generate(parse(SQUARE), host(), meanwhile=fail)
