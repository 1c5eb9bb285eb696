"""``make bench-cpu``: Stepwell's CPU code beside its peers; writes ``docs/bench-cpu.md``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.cpu import page, results, tables
from bench.cpu.cases import SECTIONS
from bench.cpu.measure import Plan, measure, measure_facts, say
from bench.cpu.peers import FAST, NAMES, OURS, SLOW_TO_BUILD
from bench.cpu.results import Row
from stepwell.backends.llvm.peaks import measure_peaks

_ORDER = ["gemm", "convolutions", "operators", "narrow", "models", "decoder", "compile", "facts"]

#: Where ``fp=fast`` makes other code.
_FAST = ("convolutions", "narrow", "models")

#: With ``--quick``: every so many rows, or these.
_EVERY = {"gemm": 4, "convolutions": 14, "operators": 3, "narrow": 1, "decoder": 2}
_QUICK_MODELS = ("resnet18", "mobilenet_v3_small", "vit_tiny", "bert", "gpt2", "llama", "lstm")
_QUICK_FACTS = ("resnet18", "bert")

_TEXTS = {
    "gemm": (
        "Matrix products",
        "Both matrices are inputs: nothing is packed ahead of the call. Behind the batches stands M x K x N. The peak "
        "is that of a loop of fused multiply-adds in registers: {peaks}.",
    ),
    "convolutions": (
        "Convolutions",
        "Every distinct convolution of ResNet-50, MobileNetV3 (large), EfficientNet-b0 and ConvNeXt (tiny) at 224x224, "
        "batch 1. Images come and go in torch's layout.",
    ),
    "operators": ("Softmax, normalisation, GELU, attention", "One operator a call, at the sizes of transformers."),
    "narrow": (
        "Narrow numbers",
        "bf16 and f16 summed in f32, bytes in 32 bits (`torch._int_mm`): M x K x N, of two inputs or (linear) with "
        "weights; a convolution of 64 channels, 3x3 on 56x56.",
    ),
    "models": ("Whole models", "The zoo, ResNet-50 and EfficientNet-b0; `@8` is a batch of 8."),
    "decoder": (
        "Decoding",
        "One token behind a context of so many, batch 1, the zoo's Llama: 2 layers of width 512, 8 heads on 2 key "
        "heads.",
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sections asked for, and write their part of the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.cpu", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(_ORDER)}; all by default")
    parser.add_argument("--short", action="store_true", help="fewer and shorter rounds, no search by torch.compile")
    parser.add_argument("--quick", action="store_true", help="--short, and some of the rows alone: about ten minutes")
    parser.add_argument("--rows", metavar="REGEX", help="measure these rows only")
    parser.add_argument("--contenders", metavar="NAME;...", help=f"of {'; '.join(NAMES)}")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--fresh", action="store_true", help="measure again what was measured before")
    parser.add_argument("-o", "--output", type=Path, default=page.PAGE)
    options = parser.parse_args(arguments)
    sections = options.sections or _ORDER
    if unknown := set(sections) - set(_ORDER):
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(_ORDER)}")
    contenders = options.contenders.split(";") if options.contenders else list(NAMES)
    if unknown := set(contenders) - set(NAMES):
        parser.error(f"no contender is called {', '.join(sorted(unknown))}; there are {'; '.join(NAMES)}")
    short = options.short or options.quick
    if short:
        contenders = [name for name in contenders if name not in SLOW_TO_BUILD]
    rounds, seconds = (3, 0.1) if short else (5, 0.3)
    plan = Plan(contenders, options.threads, rounds, seconds, short)
    for section in sections:
        text = _section(section, plan, _rows(section, options.quick, options.rows), options.fresh)
        if text:
            page.update({section: text}, _ORDER, options.output)
    say(f"wrote {options.output}")
    return 0


def _section(section: str, plan: Plan, rows: list[str], fresh: bool) -> str:
    if section not in _FAST:
        plan = replace(plan, contenders=[name for name in plan.contenders if name != FAST])
    peers = [name for name in plan.contenders if name != OURS]
    if section == "compile":
        measure("models", rows, plan, fresh=False)
        return tables.compile_times(_measured("models", rows), plan.contenders)
    if section == "facts":
        measure("overhead", ["add_one"], plan, fresh=fresh)
        measure_facts(rows, plan, fresh=fresh)
        return tables.facts(_measured("facts", rows), results.load("overhead", "add_one"), plan.contenders)
    measure(section, rows, plan, fresh=fresh)
    title, text = _TEXTS[section]
    extras = [tables.tokens()] if section == "decoder" else []
    if section == "gemm":
        peaks = {threads: measure_peaks(threads) for threads in plan.threads}
        found = ", ".join(f"{peaks[n].flops / 1e9:.0f} GFLOP/s on {n}" for n in plan.threads)
        extras, text = [tables.peak_share(peaks)], text.format(peaks=found)
    return tables.times(title, text, _measured(section, rows), plan.threads, peers, extras)


def _rows(section: str, quick: bool, pattern: str | None) -> list[str]:
    if section == "compile":
        section = "models"
    rows = SECTIONS["models" if section == "facts" else section][0]()
    if section == "facts":
        rows = [name for name in rows if "@" not in name]
    if quick:
        chosen = {"models": _QUICK_MODELS, "facts": _QUICK_FACTS}.get(section) or rows[:: _EVERY[section]]
        rows = [name for name in rows if name in chosen]
    return [name for name in rows if pattern is None or re.search(pattern, name)]


def _measured(section: str, rows: Sequence[str]) -> list[Row]:
    return [row for row in (results.load(section, name) for name in rows) if row is not None]


if __name__ == "__main__":
    raise SystemExit(main())
