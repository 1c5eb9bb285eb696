"""CPUs: what options mean, what a machine can run."""

from pathlib import Path

import pytest

from stepwell.backends.llvm.cpu import Cpu, _cache_sizes, check_machine, cpu_model, host, resolve_cpu
from stepwell.backends.target import Target
from stepwell.support.errors import ArtifactError, UsageError

X86 = "x86_64-unknown-linux-gnu"


def test_the_host_is_made_explicit() -> None:
    cpu = resolve_cpu(Target("cpu"))
    assert cpu == host()
    assert cpu.name != "host"
    assert cpu == resolve_cpu(Target("cpu", cpu="host"))
    assert list(cpu.features) == sorted(cpu.features, key=lambda word: word[1:])


def test_options() -> None:
    cpu = resolve_cpu(Target("cpu", triple="aarch64-linux-gnu", cpu="cortex-a72", features=["+sve", "-bf16", "i8mm"]))
    assert cpu == Cpu("aarch64-linux-gnu", "cortex-a72", ("-bf16", "+fullfp16", "+i8mm", "+neon", "+sve"))
    assert cpu.needed == ("fullfp16", "i8mm", "neon", "sve")


def test_a_product_s_features_are_spelled_out() -> None:
    cpu = resolve_cpu(Target("cpu", triple=X86, cpu="skylake-avx512"))
    assert {"avx512f", "avx512vl", "fma"} <= set(cpu.needed) and "avx512bf16" not in cpu.needed
    assert resolve_cpu(Target("cpu", triple=X86, cpu=cpu.name, features=cpu.feature_text)) == cpu
    without = resolve_cpu(Target("cpu", triple=X86, cpu="x86-64-v4", features="-avx2"))
    assert not without.has("avx512f") and "avx512f" not in without.needed and without.has("avx")
    assert "avx512f" not in resolve_cpu(Target("cpu", triple=X86, cpu="skylake-avx512", features="-avx512f")).needed
    assert resolve_cpu(Target("cpu", triple=X86, cpu="generic")).needed == ()


def test_generic_is_what_linux_takes_for_granted() -> None:
    cpu = resolve_cpu(Target("cpu", triple="riscv64-linux-gnu"))
    assert (cpu.name, cpu.needed) == ("generic-rv64", ("a", "c", "d", "f", "m"))
    assert resolve_cpu(Target("cpu", triple="aarch64-linux-gnu")).needed == ("neon",)


def test_wrong_options() -> None:
    with pytest.raises(UsageError, match="no code generator for triple 'pdp11-dec-unix'"):
        resolve_cpu(Target("cpu", triple="pdp11-dec-unix"))
    other = "aarch64-linux-gnu" if host().arch == "x86_64" else X86
    with pytest.raises(UsageError, match="cpu=host does not fit triple"):
        resolve_cpu(Target("cpu", triple=other, cpu="host"))


def test_this_machine_runs_its_own_code() -> None:
    check_machine(host())


def test_missing_features_are_named() -> None:
    machine = Cpu(X86, "oldone", ("+sse3", "-avx2"))
    with pytest.raises(ArtifactError) as failure:
        check_machine(Cpu(X86, "newone", ("+avx2", "+fma", "+sse3", "+xsave")), machine)
    assert "the code needs CPU features that this machine lacks: avx2, fma" in str(failure.value)
    assert "made for newone, this is oldone" in str(failure.value)


def test_levels_imply_features() -> None:
    machine = Cpu(X86, "some", ("+avx", "+avx2", "+fma", "+sse3", "+ssse3", "+sse4.1", "+sse4.2", "+popcnt"))
    check_machine(Cpu(X86, "x86-64"), machine)
    check_machine(Cpu(X86, "x86-64-v2"), machine)
    with pytest.raises(ArtifactError, match="lacks: bmi, bmi2, f16c, lzcnt, movbe"):
        check_machine(Cpu(X86, "x86-64-v3"), machine)


def test_another_architecture() -> None:
    machine = Cpu(X86, "some", ("+avx2",))
    with pytest.raises(ArtifactError, match="the code is for aarch64, this machine is x86_64"):
        check_machine(Cpu("aarch64-linux-gnu", "generic"), machine)
    check_machine(Cpu("amd64-pc-linux", "generic"), machine)


def test_models() -> None:
    assert cpu_model(Cpu(X86, "x86-64-v3")).vector_bits == 256
    assert cpu_model(Cpu(X86, "x86-64")).vector_bits == 128
    assert cpu_model(Cpu(X86, "zen4", ("+avx512bf16", "+avx512vl", "+fma"))).vector_bits == 512
    assert cpu_model(Cpu("aarch64-linux-gnu", "cortex-a72")).registers == 32
    model = cpu_model(host())
    assert 0 < model.l1_bytes <= model.l2_bytes <= model.l3_bytes


def test_cache_sizes_are_read_from_the_system(tmp_path: Path) -> None:
    for index, (level, kind, size) in enumerate([(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2M")]):
        folder = tmp_path / f"index{index}"
        folder.mkdir()
        for name, value in (("level", level), ("type", kind), ("size", size)):
            (folder / name).write_text(f"{value}\n")
    assert _cache_sizes(tmp_path) == {1: 48 << 10, 2: 2 << 20}
    assert _cache_sizes(tmp_path / "absent") == {}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("cpu=pentium9", "there is no CPU 'pentium9' for triple"),
        ("features=+avx9", "there is no CPU feature 'avx9' for triple"),
    ],
)
def test_names_that_llvm_does_not_have_are_refused(option: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_cpu(Target.parse(f"cpu,{option}"))


def test_names_that_llvm_has_are_taken() -> None:
    assert resolve_cpu(Target.parse("cpu,triple=aarch64-linux-gnu,cpu=cortex-a72")).name == "cortex-a72"
    assert "-avx2" in resolve_cpu(Target.parse("cpu,triple=x86_64-linux-gnu,cpu=znver3,features=-avx2")).features


@pytest.mark.skipif(host().arch != "x86_64", reason="names features of x86-64")
def test_a_feature_goes_with_those_that_need_it() -> None:
    """``features=-avx`` on this machine leaves nothing of its wider vectors."""
    left = resolve_cpu(Target("cpu", features="-avx"))
    assert not any(left.has(feature) for feature in ("avx", "avx2", "fma", "avx512f"))
    assert cpu_model(left).vector_bits == 128
